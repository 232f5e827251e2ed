"""What a measurement found, in a few sentences."""

from collections.abc import Callable, Iterator, Sequence

from elastic_core.common.units import counted
from elastic_core.measuring.records import CorpusResult, DepthRow

FEW, MANY = 0.1, 0.5
"""Shares of segments that occur once: below `FEW` a depth describes the language, from `MANY` on
the size of the corpus."""


def describe(corpora: Sequence[CorpusResult]) -> tuple[str, ...]:
    """The findings on one corpus, or on several that are compared.

    The first sentence gives compressed sizes, if the segments have a rate or there is a reference
    compressor or a model. The others judge depth d by the segments that occur once: their share
    estimates how many segments of further text would be new (Good and Turing).

    Args:
        corpora: The records, at least one.

    Returns:
        A few sentences.
    """
    return tuple(_single(corpora[0]) if len(corpora) == 1 else _several(corpora))


def single_share(corpus: CorpusResult, row: DepthRow) -> float:
    """The share of the segments, pruned to the depth of a row, that occur once."""
    return row.singletons / corpus.tree.segments


def _single(corpus: CorpusResult) -> Iterator[str]:
    rate = corpus.static_rate
    depth = corpus.depths[-1].depth
    parts = []
    if rate.ratio is not None and rate.with_codebook_ratio is not None:
        more = ", more than the text itself" if rate.with_codebook_ratio > 1 else ""
        parts.append(
            f"The ideal code for segments of {counted(depth, 'symbol', 'symbols')} takes "
            f"{_percent(rate.ratio)} of the size of the text, and "
            f"{_percent(rate.with_codebook_ratio)} with the codebook that a decoder needs{more}"
        )
    if others := [f"{name} takes {_percent(ratio)}" for name, ratio in _others(corpus)]:
        parts.append(_all(others) if parts else f"{_all(others)} of the size of the text")
    if parts:
        yield f"{'; '.join(parts)}."
    row = corpus.depths[-1]
    share = single_share(corpus, row)
    if row.leaves == 1:
        yield f"At depth {depth} all segments are the same."
    else:
        yield (
            f"At depth {depth}, {_percent(row.singletons / row.leaves)} of the {row.leaves:,} "
            f"leaves occurred once, which is {_percent(share)} of all segments."
        )
    described = _JUDGEMENTS[_level(share)].format("the corpus", "its")
    yield (
        f"Depth {depth} therefore describes {described}: about {_percent(share)} of the segments "
        f"of further text would be new.{_reach(corpus) if share >= FEW else ''}"
    )


def _several(corpora: Sequence[CorpusResult]) -> Iterator[str]:
    depth = corpora[0].depths[-1].depth

    def listing(share_of: Callable[[CorpusResult], float | None], joint: str = " of ") -> str:
        shares = [(corpus.name, share_of(corpus)) for corpus in corpora]
        known = [f"{_percent(share)}{joint}{name}" for name, share in shares if share is not None]
        return _all(known) if known else ""

    sizes = listing(lambda corpus: corpus.static_rate.with_codebook_ratio)
    without = listing(lambda corpus: corpus.static_rate.ratio)
    if sizes and without:
        yield (
            f"With the codebook that a decoder needs, the ideal code takes {sizes}; without it, "
            f"{without}."
        )
    ratios = {corpus.name: dict(_others(corpus)) for corpus in corpora}
    for name in dict.fromkeys(name for of_one in ratios.values() for name in of_one):
        taken = [f"{_percent(own[name])} of {at}" for at, own in ratios.items() if name in own]
        yield f"{name} takes {_all(taken)}."
    yield (
        f"At depth {depth}, segments that occurred once are "
        f"{listing(lambda corpus: single_share(corpus, corpus.depths[-1]), ' of those of ')}."
    )
    levels = [_level(single_share(corpus, corpus.depths[-1])) for corpus in corpora]
    judgements = [
        judgement.format(_all(names), "their" if len(names) > 1 else "its")
        for level, judgement in enumerate(_JUDGEMENTS)
        if (names := [c.name for c, own in zip(corpora, levels, strict=True) if own == level])
    ]
    yield f"Depth {depth} therefore describes {'; '.join(judgements)}."


_JUDGEMENTS = (
    "the language of {0}",
    "the language of {0} only in part",
    "the size of {0} more than {1} language",
)


def _level(share: float) -> int:
    """The place in `_JUDGEMENTS` of a depth at which this share of the segments occurs once."""
    return 0 if share < FEW else 1 if share < MANY else 2


def _reach(corpus: CorpusResult) -> str:
    """Up to which depth few segments occur once, as a sentence; empty if at none."""
    few = [row.depth for row in corpus.depths if single_share(corpus, row) < FEW]
    return f" Up to depth {max(few)} it would be less than {FEW:.0%}." if few else ""


def _others(corpus: CorpusResult) -> Iterator[tuple[str, float]]:
    """The names and ratios of reference compressors and models."""
    for other in corpus.compare:
        if other.ratio is not None:
            yield other.name, other.ratio
    for rate in corpus.model_rates:
        if rate.ratio is not None:
            yield rate.model, rate.ratio


def _percent(share: float) -> str:
    return f"{share:,.1%}"


def _all(items: Sequence[str]) -> str:
    """The items as a list in a sentence."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
