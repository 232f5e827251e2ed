"""The law at l = 0, the rates before and after, and the sweeps over l and k of one perturbation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import JointRates, JointSpectrum
from elastic_core.common.files import without_nan
from elastic_core.common.progress import Progress
from elastic_core.elastic_law.result import (
    DepthLaw,
    DepthRates,
    OverK,
    PerturbationResult,
    Sweep,
    Verdict,
)

Array: TypeAlias = NDArray[np.float64]
Volumes: TypeAlias = Sequence[float] | Array | float

TOLERANCE = 0.1
"""How far the ratio of the slopes may be from -k, as a share of k."""

_POINTS = 100
_SMALLEST_L = 1e-4
_HUFFMAN_STEP = 4
_K = np.geomspace(1, 1e4, 49)


@dataclass(frozen=True, slots=True)
class Triple:
    """D_p, D_a and one perturbation of a joint spectrum; the other perturbations have volume 0.

    Attributes:
        joint: The joint spectrum of D_p, D_a and all perturbations, in this order.
        perturb: Index of the perturbation in it.
        threads: Number of threads; None: one for each core.
        progress: Receives steps in classes of leaves.
    """

    joint: JointSpectrum
    perturb: int
    threads: int | None = None
    progress: Progress | None = None

    @property
    def members(self) -> list[int]:
        """The indices of D_p, D_a and D_t."""
        return [0, 1, self.perturb]

    def volumes(self, k: Volumes, l: Volumes) -> Array:
        """The volumes of all datasets for each k and l, shape (points, datasets)."""
        k, l = np.broadcast_arrays(np.atleast_1d(k), np.atleast_1d(l))
        volumes = np.zeros((len(k), len(self.joint.segments)))
        volumes[:, 0], volumes[:, 1], volumes[:, self.perturb] = k, 1, l
        return volumes

    def rates(self, k: Volumes, l: Volumes) -> JointRates:
        """The rates for each k and l, with their slopes in l.

        Raises:
            InvalidArgumentError: A volume is negative or not finite.
        """
        return self.joint.rates(
            self.volumes(k, l), self.perturb, threads=self.threads, progress=self.progress
        )

    def huffman_bits(self, depth: int, k: float, l: Array | float) -> Array:
        """The Huffman code's rates at one depth for each l, in bits, shape (points, 3)."""
        bits = self.joint.huffman_bits(
            depth, self.volumes(k, l), threads=self.threads, progress=self.progress
        )
        return bits[:, self.members]


def study_perturbation(name: str, triple: Triple, k: float, l: float) -> PerturbationResult:
    """Computes everything that the joint spectrum says about one perturbation.

    Args:
        name: Name of the perturbation.
        triple: D_p, D_a and the perturbation.
        k: |D_p| / |D_a|.
        l: |D_t| / |D_a|.
    """
    sweep = _sweep_l(triple, k, l)
    start = triple.rates(k, 0.0)
    return PerturbationResult(
        name=name,
        k=k,
        l=l,
        law=_laws(start, k, sweep),
        before=_depth_rates(triple, start, k, 0.0),
        after=_depth_rates(triple, triple.rates(k, l), k, l),
        sweep=sweep,
        over_k=_sweep_k(triple, k),
    )


def verdict(slope_pretrain: float, ratio: float | None, k: float, coverage: float) -> Verdict:
    """The verdict on the slopes of the two rates.

    Args:
        slope_pretrain: d gamma_p / dl, which is negative by the theorem.
        ratio: d gamma_a / dl over d gamma_p / dl; None: the latter is 0.
        k: |D_p| / |D_a|.
        coverage: The share of the perturbation's segments that D_p or D_a has.
    """
    if coverage == 0:
        return Verdict.UNCOVERED
    if ratio is None or ratio >= 0:
        return Verdict.BREAKS
    if slope_pretrain > 0:
        return Verdict.REVERSED
    return Verdict.HOLDS if abs(ratio + k) <= TOLERANCE * k else Verdict.BENDS


def sign_change(l: Array, slope: Array) -> float | None:
    """The l at which a slope changes its sign; None if it does not within the sweep.

    There is at most one: gamma_i is convex in the share l / (k + 1 + l) of the perturbation, along
    which the joint distribution is a straight line. Between the neighbouring values of l the slope
    is interpolated linearly in log l.

    Args:
        l: Ascending volumes, the first 0; shape (points,).
        slope: The slope there, shape (points,).
    """
    changes = np.flatnonzero(np.diff(np.sign(slope[1:])) != 0)
    if not len(changes):
        return None
    at = int(changes[0]) + 1
    before, after = slope[at], slope[at + 1]
    logs = np.log(l[at : at + 2])
    return float(np.exp(logs[0] + (logs[1] - logs[0]) * before / (before - after)))


