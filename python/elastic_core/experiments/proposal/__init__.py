"""A configuration for one's own model and data: what the data allow, and how long it takes."""
