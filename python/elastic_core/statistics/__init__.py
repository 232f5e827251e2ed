"""Statistics of small samples: intervals, paired comparisons, correlations, verdicts on claims."""
