"""Depth as capacity: the law on trees pruned from one depth, and on trees built at each depth."""

from pathlib import Path

import numpy as np
from corpora import DEPTH, Law, Texts, build_tree, laws
from drawing import line_style, new_figure, plot_share, save
from tables import columns, table

from elastic_core.report.plot import tidy

DEPTHS = range(1, DEPTH + 1)
PANELS = (
    "coverage $c$",
    "ratio / $-k$",
    r"$d\gamma_p/dl$ (bits per segment)",
    r"$d\gamma_a/dl$ (bits per segment)",
)


def study(texts: Texts, out: Path) -> str:
    """Draws `elasticity-depth.png` and returns the tables of pruned and of built trees."""
    at_depth = [_laws(texts, depth) for depth in DEPTHS]
    pruned = at_depth[-1]
    built = {name: Law.over([case[name] for case in at_depth], DEPTHS) for name in texts.perturb}
    draw(pruned, built, out)
    rows = {
        name: [
            ("depth", "", list(map(str, DEPTHS))),
            *columns(pruned[name], ("coverage", "share"), "pruned"),
            *columns(built[name], ("coverage", "pretrain", "align", "ratio", "share"), "built"),
        ]
        for name in texts.perturb
    }
    return table(rows)


def _laws(texts: Texts, depth: int) -> dict[str, Law]:
    corpora = (texts.pretrain, texts.align, *texts.perturb.values())
    pretrain, align, *perturb = (build_tree(documents, depth) for documents in corpora)
    return dict(zip(texts.perturb, laws(pretrain, align, perturb), strict=True))


def draw(pruned: dict[str, Law], built: dict[str, Law], out: Path) -> None:
    """Draws pruned trees as solid lines, built ones as dashed lines."""
    figure, grid = new_figure(2, 2, sharex=True)
    coverage, share, pretrain, align = panels = [*grid[0], *grid[1]]
    looks = ((pruned, {"linestyle": "-"}), (built, {"linestyle": "--", "markerfacecolor": "white"}))
    for trees, look in looks:
        for number, (name, law) in enumerate(trees.items()):
            style = {**line_style(number), **look}
            label = name if trees is pruned else None
            coverage.plot(DEPTHS, law.coverage, label=label, **style)
            plot_share(share, np.array(DEPTHS), law, **style)
            pretrain.plot(DEPTHS, law.pretrain, **style)
            align.plot(DEPTHS, law.align, **style)
    for axes, label in zip(panels, PANELS, strict=True):
        axes.set_ylabel(label)
        axes.axhline(0, color="black", linewidth=0.8)
        tidy(axes)
    share.axhline(1, color="black", linestyle=":", linewidth=1)
    share.set_ylim(-2, 3)
    for axes in grid[1]:
        axes.set_xlabel("depth (symbols)")
    coverage.plot([], [], "--", color="grey", label="built, not pruned")
    coverage.legend(frameon=False)
    save(figure, out / "elasticity-depth.png")
