"""Measures how often the intervals of the bootstrap contain the true value.

    python benches/intervals.py imdb/test/neg imdb/train/pos imdb/train/neg

Draws documents from three folders repeatedly, as D_p, D_a and D_t, and runs the elasticity study
with a bootstrap on each draw. An interval should contain the mean over the draws, which is the
expected value for this number of documents. k is the same in all draws, because intervals treat
volumes as fixed. Prints, for some depths and every figure, how often the intervals contain it, how
often the uncentred middle 95% of the replicates do, and the spreads of draws and replicates.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import elastic_core as ec

SIZES = (2000, 300, 150)
K = 7.0
FIGURES = ("coverage", "slope_pretrain_bits", "slope_align_bits", "ratio")
SHOWN = (2, 4, 8)
UNITS = 2 * 1.96


def draw(folders: list[list[str]], number: int, replicates: int) -> NDArray[np.float64]:
    """Estimate, ends and bias of every figure, shape (depth, figures, 4); NaN if missing."""
    random = np.random.default_rng(number)
    pretrain, align, perturb = (
        random.choice(files, size, replace=False).tolist()
        for files, size in zip(folders, SIZES, strict=True)
    )
    result = ec.elasticity(pretrain, align, [perturb], k=K, bootstrap=replicates, seed=number)
    values = np.full((result.depth, len(FIGURES), 4), np.nan)
    for depth, row in enumerate(result.perturbations[0].law):
        for figure, name in enumerate(FIGURES):
            values[depth, figure, 0] = getattr(row, name)
            if interval := (row.intervals or {}).get(name):
                values[depth, figure, 1:] = interval.low, interval.high, interval.bias
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs=3, help="documents of D_p, D_a and D_t")
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--replicates", type=int, default=60)
    options = parser.parse_args()
    folders = [sorted(map(str, folder.glob("*.txt"))) for folder in options.folders]
    draws = []
    for number in range(options.draws):
        draws.append(draw(folders, number, options.replicates))
        print(f"draw {number + 1} of {options.draws}", file=sys.stderr)
    values = np.array(draws)
    print("| depth | figure | intervals | covered | uncentred | spread of draws | of replicates |")
    print("| --: | :-- | --: | --: | --: | --: | --: |")
    for depth in SHOWN:
        for figure, name in enumerate(FIGURES):
            estimate, low, high, bias = values[:, depth - 1, figure].T
            has_interval, target = np.isfinite(low), estimate.mean()
            covered = (low <= target) & (target <= high)
            uncentred = (low + bias <= target) & (target <= high + bias)
            print(
                f"| {depth} | {name} | {has_interval.sum()} | {covered[has_interval].mean():.0%} | "
                f"{uncentred[has_interval].mean():.0%} | {estimate.std(ddof=1):.2g} | "
                f"{np.nanmean(high - low) / UNITS:.2g} |"
            )


if __name__ == "__main__":
    main()
