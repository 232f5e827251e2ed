"""The result of a test of the mass distribution, and its JSON.

`MassResult.to_dict` has the schema `elastic-core/mass/1`, which `docs/mass.md` defines key by key.
The records hold more than the JSON: the spectra, and the laws as functions.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from elastic_core._core import TokenTree
from elastic_core.common import schemas
from elastic_core.common.versions import versions, versions_here
from elastic_core.corpora.sources import ReadOptions, reading_dict
from elastic_core.corpora.trees import TreeOptions
from elastic_core.report.presented import Presented

if TYPE_CHECKING:
    from elastic_core.mass_law.laws import Law, Spectrum

REJECT_BELOW = 0.1
"""Bootstrap p-values below this reject a law, as Clauset et al. propose."""

SIGNIFICANT = 0.05
"""Likelihood ratios with a p-value below this favour one of the two laws."""


@dataclass(frozen=True, slots=True)
class LawFit:
    """One law, fitted by maximum likelihood.

    Attributes:
        name: `poisson-pareto`, `pareto`, `lognormal`, `exponential` or `zipf-mandelbrot`.
        law: The law as a function, with its parameters.
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
    """A likelihood-ratio test of the law that is tested against another one.

    Attributes:
        tested: The law that is tested.
        law: The other law.
        ratio: R, the log-likelihood of the tested law minus that of the other.
        normalized: Vuong's R / (s sqrt n); None for Pareto's law against Zipf-Mandelbrot's, in
            which it is nested.
        p: Two-sided p-value of the hypothesis that neither law is closer to the truth.
    """

    tested: str
    law: str
    ratio: float
    normalized: float | None
    p: float

    @property
    def favours(self) -> str | None:
        """The law with the higher likelihood; None unless p is below `SIGNIFICANT`."""
        if self.p >= SIGNIFICANT:
            return None
        return self.tested if self.ratio > 0 else self.law

    def to_dict(self) -> dict[str, Any]:
        """The entry of `ratios` in the JSON."""
        return {**asdict(self), "favours": self.favours}


@dataclass(frozen=True, slots=True)
class TailFit:
    """The laws fitted to the leaves that occur at least `x_min` times, one of which is tested.

    Attributes:
        tested: The name of the tested law: `poisson-pareto` for all leaves, `pareto` for a tail.
        x_min: The least count.
        leaves: The number of these leaves.
        leaf_share: Their share of all leaves.
        mass_share: Their share of all occurrences.
        laws: The laws that could be fitted, the tested one first.
        ratios: The tested law against each other law; empty if it could not be fitted.
        p: Bootstrap p-value of the tested law; None without a bootstrap.
        reason: Why the tested law could not be fitted; None if it could.
    """

    tested: str
    x_min: int
    leaves: int
    leaf_share: float
    mass_share: float
    laws: tuple[LawFit, ...] = ()
    ratios: tuple[LikelihoodRatio, ...] = ()
    p: float | None = None
    reason: str | None = None

    @property
    def tested_fit(self) -> LawFit | None:
        """The tested law, if it could be fitted."""
        return next((fit for fit in self.laws if fit.name == self.tested), None)

    @property
    def verdict(self) -> str:
        """`plausible`, `rejected`, `untested` (no bootstrap) or `unfitted`."""
        if self.tested_fit is None:
            return "unfitted"
        if self.p is None:
            return "untested"
        return "rejected" if self.p < REJECT_BELOW else "plausible"

    @property
    def favoured(self) -> str | None:
        """The most likely of the laws favoured over the tested one; None if there is none."""
        better = [test for test in self.ratios if test.favours == test.law]
        return min(better, key=lambda test: test.ratio).law if better else None

    def to_dict(self) -> dict[str, Any]:
        """The value of `whole` or `tail` in the JSON."""
        return {
            "tested": self.tested,
            "x_min": self.x_min,
            "leaves": self.leaves,
            "leaf_share": self.leaf_share,
            "mass_share": self.mass_share,
            "verdict": self.verdict,
            "reason": self.reason,
            "p": self.p,
            "favoured": self.favoured,
            "laws": [fit.to_dict() for fit in self.laws],
            "ratios": [test.to_dict() for test in self.ratios],
        }


