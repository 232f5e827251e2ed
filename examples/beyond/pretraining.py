"""More pre-training: the law on the first 1, 2, 4, ... documents of D_p in a random order."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from corpora import SHOWN, Law, Texts, build_tree, laws
from drawing import line_style, new_figure, plot_share, save
from tables import columns, columns_at_depths, table

from elastic_core.report.plot import tidy

SEED = 0
Cases = dict[str, tuple[Law, ...]]
"""For each perturbation, the laws of the samples."""

PANELS = ("coverage $c$", "ratio / $-k$", r"$d\gamma_a/dl$ (bits per segment)")


def study(texts: Texts, out: Path) -> str:
    """Draws `elasticity-pretraining.png` and returns the table of samples."""
    order = np.random.default_rng(SEED).permutation(len(texts.pretrain))
    sizes = [2**n for n in range(len(order).bit_length()) if 2**n < len(order)] + [len(order)]
    align, perturb = build_tree(texts.align), [build_tree(text) for text in texts.perturb.values()]
    samples = [
        laws(build_tree([texts.pretrain[at] for at in order[:n]]), align, perturb) for n in sizes
    ]
    cases = dict(zip(texts.perturb, zip(*samples, strict=True), strict=True))
    draw(cases, out)
    figures = (("coverage", "share"), ("align", "undone"))
    return "\n\n".join(_table(cases, sizes, names) for names in figures)


def _table(cases: Cases, sizes: Sequence[int], figures: Sequence[str]) -> str:
    rows = {
        name: [
            ("documents", "", list(map(str, sizes))),
            *columns(Law.over(samples, 1), ["k"]),
            *columns_at_depths(samples, figures),
        ]
        for name, samples in cases.items()
    }
    return table(rows)


def draw(cases: Cases, out: Path) -> None:
    """Draws coverage, ratio and the alignment's slope against k, a column for each depth."""
    figure, grid = new_figure(len(PANELS), len(SHOWN), sharex=True, sharey="row")
    for at, depth in enumerate(SHOWN):
        column = [row[at] for row in grid]
        for number, (name, samples) in enumerate(cases.items()):
            law = Law.over(samples, depth)
            style = line_style(number)
            column[0].plot(law.k, law.coverage, label=name, **style)
            plot_share(column[1], law.k, law, **style)
            column[2].plot(law.k, law.align, **style)
        column[0].set_title(f"depth {depth}", loc="left")
        column[1].axhline(1, color="black", linestyle=":", linewidth=1)
        column[2].set_xlabel("$k = |D_p| / |D_a|$")
        column[2].set_xscale("log")
    for row, label in zip(grid, PANELS, strict=True):
        row[0].set_ylabel(label)
        for axes in row:
            axes.axhline(0, color="black", linewidth=0.8)
            tidy(axes)
    grid[1][0].set_ylim(-3, 3)
    grid[0][0].legend(frameon=False, loc="lower left")
    save(figure, out / "elasticity-pretraining.png")
