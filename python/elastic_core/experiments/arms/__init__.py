"""Studies with arms: what models are aligned with and trained on further, and what is left."""
