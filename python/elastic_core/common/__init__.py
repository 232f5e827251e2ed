"""Shared helpers: files, hashes, schema names, progress steps, units, versions, optional extras."""
