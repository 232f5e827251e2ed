"""Statistics of small samples: intervals, paired comparisons, correlations."""
