"""Training that goes on from a model: one signature for all algorithms and for the tree model."""
