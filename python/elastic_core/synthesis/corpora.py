"""Which corpora to draw: `NAME=SOURCES:SEGMENTS` in, records out."""

import re
from collections.abc import Sequence

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import parse_count
from elastic_core.synthesis.result import SynthCorpus

CORPORA = ("pretrain=1+2+3:90000", "align=2:3000", "perturb=3:300", "novel=4:300")
"""The corpora of Thm 4.2, with k = 30 and l = 0.1, and a perturbation that none of them covers."""

_SPEC = re.compile(r"(?P<name>[^=]*)=(?P<sources>[^:]*):(?P<segments>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SOURCES = re.compile(r"[1-9][0-9]{0,8}(\+[1-9][0-9]{0,8})*")


def parse_corpora(specs: Sequence[str]) -> tuple[SynthCorpus, ...]:
    """The corpora of texts such as `pretrain=1+2+3:90000`, no two of one name.

    Raises:
        InvalidArgumentError: A text is not NAME=SOURCES:SEGMENTS, or a name comes twice.
    """
    if not specs:
        raise InvalidArgumentError(f"no corpus to draw; name one such as {CORPORA[0]}")
    corpora = tuple(map(_parse_corpus, specs))
    names = ["leaf", *(corpus.name.lower() for corpus in corpora)]
    for number, corpus in enumerate(corpora, 1):
        if names.index(corpus.name.lower()) < number:
            raise InvalidArgumentError(
                f"the corpus name {corpus.name} is taken, be it in small letters or large; name "
                "each corpus differently"
            )
    return corpora


def _parse_corpus(spec: str) -> SynthCorpus:
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise InvalidArgumentError(
            f"{spec!r} is no corpus; write NAME=SOURCES:SEGMENTS, as in {CORPORA[0]}"
        )
    name, numbers, segments = found.groups()
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"corpus {spec!r}: {name!r} cannot name a file; use up to 80 of letters, digits and "
            "._-, a letter or digit first"
        )
    if not _SOURCES.fullmatch(numbers):
        raise InvalidArgumentError(
            f"corpus {spec!r}: {numbers!r} names no sources; they have numbers from 1, joined by "
            "+, as in 1+2+3"
        )
    sources = tuple(map(int, numbers.split("+")))
    if len(set(sources)) < len(sources):
        raise InvalidArgumentError(f"corpus {spec!r}: a source comes twice; name each once")
    try:
        return SynthCorpus(name, sources, parse_count(segments))
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"corpus {spec!r}: segments: {error}") from error
