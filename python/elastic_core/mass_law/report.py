"""Report on a test of the mass distribution: tables, verdicts in words, and values for CSV."""

from collections.abc import Iterable
from functools import partial
from itertools import groupby
from typing import Any

from elastic_core.common.units import counted, volume
from elastic_core.mass_law.figure import draw, setting
from elastic_core.mass_law.result import CorpusMass, DepthMass, MassConfig, MassResult, TailFit
from elastic_core.report.cells import ABSENT, fixed
from elastic_core.report.csv import data_of
from elastic_core.report.document import Block, Data, Document, Figure, Heading, List, Table, Value
from elastic_core.report.presented import named

_FIT_HEADINGS = (("alpha", ""), ("distance", ""), ("p", ""), ("favoured", "at 5%"))
_WHOLE_HEADINGS = (
    ("depth", ""),
    ("leaves", ""),
    ("singletons", "% of leaves"),
    ("unseen", "% of mass"),
    *_FIT_HEADINGS,
)
_TAIL_HEADINGS = (
    ("depth", ""),
    ("x_min", "count"),
    ("leaves", "% of leaves"),
    ("mass", "% of mass"),
    *_FIT_HEADINGS,
)
_WHOLE_TITLE = "All leaves: the Poisson-Pareto law, which A.7 implies for their counts."
_TAIL_TITLE = "The tail that fits best: the Pareto law, for counts from x_min on."

_VERDICTS = ("plausible", "tail", "rejected", "untested", "unfitted")

_CORPUS_KEYS = ("name", "documents", "bytes", "symbols", "bad_rows", "segments")
_DEPTH_KEYS = ("depth", "leaves", "singletons", "unseen_mass", "verdict")
_PART_KEYS = ("tested", "x_min", "leaves", "leaf_share", "mass_share", "p", "favoured", "verdict")
_RATIO_KEYS = ("ratio", "normalized", "p")
_PARAMETERS = {
    "poisson-pareto": ("alpha", "scale"),
    "pareto": ("alpha",),
    "lognormal": ("mu", "sigma"),
    "exponential": ("rate",),
    "zipf-mandelbrot": ("alpha", "shift"),
}
COLUMNS = (
    *_CORPUS_KEYS,
    *_DEPTH_KEYS,
    "part",
    *(f"part_{key}" for key in _PART_KEYS),
    *(
        f"{law}_{key}"
        for law, parameters in _PARAMETERS.items()
        for key in (*parameters, "log_likelihood", "distance")
    ),
    *(f"{law}_{key}" for law in _PARAMETERS if law != "poisson-pareto" for key in _RATIO_KEYS),
)
"""The columns of the CSV: the keys of the JSON, prefixed by the part or law they belong to."""


def document(result: MassResult) -> Document:
    """The report on a test."""
    blocks: list[Block] = []
    for corpus in result.corpora:
        amount = counted(corpus.segments, "segment", "segments")
        blocks += [
            Heading(
                corpus.name,
                detail=setting(corpus, result.config),
                summary=volume(corpus.documents, corpus.bytes, amount, corpus.bad_rows),
            ),
            _whole_table(corpus, result.config),
            _tail_table(corpus, result.config),
            List(tuple(_verdicts(corpus))),
        ]
    caption = "Share of leaves that occur at least x times, and the laws fitted to them."
    blocks.append(Figure("mass", caption, draw=partial(draw, result)))
    return Document(tuple(blocks), _data(result))


def findings(result: MassResult) -> tuple[str, ...]:
    """The verdicts on all corpora, each with the name of its own if there are several."""
    return named([(corpus.name, list(_verdicts(corpus))) for corpus in result.corpora])


def _whole_table(corpus: CorpusMass, config: MassConfig) -> Table:
    rows = [
        (
            str(row.depth),
            f"{row.leaves:,}",
            f"{100 * row.singletons / row.leaves:.1f}",
            f"{100 * row.unseen_mass:.2f}",
            *_fit_cells(row.whole, config),
        )
        for row in corpus.depths
    ]
    return Table("whole", _WHOLE_TITLE, _WHOLE_HEADINGS, tuple(rows), text_columns=("favoured",))


