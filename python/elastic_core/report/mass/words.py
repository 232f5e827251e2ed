"""The words and figures that the table and the Markdown share."""

from collections.abc import Iterable
from itertools import groupby

from elastic_core.common.units import counted, format_size
from elastic_core.mass_law.result import CorpusMass, DepthMass, MassConfig, TailFit
from elastic_core.report.tables import ABSENT, Headings, figure

WHOLE_HEADINGS: Headings = (
    ("depth", ""),
    ("leaves", ""),
    ("singletons", "% of leaves"),
    ("unseen", "% of mass"),
    ("alpha", ""),
    ("distance", ""),
    ("p", ""),
    ("favoured", "at 5%"),
)
"""The columns of `whole_cells`."""

TAIL_HEADINGS: Headings = (
    ("depth", ""),
    ("x_min", "count"),
    ("leaves", "% of leaves"),
    ("mass", "% of mass"),
    ("alpha", ""),
    ("distance", ""),
    ("p", ""),
    ("favoured", "at 5%"),
)
"""The columns of `tail_cells`."""

NAMES = ("favoured",)
"""The columns whose cells are words."""

WHOLE = "All leaves, as Assumption A.7 has it: x_min is the least count."
TAIL = "The tail that fits best: the leaves that occur at least x_min times."

_VERDICTS = ("plausible", "tail", "rejected", "untested", "unfitted")


def summary(corpus: CorpusMass) -> str:
    """How much was read: documents, bytes, segments and, if there are any, bad rows."""
    parts = [
        counted(corpus.documents, "document", "documents"),
        format_size(corpus.bytes),
        counted(corpus.segments, "segment", "segments"),
    ]
    if corpus.bad_rows:
        parts.append(f"{counted(corpus.bad_rows, 'bad row', 'bad rows')} left out")
    return ", ".join(parts)


def setting(corpus: CorpusMass, config: MassConfig) -> str:
    """What was tested: alphabet, segmentation, depth and replicates."""
    return (
        f"alphabet {corpus.alphabet}, segment {corpus.segment}, depth {corpus.depth}, "
        f"bootstrap {config.bootstrap}"
    )


def whole_cells(corpus: CorpusMass, config: MassConfig) -> list[tuple[str, ...]]:
    """The laws of all leaves as texts, in the order of `WHOLE_HEADINGS`."""
    return [
        (
            str(row.depth),
            f"{row.leaves:,}",
            f"{100 * row.singletons / row.leaves:.1f}",
            f"{100 * row.unseen_mass:.2f}",
            *_fit_cells(row.whole, config),
        )
        for row in corpus.depths
    ]


def tail_cells(corpus: CorpusMass, config: MassConfig) -> list[tuple[str, ...]]:
    """The laws of the tails as texts, in the order of `TAIL_HEADINGS`."""
    return [
        (
            str(row.depth),
            f"{row.tail.x_min:,}",
            f"{100 * row.tail.leaf_share:.2f}",
            f"{100 * row.tail.mass_share:.1f}",
            *_fit_cells(row.tail, config),
        )
        for row in corpus.depths
        if row.tail
    ]


def _fit_cells(fit: TailFit, config: MassConfig) -> tuple[str, ...]:
    pareto = fit.pareto
    p = figure(fit.p, 2) if fit.p != 0 else f"<{1 / config.bootstrap:.2g}"
    if pareto is None:
        return (ABSENT, ABSENT, p, ABSENT)
    alpha = pareto.law.parameters["alpha"]
    return (f"{alpha:.3f}", f"{pareto.distance:.4f}", p, fit.favoured or ABSENT)


def verdicts(corpus: CorpusMass) -> list[str]:
    """What is to be thought of Assumption A.7, a sentence for each verdict that occurs."""
    found = [
        f"{_depths(rows)}: {_sentence(verdict, rows)}"
        for verdict in _VERDICTS
        if (rows := [row for row in corpus.depths if row.verdict == verdict])
    ]
    better = [row for row in corpus.depths if row.whole.favoured]
    for law in dict.fromkeys(row.whole.favoured for row in better):
        rows = [row for row in better if row.whole.favoured == law]
        found.append(f"{_depths(rows)}: the {law} law is nearer to all leaves than Pareto's.")
    return found


def _sentence(verdict: str, rows: list[DepthMass]) -> str:
    match verdict:
        case "plausible":
            return "all leaves may follow a Pareto law."
        case "tail":
            tails = [row.tail for row in rows if row.tail]
            leaves = _percents(tail.leaf_share for tail in tails)
            mass = _percents(tail.mass_share for tail in tails)
            return (
                f"not all leaves follow a Pareto law, but a tail may, of {leaves} of the leaves "
                f"with {mass} of the mass."
            )
        case "rejected":
            return "a Pareto law is rejected, for all leaves and for the tail that fits best."
        case "untested":
            return "not tested, for there was no bootstrap."
    reasons = dict.fromkeys(row.whole.reason for row in rows if row.whole.reason)
    return f"no Pareto law can be fitted: {', '.join(reasons)}."


def _depths(rows: Iterable[DepthMass]) -> str:
    """The depths as text, such as `Depths 1, 3-8`."""
    depths = [row.depth for row in rows]
    runs = []
    for _, run in groupby(enumerate(depths), lambda pair: pair[1] - pair[0]):
        first, *others = [depth for _, depth in run]
        runs.append(f"{first}-{others[-1]}" if others else str(first))
    return f"{'Depth' if len(depths) == 1 else 'Depths'} {', '.join(runs)}"


def _percents(shares: Iterable[float]) -> str:
    """The range of the shares in percent, with two digits."""
    percents = sorted(100 * share for share in shares)
    low, high = (f"{each:.{0 if each >= 9.95 else 1}f}" for each in (percents[0], percents[-1]))
    return f"{low}%" if low == high else f"{low} to {high}%"
