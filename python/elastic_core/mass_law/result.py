"""What a test of the mass distribution gives: frozen records, and the JSON made of them.

`MassResult.to_dict` is the schema `elastic-core/mass/1`, which `docs/mass.md` defines key by key.
The records hold a little more than the JSON: the spectra, and the laws as functions.
"""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from elastic_core._core import TokenTree
from elastic_core.common import schemas
from elastic_core.common.versions import versions, versions_here
from elastic_core.corpora.sources import ReadOptions
from elastic_core.corpora.trees import TreeOptions
from elastic_core.mass_law.spectrum import Spectrum

if TYPE_CHECKING:
    from elastic_core.mass_law.laws import Law

REJECT_BELOW = 0.1
"""A bootstrap p-value below this rejects Pareto's law, as Clauset et al. propose."""

SIGNIFICANT = 0.05
"""A likelihood ratio with a p-value below this favours one of two laws."""


@dataclass(frozen=True, slots=True)
class LawFit:
    """One law, fitted by maximum likelihood.

    Attributes:
        name: `pareto`, `lognormal`, `exponential` or `zipf-mandelbrot`.
        law: The law with its parameters.
        log_likelihood: The sum of ln P(X = x) over the leaves.
        distance: The Kolmogorov-Smirnov distance of law and leaves, 0 to 1.
    """

    name: str
    law: "Law"
    log_likelihood: float
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """The entry of `laws` in the JSON."""
        return {
            "law": self.name,
            "parameters": self.law.parameters,
            "log_likelihood": self.log_likelihood,
            "distance": self.distance,
        }


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """Pareto's law against another one.

    Attributes:
        law: The other law.
        ratio: R, ln of the likelihood under Pareto's law less that under the other.
        normalized: Vuong's R / (s sqrt n); None for Zipf-Mandelbrot's law, of which Pareto's is a
            case.
        p: How often a ratio is as far from 0 where neither law is the better one.
    """

    law: str
    ratio: float
    normalized: float | None
    p: float

    @property
    def favours(self) -> str | None:
        """The better law of the two; None where p is not below `SIGNIFICANT`."""
        if self.p >= SIGNIFICANT:
            return None
        return "pareto" if self.ratio > 0 else self.law

    def to_dict(self) -> dict[str, Any]:
        """The entry of `ratios` in the JSON."""
        return {**asdict(self), "favours": self.favours}


@dataclass(frozen=True, slots=True)
class TailFit:
    """The laws of the leaves that occur at least `x_min` times.

    Attributes:
        x_min: The least count.
        leaves: How many leaves these are.
        leaf_share: Their share of all leaves.
        mass_share: Their share of all occurrences.
        laws: The laws that could be fitted, Pareto's first.
        ratios: Pareto's law against each of the others; none if Pareto's could not be fitted.
        p: The bootstrap p-value of Pareto's law; None without a bootstrap.
        reason: Why Pareto's law could not be fitted; None if it could.
    """

    x_min: int
    leaves: int
    leaf_share: float
    mass_share: float
    laws: tuple[LawFit, ...] = ()
    ratios: tuple[LikelihoodRatio, ...] = ()
    p: float | None = None
    reason: str | None = None

    @property
    def pareto(self) -> LawFit | None:
        """Pareto's law, if it could be fitted."""
        return next((each for each in self.laws if each.name == "pareto"), None)

    @property
    def verdict(self) -> str:
        """`plausible`, `rejected`, `untested` (no bootstrap) or `unfitted`."""
        if self.pareto is None:
            return "unfitted"
        if self.p is None:
            return "untested"
        return "rejected" if self.p < REJECT_BELOW else "plausible"

    @property
    def favoured(self) -> str | None:
        """The most likely of the laws that are favoured over Pareto's; None if none is."""
        better = [each for each in self.ratios if each.favours == each.law]
        return min(better, key=lambda each: each.ratio).law if better else None

    def to_dict(self) -> dict[str, Any]:
        """`whole` or `tail` in the JSON."""
        return {
            "x_min": self.x_min,
            "leaves": self.leaves,
            "leaf_share": self.leaf_share,
            "mass_share": self.mass_share,
            "verdict": self.verdict,
            "reason": self.reason,
            "p": self.p,
            "favoured": self.favoured,
            "laws": [each.to_dict() for each in self.laws],
            "ratios": [each.to_dict() for each in self.ratios],
        }


