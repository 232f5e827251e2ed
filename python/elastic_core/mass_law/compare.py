"""Which of two laws is nearer to the leaves: likelihood-ratio tests."""

from math import erfc, sqrt

from scipy.special import chdtrc

from elastic_core.mass_law.laws import Law, Pareto, ZipfMandelbrot
from elastic_core.mass_law.result import LikelihoodRatio
from elastic_core.mass_law.spectrum import Spectrum


def likelihood_ratio(pareto: Pareto, other: Law, tail: Spectrum) -> LikelihoodRatio:
    """Compares Pareto's law with another, both fitted to one spectrum.

    With d = ln P_pareto(x) - ln P_other(x) for each of the n leaves, the ratio is R = sum d. For
    laws of different families R / (s sqrt n), s the standard deviation of d, is standard normal
    where neither is nearer to the truth (Vuong 1989). Pareto's law is a case of Zipf-Mandelbrot's,
    so there -2 R follows the chi-squared law of one degree of freedom if Pareto's holds
    (Wilks 1938).
    """
    gain = pareto.log_mass(tail.counts) - other.log_mass(tail.counts)
    mean = tail.mean(gain)
    ratio = mean * tail.size
    if isinstance(other, ZipfMandelbrot):
        return LikelihoodRatio(other.name, ratio, None, float(chdtrc(1, 2 * abs(ratio))))
    spread = sqrt(tail.mean((gain - mean) ** 2) * tail.size)
    normalized = ratio / spread if spread else 0.0
    return LikelihoodRatio(other.name, ratio, normalized, erfc(abs(normalized) / sqrt(2)))
