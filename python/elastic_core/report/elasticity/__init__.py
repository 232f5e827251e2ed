"""Elasticity: tables, words and figures."""
