"""The mass distribution: which law the weights of a tree's leaves follow (Assumption A.7)."""
