"""Statistics of few numbers: intervals, comparisons, tests."""
