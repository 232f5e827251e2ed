"""The elasticity of trained tree models: tables in words, and a figure."""

from elastic_core.report.elasticity.trained.figure import draw
from elastic_core.report.elasticity.trained.words import (
    CHANGE_HEADINGS,
    LEVEL_HEADINGS,
    NAMES,
    agreement,
    change_cells,
    findings,
    level_cells,
    setting,
)

__all__ = [
    "CHANGE_HEADINGS",
    "LEVEL_HEADINGS",
    "NAMES",
    "agreement",
    "change_cells",
    "draw",
    "findings",
    "level_cells",
    "setting",
]