def _laws(start: JointRates, k: float, sweep: Sweep) -> tuple[DepthLaw, ...]:
    """The law for each depth, from the rates at l = 0."""
    laws = []
    slopes, coverages, residuals = start.slope_bits[:, 0], start.coverage[:, 0], start.residual_bits
    ratios: list[float | None] = without_nan(_ratios(start)[:, 0])
    for at, ratio in enumerate(ratios):
        pretrain, coverage = float(slopes[at, 0]), float(coverages[at])
        novel_bits = (1 - coverage) / np.log(2)
        laws.append(
            DepthLaw(
                depth=at + 1,
                coverage=coverage,
                slope_pretrain_bits=pretrain,
                slope_align_bits=float(slopes[at, 1]),
                ratio=ratio,
                predicted=None if ratio is None else float(-k + novel_bits / pretrain),
                residual_bits=float(residuals[at, 0]),
                flip_pretrain=sign_change(sweep.l, sweep.slope_bits[at, :, 0]),
                flip_align=sign_change(sweep.l, sweep.slope_bits[at, :, 1]),
                verdict=verdict(pretrain, ratio, k, coverage),
            )
        )
    return tuple(laws)


def _depth_rates(triple: Triple, rates: JointRates, k: float, l: float) -> tuple[DepthRates, ...]:
    """The rates at one choice of volumes for each depth; `rates` are those at k and l."""
    members = triple.members

    def by_depth(values: Array) -> list[tuple[float | None, ...]]:
        return [tuple(row) for row in without_nan(values)]

    gamma = by_depth(rates.gamma_bits[:, 0, members])
    normalized = by_depth(rates.normalized_rate[:, 0, members])
    kl = by_depth(rates.kl_bits[:, 0, members])
    slopes = by_depth(rates.slope_bits[:, 0, members])
    springs = by_depth(rates.shift_bits[:, 0, members] * np.array([k, 1, l]))
    ratio, residual = without_nan(_ratios(rates)[:, 0]), rates.residual_bits[:, 0]
    return tuple(
        DepthRates(
            depth=at + 1,
            gamma_bits=gamma[at],
            huffman_bits=by_depth(triple.huffman_bits(at + 1, k, l))[0],
            normalized_rate=normalized[at],
            kl_bits=kl[at],
            slope_bits=slopes[at],
            spring_bits=springs[at],
            ratio=ratio[at],
            residual_bits=float(residual[at]),
        )
        for at in range(triple.joint.depth)
    )


def _sweep_l(triple: Triple, k: float, l: float) -> Sweep:
    """Rates and slopes for l = 0 and 100 values from 1e-4 to a decade above the larger of 1 and l.

    The values are evenly spaced on a log axis.
    """
    largest = 10.0 ** (1 + np.ceil(np.log10(max(1.0, l))))
    values = np.concatenate([[0.0], np.geomspace(_SMALLEST_L, largest, _POINTS)])
    rates, members = triple.rates(k, values), triple.members
    huffman_l = values[::_HUFFMAN_STEP]
    weights = np.stack([np.full_like(values, k), np.ones_like(values), values], axis=1)
    return Sweep(
        l=values,
        gamma_bits=rates.gamma_bits[..., members],
        slope_bits=rates.slope_bits[..., members],
        spring_bits=rates.shift_bits[..., members] * weights,
        residual_bits=rates.residual_bits,
        huffman_l=huffman_l,
        huffman_bits=triple.huffman_bits(triple.joint.depth, k, huffman_l),
    )


def _sweep_k(triple: Triple, k: float) -> OverK:
    """The ratio at l = 0 for k from 1 to 10,000 and the k of the corpora."""
    values = np.unique(np.append(_K, k))
    return OverK(values, _ratios(triple.rates(values, 0.0)))


def _ratios(rates: JointRates) -> Array:
    """Slope of the alignment over that of the pre-training; not finite where the latter is 0.

    Returns:
        Shape (depth, points).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Array = rates.slope_bits[..., 1] / rates.slope_bits[..., 0]
    return ratios
