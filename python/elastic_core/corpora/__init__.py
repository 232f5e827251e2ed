"""Sources of text, and the token trees built from them."""
