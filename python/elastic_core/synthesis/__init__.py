"""Synthetic corpora with known ground truth, drawn from mixtures of sources."""
