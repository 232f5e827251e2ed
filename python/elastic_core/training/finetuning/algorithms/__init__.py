"""One file per algorithm: the recipe in the words of TRL's trainer, or of the tree model."""
