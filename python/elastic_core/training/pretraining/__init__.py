"""Pre-training of new transformers."""
