"""Where the signs flip: the slopes against l, and where they are 0.

As a function of the share s = l / (k + 1 + l) of the perturbation, the joint distribution q moves
along a straight line, and -log q is convex. So each rate falls up to one value of l and rises
beyond it; the slope in s, (k + 1 + l)^2 / (k + 1) d gamma / dl, never falls, and has at most one
zero.
"""

from pathlib import Path

import numpy as np
from corpora import Array, Texts, build_tree
from drawing import ROLES, new_figure, save
from tables import Column, table

import elastic_core as ec
from elastic_core.report.plot import colour, tidy

DEPTHS = (2, 8)
L = np.geomspace(1e-4, 1e6, 401)


def study(texts: Texts, out: Path) -> str:
    """Draws `elasticity-flips.png` and returns a table of flips and of shares missing in D_t."""
    trees = [
        build_tree(texts.pretrain),
        build_tree(texts.align),
        *map(build_tree, texts.perturb.values()),
    ]
    joint = ec.JointSpectrum.of(trees)
    k = float(joint.segments[0] / joint.segments[1])
    forces = {name: force(joint, k, at) for at, name in enumerate(texts.perturb, start=2)}
    draw(forces, k, out)
    rows: dict[str, list[Column]] = {}
    for at, (name, curves) in enumerate(forces.items(), start=2):
        rows[name] = [("depth", "", [str(depth) for depth in range(1, joint.depth + 1)])]
        for role, whose in enumerate(ROLES):
            zeros = [flip(curve, k) for curve in curves[..., role]]
            rows[name].append((f"flip of {whose}", "l", zeros))
        for role, whose in enumerate(ROLES):
            shares = missing(joint, role, at)
            rows[name].append((f"{whose} without D_t", "%", [f"{100 * x:.3g}" for x in shares]))
    return table(rows)


def force(joint: ec.JointSpectrum, k: float, perturb: int) -> Array:
    """(k + 1 + l) d gamma / dl in bits, for pre-training and alignment; (depth, l, 2)."""
    volumes = np.zeros((len(L), len(joint.segments)))
    volumes[:, 0], volumes[:, 1], volumes[:, perturb] = k, 1, L
    slopes: Array = joint.rates(volumes, perturb).slope_bits[..., :2]
    return slopes * (k + 1 + L)[:, np.newaxis]


def zero(force: Array, k: float) -> float | None:
    """The l at which a slope is 0; None if it has the same sign for all l."""
    rising = force * (k + 1 + L)
    return float(np.interp(0.0, rising, L)) if rising[0] < 0 < rising[-1] else None


def flip(force: Array, k: float) -> str:
    """The l at which a slope is 0, or whether the rate `rises` or `falls` for all l."""
    at = zero(force, k)
    if at is None:
        return "rises" if force[0] > 0 else "falls"
    return f"{float(f'{at:.3g}'):,g}"


def missing(joint: ec.JointSpectrum, role: int, perturb: int) -> Array:
    """The share of a dataset's segments that do not occur in the perturbation, at each depth."""
    volumes = np.zeros((1, len(joint.segments)))
    volumes[0, [role, perturb]] = 1
    return 1 - joint.rates(volumes, role).coverage[:, 0]


def draw(forces: dict[str, Array], k: float, out: Path) -> None:
    """Draws the slopes of both roles at two depths, and marks their zeros."""
    figure, grid = new_figure(2, len(DEPTHS), sharex=True, sharey=True)
    for role, row in enumerate(grid):
        for axes, depth in zip(row, DEPTHS, strict=True):
            for number, (name, curves) in enumerate(forces.items()):
                line = curves[depth - 1, :, role]
                axes.plot(L, line, color=colour(number), label=name)
                if at := zero(line, k):
                    axes.plot(at, 0, "o", color=colour(number), markeredgecolor="white")
            axes.axhline(0, color="black", linewidth=0.8)
            axes.set_xscale("log")
            axes.set_yscale("symlog", linthresh=1e-3)
            axes.set_title(f"{ROLES[role]}, depth {depth}", loc="left")
            tidy(axes)
        row[0].set_ylabel(r"$(k+1+l)\,d\gamma/dl$ (bits)")
    for axes in grid[-1]:
        axes.set_xlabel("$l = |D_t| / |D_a|$")
    grid[0][0].legend(frameon=False)
    save(figure, out / "elasticity-flips.png")
