"""Lossless compression with any language model."""
