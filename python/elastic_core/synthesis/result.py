"""Synthetic corpora: what to draw, the result, and its JSON.

`SynthResult.to_dict` has the schema `elastic-core/synth/1`, which `docs/synth.md` defines key by
key.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError
from elastic_core.common import schemas
from elastic_core.common.files import without_nan
from elastic_core.common.units import parse_count
from elastic_core.common.versions import versions
from elastic_core.synthesis.laws import MassLaw, entropy_bits

CORPORA = ("pretrain=1+2+3:90000", "align=2:3000", "perturb=3:300", "novel=4:300")
"""The corpora of Thm 4.2 with k = 30 and l = 0.1, and a perturbation that none of them covers."""

_SPEC = re.compile(r"(?P<name>[^=]*)=(?P<sources>[^:]*):(?P<segments>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SOURCES = re.compile(r"[1-9][0-9]{0,8}(\+[1-9][0-9]{0,8})*")


@dataclass(frozen=True, slots=True)
class SynthCorpus:
    """A corpus to draw: an equal mixture of sources.

    Attributes:
        name: The name of the corpus, and of its file without the extension.
        sources: Numbers of its sources, from 1.
        segments: Its volume: the number of segments to draw.
    """

    name: str
    sources: tuple[int, ...]
    segments: int

    @property
    def spec(self) -> str:
        """The corpus as text, such as `pretrain=1+2+3:90000`."""
        return f"{self.name}={'+'.join(map(str, self.sources))}:{self.segments}"

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.jsonl"


@dataclass(frozen=True, slots=True)
class SynthConfig:
    """The arguments of `synth`, which determine everything that is drawn.

    Attributes:
        corpora: The corpora.
        leaves: Leaves of each source.
        law: The mass law, such as `pareto:2`.
        entropy: Entropy of each source in bits per segment; None if the law determines it.
        overlap: Share of a source's leaves that all sources have.
        depth: Depth in symbols of the tree for which a segment is one leaf.
        seed: Seed of the words, the ranks and the draws.
    """

    corpora: tuple[SynthCorpus, ...]
    leaves: int
    law: str
    entropy: float | None
    overlap: float
    depth: int
    seed: int

    @property
    def common_leaves(self) -> int:
        """Leaves that all sources have: `overlap` x `leaves`, rounded."""
        return round(self.overlap * self.leaves)


@dataclass(frozen=True, slots=True)
class SynthResult:
    """The result of `synth`: corpora and their exact distributions.

    The leaves are those of all corpora together, sorted as in a token tree. The arrays are
    read-only.

    Attributes:
        config: The arguments.
        law: The mass law of every source.
        words: The letters of each leaf, without EOS; shape (leaves,), bytes.
        probabilities: Exact probability of each leaf in each corpus's distribution; shape
            (corpora, leaves), float64.
        counts: Number of times each leaf was drawn; shape (corpora, leaves), int64.
    """

    config: SynthConfig
    law: MassLaw = field(repr=False, compare=False)
    words: NDArray[np.bytes_] = field(repr=False, compare=False)
    probabilities: NDArray[np.float64] = field(repr=False, compare=False)
    counts: NDArray[np.int64] = field(repr=False, compare=False)

    @property
    def entropy_bits(self) -> NDArray[np.float64]:
        """Exact entropy of each corpus's distribution, in bits per segment; shape (corpora,)."""
        return entropy_bits(self.probabilities)

    @property
    def drawn_entropy_bits(self) -> NDArray[np.float64]:
        """Entropy of the segments drawn, as `measure` reports it; otherwise as `entropy_bits`."""
        return entropy_bits(self.counts / self.counts.sum(axis=1, keepdims=True))

    def coverage(self, corpus: int, under: int) -> float:
        """Share of one corpus's exact mass on leaves of another; both by number, from 0."""
        mass, known = self.probabilities[corpus], self.probabilities[under] > 0
        inside, outside = mass[known].sum(), mass[~known].sum()
        return float(inside / (inside + outside))

    def divergence_bits(self, corpus: int, under: int) -> float:
        """KL(corpus || under) = sum p log2(p / q) of the exact distributions, in bits per segment.

        Infinite if the coverage is below 1. Adding the entropy of `corpus` gives the cross-entropy:
        the bits per segment of `corpus` under the ideal code of `under`.
        """
        from scipy.special import rel_entr

        nats = rel_entr(self.probabilities[corpus], self.probabilities[under]).sum()
        return float(nats) / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """The content of `truth.json`; `docs/synth.md` defines it."""
        return {
            "schema": schemas.SYNTH,
            "config": {
                **asdict(self.config),
                "corpora": [corpus.spec for corpus in self.config.corpora],
                "versions": versions("numpy", "scipy"),
            },
            "source": {
                "law": self.law.name,
                "parameter": self.law.parameter,
                "leaves": self.config.leaves,
                "common_leaves": self.config.common_leaves,
                "entropy_bits": self.law.entropy_bits,
                "largest_probability": float(self.law.probabilities[0]),
                "least_probability": float(self.law.probabilities[-1]),
            },
            "corpora": self._corpora(),
            "pairs": self._pairs(),
        }

    def _corpora(self) -> list[dict[str, Any]]:
        exact, drawn = self.entropy_bits.tolist(), self.drawn_entropy_bits.tolist()
        return [
            {
                "name": corpus.name,
                "file": corpus.file,
                "sources": list(corpus.sources),
                "segments": corpus.segments,
                "leaves": int(np.count_nonzero(self.probabilities[number])),
                "drawn_leaves": int(np.count_nonzero(self.counts[number])),
                "entropy_bits": exact[number],
                "drawn_entropy_bits": drawn[number],
            }
            for number, corpus in enumerate(self.config.corpora)
        ]

    def _pairs(self) -> list[dict[str, Any]]:
        names = [corpus.name for corpus in self.config.corpora]
        return [
            {
                "corpus": names[corpus],
                "under": names[under],
                "coverage": self.coverage(corpus, under),
                "divergence_bits": without_nan(self.divergence_bits(corpus, under)),
            }
            for corpus, under in permutations(range(len(names)), 2)
        ]


