"""The law at l = 0, the rates before and after, and the sweeps over l and k of one perturbation."""

import numpy as np

from elastic_core._core import JointRates
from elastic_core.elastic_law.result import (
    DepthLaw,
    DepthRates,
    OverK,
    PerturbationResult,
    Sweep,
    known,
)
from elastic_core.elastic_law.verdict import verdict
from elastic_core.elastic_law.volumes import Array, Triple

_POINTS = 100
_LEAST_L = 1e-4
_HUFFMAN_STEP = 4
_K = np.geomspace(1, 1e4, 49)


def study(name: str, triple: Triple, k: float, l: float) -> PerturbationResult:
    """Everything that the joint spectrum says of one perturbation.

    Args:
        name: What the perturbation is called.
        triple: D_p, D_a and the perturbation.
        k: |D_p| / |D_a|.
        l: |D_t| / |D_a|.
    """
    sweep = sweep_l(triple, k, l)
    start = triple.rates(k, 0.0)
    return PerturbationResult(
        name=name,
        k=k,
        l=l,
        law=laws(start, k, sweep),
        before=depth_rates(triple, start, k, 0.0),
        after=depth_rates(triple, triple.rates(k, l), k, l),
        sweep=sweep,
        over_k=sweep_k(triple, k),
    )


def laws(start: JointRates, k: float, sweep: Sweep) -> tuple[DepthLaw, ...]:
    """The law for each depth, from the rates at l = 0."""
    rows = []
    slopes, coverages, residuals = start.slope_bits[:, 0], start.coverage[:, 0], start.residual_bits
    for at, found in enumerate(ratios(start)[:, 0]):
        pretrain, coverage, ratio = float(slopes[at, 0]), float(coverages[at]), known(found)
        novel_bits = (1 - coverage) / np.log(2)
        rows.append(
            DepthLaw(
                depth=at + 1,
                coverage=coverage,
                slope_pretrain_bits=pretrain,
                slope_align_bits=float(slopes[at, 1]),
                ratio=ratio,
                predicted=None if ratio is None else float(-k + novel_bits / pretrain),
                residual_bits=float(residuals[at, 0]),
                flip_pretrain=flip(sweep.l, sweep.slope_bits[at, :, 0]),
                flip_align=flip(sweep.l, sweep.slope_bits[at, :, 1]),
                verdict=verdict(ratio, k, coverage),
            )
        )
    return tuple(rows)


def depth_rates(triple: Triple, rates: JointRates, k: float, l: float) -> tuple[DepthRates, ...]:
    """The rates at one choice of volumes for each depth; `rates` are those at k and l."""
    members = triple.members

    def column(figures: Array) -> list[tuple[float | None, ...]]:
        return [tuple(map(known, row)) for row in figures]

    gamma = column(rates.gamma_bits[:, 0, members])
    normalized = column(rates.normalized_rate[:, 0, members])
    kl = column(rates.kl_bits[:, 0, members])
    slopes = column(rates.slope_bits[:, 0, members])
    springs = column(rates.shift_bits[:, 0, members] * np.array([k, 1, l]))
    ratio, residual = ratios(rates)[:, 0], rates.residual_bits[:, 0]
    return tuple(
        DepthRates(
            depth=at + 1,
            gamma_bits=gamma[at],
            huffman_bits=column(triple.huffman_bits(at + 1, k, l))[0],
            normalized_rate=normalized[at],
            kl_bits=kl[at],
            slope_bits=slopes[at],
            spring_bits=springs[at],
            ratio=known(ratio[at]),
            residual_bits=float(residual[at]),
        )
        for at in range(triple.joint.depth)
    )


def sweep_l(triple: Triple, k: float, l: float) -> Sweep:
    """Rates and slopes for l = 0 and 100 values from 1e-4 to a decade above the largest of 1 and l.

    They are spread evenly on a log axis.
    """
    most = 10.0 ** (1 + np.ceil(np.log10(max(1.0, l))))
    values = np.concatenate([[0.0], np.geomspace(_LEAST_L, most, _POINTS)])
    rates, members = triple.rates(k, values), triple.members
    some = values[::_HUFFMAN_STEP]
    weights = np.stack([np.full_like(values, k), np.ones_like(values), values], axis=1)
    return Sweep(
        l=values,
        gamma_bits=rates.gamma_bits[..., members],
        slope_bits=rates.slope_bits[..., members],
        spring_bits=rates.shift_bits[..., members] * weights,
        residual_bits=rates.residual_bits,
        huffman_l=some,
        huffman_bits=triple.huffman_bits(triple.joint.depth, k, some),
    )


def sweep_k(triple: Triple, k: float) -> OverK:
    """The ratio at l = 0 for k from 1 to 10,000 and the k of the corpora."""
    values = np.unique(np.append(_K, k))
    return OverK(values, ratios(triple.rates(values, 0.0)))


def ratios(rates: JointRates) -> Array:
    """D gamma_a / dl over d gamma_p / dl, shape (depth, points); not finite where the last is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Array = rates.slope_bits[..., 1] / rates.slope_bits[..., 0]
    return quotient


def flip(l: Array, slope: Array) -> float | None:
    """The l at which a slope changes its sign; None if it does not in the sweep.

    There is one at most: gamma_i is convex in the share l / (k + 1 + l) of the perturbation, in
    which the joint distribution is a straight line. Between the two values of l on either side the
    slope is taken for straight in log l.

    Args:
        l: Rising volumes, the first 0; shape (points,).
        slope: The slope there, shape (points,).
    """
    changes = np.flatnonzero(np.diff(np.sign(slope[1:])) != 0)
    if not len(changes):
        return None
    at = int(changes[0]) + 1
    before, after = slope[at], slope[at + 1]
    logs = np.log(l[at : at + 2])
    return float(np.exp(logs[0] + (logs[1] - logs[0]) * before / (before - after)))
