"""Elasticity: how the rates of pre-training and alignment answer to a perturbation."""
