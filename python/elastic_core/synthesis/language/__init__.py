"""A synthetic language with a latent style on a shared syntax, and the exact truth about it."""