def parse_corpora(specs: Sequence[str]) -> tuple[SynthCorpus, ...]:
    """Parses texts such as `pretrain=1+2+3:90000`.

    Raises:
        InvalidArgumentError: A text is not NAME=SOURCES:SEGMENTS, or a name is used twice.
    """
    if not specs:
        raise InvalidArgumentError(f"no corpus to draw; name one such as {CORPORA[0]}")
    corpora = tuple(map(_parse_corpus, specs))
    names = ["leaf", *(corpus.name.lower() for corpus in corpora)]
    for number, corpus in enumerate(corpora, 1):
        if names.index(corpus.name.lower()) < number:
            raise InvalidArgumentError(
                f"the corpus name {corpus.name} is taken, ignoring case; give each corpus a "
                "different name"
            )
    return corpora


def _parse_corpus(spec: str) -> SynthCorpus:
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise InvalidArgumentError(
            f"{spec!r} is not a corpus; write NAME=SOURCES:SEGMENTS, as in {CORPORA[0]}"
        )
    name, numbers, segments = match.groups()
    if not _NAME.fullmatch(name):
        raise InvalidArgumentError(
            f"corpus {spec!r}: {name!r} cannot name a file; use up to 80 letters, digits and ._-, "
            "starting with a letter or digit"
        )
    if not _SOURCES.fullmatch(numbers):
        raise InvalidArgumentError(
            f"corpus {spec!r}: {numbers!r} does not name sources; join numbers from 1 by +, as in "
            "1+2+3"
        )
    sources = tuple(map(int, numbers.split("+")))
    if len(set(sources)) < len(sources):
        raise InvalidArgumentError(f"corpus {spec!r}: a source is named twice; name each once")
    try:
        return SynthCorpus(name, sources, parse_count(segments))
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"corpus {spec!r}: segments: {error}") from error
