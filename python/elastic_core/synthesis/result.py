"""What a synthetic corpus is asked and what is true of it: plain frozen records.

`SynthResult.to_dict` is the schema `elastic-core/synth/1`, which `docs/synth.md` defines key by
key.
"""

import math
from dataclasses import asdict, dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core.common import schemas
from elastic_core.common.versions import versions
from elastic_core.synthesis.laws import MassLaw, entropy_bits


@dataclass(frozen=True, slots=True)
class SynthCorpus:
    """A corpus to draw: an equal mixture of sources.

    Attributes:
        name: Its name, that of its file without the ending.
        sources: Numbers of its sources, from 1.
        segments: Its volume.
    """

    name: str
    sources: tuple[int, ...]
    segments: int

    @property
    def spec(self) -> str:
        """The corpus as it is asked for, such as `pretrain=1+2+3:90000`."""
        return f"{self.name}={'+'.join(map(str, self.sources))}:{self.segments}"

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.jsonl"


@dataclass(frozen=True, slots=True)
class SynthConfig:
    """Everything that decides what is drawn.

    Attributes:
        corpora: The corpora.
        leaves: Leaves of each source.
        law: The mass law as it was asked for, such as `pareto:2`.
        entropy: Entropy of each source in bits per segment, or None if the law decides it.
        overlap: Share of a source's leaves that all sources have.
        depth: Depth of the tree that the corpora are made for, in symbols.
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
    """Corpora that were drawn, and their exact distributions.

    The leaves are those of all corpora together, sorted as a token tree's are. The arrays are
    read-only.

    Attributes:
        config: What was asked for.
        law: The mass law of every source.
        words: The letters of each leaf, which EOS follows; shape (leaves,), bytes.
        probabilities: Exact probability of each leaf in each corpus's distribution; shape
            (corpora, leaves), float64.
        counts: How often each leaf was drawn; shape (corpora, leaves), int64.
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
        """Entropy of what was drawn, which `measure` finds; as `entropy_bits`."""
        return entropy_bits(self.counts / self.counts.sum(axis=1, keepdims=True))

    def coverage(self, corpus: int, under: int) -> float:
        """Share of one corpus's exact mass on leaves that another has; both by number, from 0."""
        mass, known = self.probabilities[corpus], self.probabilities[under] > 0
        inside, outside = mass[known].sum(), mass[~known].sum()
        return float(inside / (inside + outside))

    def divergence_bits(self, corpus: int, under: int) -> float:
        """KL(corpus || under) = sum p log2(p / q) of the exact distributions, in bits per segment.

        It is infinite where the coverage is below 1. With the entropy added it is the
        cross-entropy: what a segment of `corpus` costs under the ideal code of `under`.
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
        pairs = []
        for corpus, under in permutations(range(len(names)), 2):
            bits = self.divergence_bits(corpus, under)
            pairs.append(
                {
                    "corpus": names[corpus],
                    "under": names[under],
                    "coverage": self.coverage(corpus, under),
                    "divergence_bits": bits if math.isfinite(bits) else None,
                }
            )
        return pairs