def _tail_table(corpus: CorpusMass, config: MassConfig) -> Table:
    rows = [
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
    return Table("tail", _TAIL_TITLE, _TAIL_HEADINGS, tuple(rows), text_columns=("favoured",))


def _fit_cells(fit: TailFit, config: MassConfig) -> tuple[str, ...]:
    """The cells of `_FIT_HEADINGS`; a p-value of 0 is shown as below that of one replicate."""
    p = fixed(fit.p, 2) if fit.p != 0 else f"<{1 / config.bootstrap:.2g}"
    if fit.tested_fit is None:
        return (ABSENT, ABSENT, p, ABSENT)
    alpha = fit.tested_fit.law.parameters["alpha"]
    return (f"{alpha:.3f}", f"{fit.tested_fit.distance:.4f}", p, fit.favoured or ABSENT)


def _verdicts(corpus: CorpusMass) -> list[str]:
    """Whether Assumption A.7 is tenable, in one sentence for each verdict that occurs."""
    sentences = [
        f"{_depths(rows)}: {_sentence(verdict, rows)}"
        for verdict in _VERDICTS
        if (rows := [row for row in corpus.depths if row.verdict == verdict])
    ]
    laws = dict.fromkeys(row.whole.favoured for row in corpus.depths if row.whole.favoured)
    for law in laws:
        rows = [row for row in corpus.depths if row.whole.favoured == law]
        sentences.append(f"{_depths(rows)}: the {law} law fits all leaves better.")
    return sentences


def _sentence(verdict: str, rows: list[DepthMass]) -> str:
    match verdict:
        case "plausible":
            return "the probabilities of all leaves may follow a Pareto law."
        case "tail":
            tails = [row.tail for row in rows if row.tail]
            leaves = _percent_range(tail.leaf_share for tail in tails)
            mass = _percent_range(tail.mass_share for tail in tails)
            return (
                f"a tail of {leaves} of the leaves with {mass} of the mass may follow a Pareto "
                "law; for all leaves it is rejected or cannot be fitted."
            )
        case "rejected":
            return "a Pareto law is rejected, for all leaves and for the tail that fits best."
        case "untested":
            return "not tested, because there was no bootstrap."
    reasons = dict.fromkeys(row.whole.reason for row in rows if row.whole.reason)
    return f"no Pareto law can be fitted: {', '.join(reasons)}."


def _depths(rows: Iterable[DepthMass]) -> str:
    """The depths of the rows in words, such as `Depths 1, 3-8`."""
    depths = [row.depth for row in rows]
    runs = []
    for _, run in groupby(enumerate(depths), lambda pair: pair[1] - pair[0]):
        first, *others = [depth for _, depth in run]
        runs.append(f"{first}-{others[-1]}" if others else str(first))
    return f"{'Depth' if len(depths) == 1 else 'Depths'} {', '.join(runs)}"


def _percent_range(shares: Iterable[float]) -> str:
    """The range of the shares in percent with two digits, such as `1.2 to 34%`."""
    percents = sorted(100 * share for share in shares)
    low, high = (
        f"{percent:.{0 if percent >= 9.95 else 1}f}" for percent in (percents[0], percents[-1])
    )
    return f"{low}%" if low == high else f"{low} to {high}%"


def _data(result: MassResult) -> Data:
    """A row for each corpus, depth and part: `whole`, and `tail` if one could be fitted."""
    rows = [
        _data_row(corpus, depth, part, fit)
        for corpus in result.corpora
        for depth in corpus.depths
        for part, fit in (("whole", depth.whole), ("tail", depth.tail))
        if fit
    ]
    return data_of(COLUMNS, rows)


def _data_row(corpus: CorpusMass, depth: DepthMass, part: str, fit: TailFit) -> dict[str, Value]:
    row: dict[str, Any] = {key: getattr(corpus, key) for key in _CORPUS_KEYS}
    row |= {key: getattr(depth, key) for key in _DEPTH_KEYS}
    row |= {"part": part} | {f"part_{key}": getattr(fit, key) for key in _PART_KEYS}
    for law in fit.laws:
        values = {
            **law.law.parameters,
            "log_likelihood": law.log_likelihood,
            "distance": law.distance,
        }
        row |= {f"{law.name}_{key}": value for key, value in values.items()}
    for test in fit.ratios:
        row |= {f"{test.law}_{key}": getattr(test, key) for key in _RATIO_KEYS}
    return row