@dataclass(frozen=True, slots=True)
class DepthMass:
    """The mass distribution of a tree pruned to one depth k.

    Attributes:
        depth: k, in symbols.
        leaves: The leaves: M.
        singletons: Leaves that occur once.
        unseen_mass: Good-Turing estimate of the probability of leaves that do not occur in the
            corpus: singletons / occurrences.
        whole: The laws of all leaves: x_min is the least count. The Poisson-Pareto law is tested,
            which is what Assumption A.7 implies for counts.
        tail: The laws from the x_min on at which Pareto's law fits best; None if it fits no tail.
        spectrum: The leaves by their counts.
    """

    depth: int
    leaves: int
    singletons: int
    unseen_mass: float
    whole: TailFit
    tail: TailFit | None
    spectrum: "Spectrum" = field(repr=False, compare=False)

    @property
    def verdict(self) -> str:
        """Whether Assumption A.7 is tenable at this depth.

        `plausible`: the probabilities of all leaves may follow a Pareto law, because their counts
        may follow a Poisson-Pareto law. `tail`: only the counts from the best x_min on may follow a
        Pareto law. `rejected`: not even those. `untested`: there was no bootstrap. `unfitted`: no
        law could be fitted.
        """
        verdicts = [self.whole.verdict, self.tail.verdict if self.tail else "unfitted"]
        match verdicts:
            case ["plausible", _]:
                return "plausible"
            case [_, "plausible"]:
                return "tail"
        return next(v for v in ("rejected", "untested", "unfitted") if v in verdicts)

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
    """The test of one corpus.

    Attributes:
        name: The paths it was read from, numbered if another corpus has the same.
        depth: Depth d of its tree, in symbols.
        segment: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte`, or a tokenizer by its hash.
        documents: Documents read.
        bytes: Raw bytes of their text, decompressed.
        symbols: Symbols in them, without EOS.
        bad_rows: Rows skipped because they have no usable text.
        segments: Leaf occurrences at each depth.
        depths: One record per depth from 1 to d.
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
        """The record of a tree and the tests of its depths."""
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
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "depths": [depth.to_dict() for depth in self.depths]}


@dataclass(frozen=True, slots=True)
class MassConfig:
    """The arguments of a test, which reproduce its result.

    Attributes:
        paths: The paths of each corpus.
        tree: Depth, segmentation and alphabet as given.
        memory: The memory budget as given, or None.
        bootstrap: Replicates per p-value.
        reading: The reading options; the seed is that of the bootstrap too.
        own_reading: The options of each `Corpus`, None for paths; empty if there is no `Corpus`.
    """

    paths: tuple[tuple[str, ...], ...]
    tree: TreeOptions
    memory: int | str | None
    bootstrap: int
    reading: ReadOptions
    own_reading: tuple[ReadOptions | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The `config` of the JSON, with versions."""
        return {
            "paths": self.paths,
            **asdict(self.tree),
            "memory": self.memory,
            "bootstrap": self.bootstrap,
            **reading_dict(self.reading, self.own_reading),
            "versions": versions_here() | versions("numpy", "scipy"),
        }


@dataclass(frozen=True, slots=True, repr=False)
class MassResult(Presented):
    """The result of `mass`.

    Attributes:
        config: The arguments.
        corpora: One record per corpus.
    """

    config: MassConfig
    corpora: tuple[CorpusMass, ...]

    def __repr__(self) -> str:
        names = ", ".join(corpus.name for corpus in self.corpora)
        return f"MassResult({names}; depths 1 to {max(corpus.depth for corpus in self.corpora)})"

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `elastic-core mass --format json`; `docs/mass.md` defines it."""
        return {
            "schema": schemas.MASS,
            "config": self.config.to_dict(),
            "corpora": [corpus.to_dict() for corpus in self.corpora],
        }
