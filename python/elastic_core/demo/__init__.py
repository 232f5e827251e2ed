"""The demo: an aligned model on its way back, and the law behind it."""