@dataclass(frozen=True, slots=True)
class DepthMass:
    """The mass distribution of a tree pruned to one depth k.

    Attributes:
        depth: k, in symbols.
        leaves: The leaves: M.
        singletons: Those that occur once.
        unseen_mass: Good and Turing's estimate of the probability of leaves that do not occur:
            singletons / occurrences.
        whole: The laws of all leaves: x_min is the least count.
        tail: Those above the x_min at which Pareto's law fits best; None if it fits nowhere.
        spectrum: The leaves by their counts.
    """

    depth: int
    leaves: int
    singletons: int
    unseen_mass: float
    whole: TailFit
    tail: TailFit | None
    spectrum: Spectrum = field(repr=False, compare=False)

    @property
    def verdict(self) -> str:
        """What is to be thought of Assumption A.7 here.

        `plausible`: all leaves may follow a Pareto law. `tail`: not all, but those from the best
        x_min on may. `rejected`: not even those. `untested`: there was no bootstrap. `unfitted`:
        no Pareto law could be fitted.
        """
        found = [self.whole.verdict, self.tail.verdict if self.tail else "unfitted"]
        match found:
            case ["plausible", _]:
                return "plausible"
            case [_, "plausible"]:
                return "tail"
        return next(each for each in ("rejected", "untested", "unfitted") if each in found)

    def to_dict(self) -> dict[str, Any]:
        """The entry of `depths` in the JSON."""
        return {
            "depth": self.depth,
            "leaves": self.leaves,
            "singletons": self.singletons,
            "unseen_mass": self.unseen_mass,
            "verdict": self.verdict,
            "whole": self.whole.to_dict(),
            "tail": self.tail.to_dict() if self.tail else None,
        }


@dataclass(frozen=True, slots=True)
class CorpusMass:
    """One corpus, tested.

    Attributes:
        name: The paths it was read from.
        depth: Depth d of its tree, in symbols.
        segment: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or a tokenizer by its hash.
        documents: Documents read.
        bytes: Raw bytes of their text, decompressed.
        symbols: Symbols in them, EOS not counted.
        bad_rows: Rows left out because they have no usable text.
        segments: Leaf occurrences at each depth.
        depths: One record for each depth from 1 to d.
    """

    name: str
    depth: int
    segment: str
    alphabet: str
    documents: int
    bytes: int
    symbols: int
    bad_rows: int
    segments: int
    depths: tuple[DepthMass, ...]

    @classmethod
    def of(cls, name: str, tree: TokenTree, depths: tuple[DepthMass, ...]) -> Self:
        """The record of a tree and what became of its depths."""
        return cls(
            name=name,
            depth=tree.depth,
            segment=tree.segment,
            alphabet=tree.alphabet,
            documents=tree.documents,
            bytes=tree.bytes,
            symbols=tree.symbols,
            bad_rows=tree.bad_rows,
            segments=tree.segments,
            depths=depths,
        )

    def to_dict(self) -> dict[str, Any]:
        """The entry of `corpora` in the JSON."""
        return {
            "name": self.name,
            "depth": self.depth,
            "segment": self.segment,
            "alphabet": self.alphabet,
            "documents": self.documents,
            "bytes": self.bytes,
            "symbols": self.symbols,
            "bad_rows": self.bad_rows,
            "segments": self.segments,
            "depths": [depth.to_dict() for depth in self.depths],
        }


@dataclass(frozen=True, slots=True)
class MassConfig:
    """What was asked for, so that a result can be had again.

    Attributes:
        paths: For each corpus the paths it was read from.
        tree: Depth, segmentation and alphabet as they were given.
        memory: The memory budget as it was given, or None.
        bootstrap: Replicates behind each p-value.
        reading: How documents were cut out of files; its seed is that of the bootstrap too.
    """

    paths: tuple[tuple[str, ...], ...]
    tree: TreeOptions
    memory: int | str | None
    bootstrap: int
    reading: ReadOptions

    def to_dict(self) -> dict[str, Any]:
        """The `config` of the JSON, the versions at work included."""
        return {
            "paths": self.paths,
            **asdict(self.tree),
            "memory": self.memory,
            "bootstrap": self.bootstrap,
            **asdict(self.reading),
            "versions": versions_here() | versions("numpy", "scipy"),
        }


@dataclass(frozen=True, slots=True)
class MassResult:
    """One test: what was asked for and what came out.

    Attributes:
        config: What was asked for.
        corpora: One record for each corpus.
    """

    config: MassConfig
    corpora: tuple[CorpusMass, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `elastic-core mass --format json`; `docs/mass.md` defines it."""
        return {
            "schema": schemas.MASS,
            "config": self.config.to_dict(),
            "corpora": [corpus.to_dict() for corpus in self.corpora],
        }
