"""Overlap: the law if a share of the perturbation is covered text and the rest is unrelated.

At l = 0, coverage and slopes are linear in the distribution of the perturbation. So the ratio is a
quotient of two linear functions, with a pole where the slope of the pre-training is 0.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpora import SHOWN, Documents, Law, Texts, build_tree, laws
from drawing import line_style, new_figure, plot_share, save
from synthetic import common_leaves, mixed_sources
from tables import columns, columns_at_depths, table

import elastic_core as ec
from elastic_core.report.plot import colour, tidy

SEED = 0
SHARES = np.linspace(0, 1, 11)
FINE = np.linspace(0, 1, 401)
_SHARES = [f"{share:.1f}" for share in SHARES]
MIXED = "source 3 in source 4"
COMMON = "common leaves"


def study(texts: Texts, out: Path) -> str:
    """Draws `elasticity-overlap.png` and returns the tables of real and of synthetic mixtures."""
    pretrain, align = build_tree(texts.pretrain), build_tree(texts.align)
    *related, (other, unrelated) = texts.perturb.items()
    mixed = {
        f"{name} in {other}": laws(pretrain, align, mixtures(text, unrelated))
        for name, text in related
    }
    known = {MIXED: mixed_sources(SHARES), COMMON: common_leaves(SHARES)}
    draw(mixed, known, out)
    figures = ("coverage", "pretrain", "align", "ratio", "share")
    exact = {name: [("share", "", _SHARES), *columns(law, figures)] for name, law in known.items()}
    real = {
        title: [("share", "", _SHARES), *columns_at_depths(cases, ("coverage", "share"))]
        for title, cases in mixed.items()
    }
    return f"{table(real)}\n\n{table(exact)}"


def mixtures(covered: Documents, unrelated: Documents) -> list[ec.TokenTree]:
    """The trees of mixtures of the same size, with `SHARES` of covered text."""
    size = min(sum(map(len, covered)), sum(map(len, unrelated)))
    return [
        build_tree([*_sample(covered, inside), *_sample(unrelated, size - inside)])
        for inside in (round(share * size) for share in SHARES)
    ]


def _sample(documents: Documents, size: int) -> Documents:
    """The first `size` bytes of documents in a random order, the last one cut off."""
    order = np.random.default_rng(SEED).permutation(len(documents))
    ends = np.cumsum([len(documents[at]) for at in order])
    whole = int(np.searchsorted(ends, size, side="right"))
    rest = size - int(ends[whole - 1]) if whole else size
    sample = [documents[at] for at in order[:whole]]
    return [*sample, documents[order[whole]][:rest]] if rest else sample


def between(law: Law) -> Law:
    """The law for shares from 0 to 1, interpolated linearly between the two ends."""
    ends = ([getattr(law, name)[at] for at in (0, -1)] for name in Law.__slots__)
    return Law(*(np.interp(FINE, [0, 1], pair) for pair in ends))


def draw(mixed: dict[str, Sequence[Law]], known: dict[str, Law], out: Path) -> None:
    """Draws the ratio against coverage: mixtures as points, the formula as lines."""
    panels = {
        title: {f"depth {depth}": Law.over(cases, depth) for depth in SHOWN}
        for title, cases in mixed.items()
    }
    panels["synthetic"] = known
    figure, (row,) = new_figure(1, len(panels), sharey=True)
    for axes, (title, cases) in zip(row, panels.items(), strict=True):
        for number, (name, law) in enumerate(cases.items()):
            points = {**line_style(number), "linestyle": "", "label": name}
            axes.plot(law.coverage, law.share, **points)
            if name != COMMON:
                line = between(law)
                plot_share(axes, line.coverage, line, color=colour(number), linewidth=1)
        axes.axvline(law.k[0] / (law.k[0] + 1), color="grey", linestyle=":", linewidth=1)
        axes.axhline(1, color="black", linestyle=":", linewidth=1)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("coverage $c$")
        axes.legend(frameon=False, loc="lower left", fontsize=9)
        tidy(axes)
    row[0].set_ylabel("ratio / $-k$")
    row[0].set_ylim(-2, 3)
    save(figure, out / "elasticity-overlap.png")
