"""One depth of a tree: every law fitted to the leaf counts, compared and tested."""

from collections.abc import Callable, Sequence
from math import erfc, sqrt

from numpy.random import SeedSequence
from scipy.special import chdtrc

from elastic_core._core import DepthStatistics
from elastic_core.mass_law.bootstrap import p_value
from elastic_core.mass_law.fit import (
    LARGEST_EXPONENT,
    LEAST_LEAVES,
    Fitting,
    TestedLaw,
    can_fit,
    fit_all,
    fit_exponential,
    fit_lognormal,
    fit_pareto,
    fit_tail,
    fit_zipf_mandelbrot,
)
from elastic_core.mass_law.laws import Law, Pareto, Spectrum, ZipfMandelbrot, distance
from elastic_core.mass_law.poisson_pareto import PoissonPareto
from elastic_core.mass_law.result import DepthMass, LawFit, LikelihoodRatio, TailFit

_ALTERNATIVES = (fit_lognormal, fit_exponential, fit_zipf_mandelbrot)


def depth_mass(
    statistics: DepthStatistics,
    *,
    bootstrap: int,
    seed: int,
    on_replicate: Callable[[], object] = lambda: None,
) -> DepthMass:
    """Tests the mass distribution of a tree pruned to one depth.

    Args:
        statistics: The tree's statistics at that depth.
        bootstrap: Replicates per p-value; 0: no p-value.
        seed: Seed of the replicates.
        on_replicate: Called after each replicate, at most twice `bootstrap` times.
    """
    spectrum = Spectrum.of(*statistics.spectrum)
    sources = SeedSequence([seed, statistics.depth]).spawn(2)
    whole, tail = (
        _tested(spectrum, fitting, source.spawn(bootstrap), on_replicate)
        for fitting, source in zip((fit_all, fit_tail), sources, strict=True)
    )
    return DepthMass(
        depth=statistics.depth,
        leaves=statistics.leaves,
        singletons=statistics.singletons,
        unseen_mass=statistics.singletons / spectrum.mass,
        whole=whole or _compared(spectrum, None),
        tail=tail,
        spectrum=spectrum,
    )


def _tested(
    spectrum: Spectrum,
    fitting: Fitting,
    seeds: Sequence[SeedSequence],
    on_replicate: Callable[[], object],
) -> TailFit | None:
    """The law of `fitting` with a p-value, and the other laws; None if it cannot be fitted."""
    fit = fitting(spectrum)
    if fit is None:
        return None
    return _compared(spectrum, fit.law, p_value(spectrum, fit, fitting, seeds, on_replicate))


def _compared(spectrum: Spectrum, law: TestedLaw | None, p: float | None = None) -> TailFit:
    """The tested law beside the other laws; None: the law of all leaves, which cannot be fitted."""
    tail = spectrum.tail(law.x_min) if law else spectrum
    others = _others(tail, is_whole=not isinstance(law, Pareto))
    laws: Sequence[Law] = [law, *others] if law else others
    ratios = [likelihood_ratio(law, other, tail) for other in others] if law else []
    return TailFit(
        tested=law.name if law else PoissonPareto.name,
        x_min=int(tail.counts[0]),
        leaves=tail.size,
        leaf_share=tail.size / spectrum.size,
        mass_share=tail.mass / spectrum.mass,
        laws=tuple(_law_fit(law, tail) for law in laws),
        ratios=tuple(ratios),
        p=p,
        reason=None if law else _reason(tail),
    )


def _others(tail: Spectrum, *, is_whole: bool) -> list[Law]:
    """The laws to compare with the tested one, with Pareto's law of the counts of all leaves."""
    if not can_fit(tail):
        return []
    pareto = fit_pareto(tail) if is_whole else None
    alternatives: list[Law] = [fit(tail) for fit in _ALTERNATIVES]
    return [pareto, *alternatives] if pareto else alternatives


def _law_fit(law: Law, tail: Spectrum) -> LawFit:
    log_likelihood = tail.mean(law.log_mass(tail.counts)) * tail.size
    return LawFit(law.name, law, log_likelihood, distance(law, tail))


def _reason(tail: Spectrum) -> str:
    """Why the Poisson-Pareto law of all leaves cannot be fitted."""
    if tail.size < LEAST_LEAVES:
        return f"fewer than {LEAST_LEAVES} leaves"
    if len(tail.counts) == 1:
        return "all leaves occur equally often"
    return f"the exponent would be above {LARGEST_EXPONENT:g}"


def likelihood_ratio(tested: TestedLaw, other: Law, tail: Spectrum) -> LikelihoodRatio:
    """Tests whether the tested law or another one is closer to a spectrum both were fitted to.

    With d = ln P_tested(x) - ln P_other(x) for each of the n leaves, the log-likelihood ratio is
    R = sum d. For non-nested laws, R / (s sqrt n), with s the standard deviation of d, is standard
    normal if neither law is closer to the truth (Vuong 1989). Pareto's law is nested in
    Zipf-Mandelbrot's, so there -2 R is chi-squared with one degree of freedom under Pareto's law
    (Wilks 1938).
    """
    gain = tested.log_mass(tail.counts) - other.log_mass(tail.counts)
    mean = tail.mean(gain)
    ratio = mean * tail.size
    if isinstance(tested, Pareto) and isinstance(other, ZipfMandelbrot):
        p = float(chdtrc(1, 2 * abs(ratio)))
        return LikelihoodRatio(tested.name, other.name, ratio, None, p)
    spread = sqrt(tail.mean((gain - mean) ** 2) * tail.size)
    normalized = ratio / spread if spread else 0.0
    p = erfc(abs(normalized) / sqrt(2))
    return LikelihoodRatio(tested.name, other.name, ratio, normalized, p)
