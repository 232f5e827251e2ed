"""Elasticity of a tree model: trained on the union in one order or in sequence, then scored."""

from elastic_core.elastic_law.trained.curve import RateCurve, TrainedConfig, TrainedCurve
from elastic_core.elastic_law.trained.estimate import Estimate
from elastic_core.elastic_law.trained.plan import ORDERS
from elastic_core.elastic_law.trained.run import trained

__all__ = ["ORDERS", "Estimate", "RateCurve", "TrainedConfig", "TrainedCurve", "trained"]
