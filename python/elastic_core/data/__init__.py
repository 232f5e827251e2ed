"""Rows to train on: formats, loading, selection."""
