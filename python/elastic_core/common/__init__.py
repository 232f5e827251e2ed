"""Shared parts: files, hashes, progress steps, units, versions, optional extras."""
