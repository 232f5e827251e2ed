"""Corpora whose truth is known: a mass law, sources of leaves, draws from mixtures of them."""
