"""The elasticity theorem (Thm 4.2 of Ji et al., 2025) on real corpora.

Three kinds of corpora go in: what a model was pre-trained on, what it was aligned with, and what
perturbs it. Out come the rates of each under the joint code of all, their slopes in the volume of
the perturbation, and whether the alignment gives way k times as fast as the pre-training.
"""
