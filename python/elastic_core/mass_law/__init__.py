"""The law of leaf weights: fits, tests, report."""
