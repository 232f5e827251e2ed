"""The elasticity theorem (Thm 4.2 of Ji et al., 2025) on the token trees of real corpora.

Three kinds of corpora go in: the pre-training data D_p, the alignment data D_a, and perturbations
D_t. The result has the rate of each under the joint code of all, the slopes of these rates in the
volume of the perturbation, and whether the alignment yields k times as fast as the pre-training.
"""
