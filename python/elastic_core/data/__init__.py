"""Data to train on: rows in TRL's formats, from files or the Hugging Face hub, and their choice."""
