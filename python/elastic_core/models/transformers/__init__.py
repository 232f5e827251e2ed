"""Models of the transformers library: loading checkpoints, forward passes, generation."""
