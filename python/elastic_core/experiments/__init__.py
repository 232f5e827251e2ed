"""Experiments: a study, its configuration, the cells it trains and measures, what they come to."""
