"""A synthetic language with a latent style on a shared syntax, and everything that is true of it."""
