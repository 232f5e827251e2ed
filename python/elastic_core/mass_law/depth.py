"""One depth of a tree: every law fitted, compared and tested."""

from collections.abc import Callable, Sequence

from numpy.random import SeedSequence

from elastic_core._core import DepthStatistics
from elastic_core.mass_law.bootstrap import p_value
from elastic_core.mass_law.compare import likelihood_ratio
from elastic_core.mass_law.fit import LEAST_LEAVES, Fitting, can_fit, fit_tail, fit_whole
from elastic_core.mass_law.laws import Law, distance
from elastic_core.mass_law.likelihood import (
    LARGEST_EXPONENT,
    fit_exponential,
    fit_lognormal,
    fit_pareto,
    fit_zipf_mandelbrot,
)
from elastic_core.mass_law.result import DepthMass, LawFit, TailFit
from elastic_core.mass_law.spectrum import Spectrum

_OTHERS = (fit_lognormal, fit_exponential, fit_zipf_mandelbrot)


def depth_mass(
    statistics: DepthStatistics,
    *,
    bootstrap: int,
    seed: int,
    tell: Callable[[], object] = lambda: None,
) -> DepthMass:
    """Tests the mass distribution of a tree pruned to one depth.

    Args:
        statistics: The tree's statistics at that depth.
        bootstrap: Replicates behind each p-value; 0: no p-value.
        seed: Seed of the replicates.
        tell: Called after each replicate, at most twice `bootstrap` times.
    """
    spectrum = Spectrum.of(*statistics.spectrum)
    sources = SeedSequence([seed, statistics.depth]).spawn(2)
    whole, tail = (
        _tested(spectrum, fitting, source.spawn(bootstrap), tell)
        for fitting, source in zip((fit_whole, fit_tail), sources, strict=True)
    )
    return DepthMass(
        depth=statistics.depth,
        leaves=statistics.leaves,
        singletons=statistics.singletons,
        unseen_mass=statistics.singletons / spectrum.mass,
        whole=whole or _laws(spectrum, spectrum.counts[0]),
        tail=tail,
        spectrum=spectrum,
    )


def _tested(
    spectrum: Spectrum,
    fitting: Fitting,
    seeds: Sequence[SeedSequence],
    tell: Callable[[], object],
) -> TailFit | None:
    """The laws from where `fitting` begins; None if it finds no Pareto law."""
    fit = fitting(spectrum)
    if fit is None:
        return None
    p = p_value(spectrum, fit, fitting, seeds, tell)
    return _laws(spectrum, fit.law.x_min, p)


def _laws(spectrum: Spectrum, x_min: float, p: float | None = None) -> TailFit:
    """All laws from x_min on."""
    tail = spectrum.tail(x_min)
    pareto, others = None, list[Law]()
    if can_fit(tail):
        pareto = fit_pareto(tail)
        others = [fit(tail) for fit in _OTHERS]
    laws: Sequence[Law] = [pareto, *others] if pareto else others
    return TailFit(
        x_min=int(x_min),
        leaves=tail.size,
        leaf_share=tail.size / spectrum.size,
        mass_share=tail.mass / spectrum.mass,
        laws=tuple(_record(law, tail) for law in laws),
        ratios=tuple(likelihood_ratio(pareto, law, tail) for law in others) if pareto else (),
        p=p,
        reason=None if pareto else _reason(tail),
    )


def _record(law: Law, tail: Spectrum) -> LawFit:
    likelihood = tail.mean(law.log_mass(tail.counts)) * tail.size
    return LawFit(law.name, law, likelihood, distance(law, tail))


def _reason(tail: Spectrum) -> str:
    if tail.size < LEAST_LEAVES:
        return f"fewer than {LEAST_LEAVES} leaves"
    if len(tail.counts) == 1:
        return "all leaves occur equally often"
    return f"the exponent would be above {LARGEST_EXPONENT:g}"
