"""Markdown tables of the law: columns of figures for each perturbation."""

from collections.abc import Sequence

from corpora import SHOWN, Law

from elastic_core.report.markdown import markdown_table

Column = tuple[str, str, Sequence[str]]
"""A heading, its unit, and the cells."""

FIGURES = {
    "k": ("k", "{:.4g}"),
    "coverage": ("coverage", "{:.4f}"),
    "pretrain": ("slope of pre-training", "{:+.2e}"),
    "align": ("slope of alignment", "{:+.2e}"),
    "ratio": ("ratio", "{:+.4g}"),
    "share": ("ratio / -k", "{:+.3f}"),
    "undone": ("undone", "{:+.3f}"),
}
"""Heading and format of each figure of `Law`."""


def columns(law: Law, figures: Sequence[str], unit: str = "") -> list[Column]:
    """A column for each figure of a law."""
    return [
        (FIGURES[name][0], unit, [FIGURES[name][1].format(value) for value in getattr(law, name)])
        for name in figures
    ]


def columns_at_depths(cases: Sequence[Law], figures: Sequence[str]) -> list[Column]:
    """A column for each figure of several cases and each depth in `SHOWN`."""
    return [
        column
        for name in figures
        for depth in SHOWN
        for column in columns(Law.over(cases, depth), [name], f"depth {depth}")
    ]


def table(tables: dict[str, list[Column]]) -> str:
    """A Markdown table of all perturbations, one below the other."""
    first = next(iter(tables.values()))
    headings = (("perturbation", ""), *((heading, unit) for heading, unit, _ in first))
    rows = [
        (name, *cells)
        for name, group in tables.items()
        for cells in zip(*(column for _, _, column in group), strict=True)
    ]
    return markdown_table(headings, rows, ("perturbation",))
