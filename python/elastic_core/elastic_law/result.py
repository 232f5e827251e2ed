"""The result of an elasticity study: plain frozen records and their JSON.

`ElasticityResult.to_dict` is the schema `elastic-core/elasticity/1`, which `docs/elasticity.md`
defines key by key. Volumes are relative to that of the alignment: k : 1 : l.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.files import without_nan
from elastic_core.common.schemas import ELASTICITY
from elastic_core.common.versions import versions_here
from elastic_core.corpora.sources import ReadOptions, reading_dict
from elastic_core.corpora.trees import TreeOptions
from elastic_core.report.document import Block
from elastic_core.report.presented import Presented

ROLES = ("pretrain", "align", "perturb")
"""The datasets of the theorem: D_p, D_a and D_t."""


class Verdict(StrEnum):
    """Whether the law d gamma_a / dl = -k d gamma_p / dl holds."""

    HOLDS = "holds"
    """The rates move as the theorem says, and the ratio of their slopes is within 10% of -k."""

    BENDS = "bends"
    """The rates move as the theorem says, but not at a ratio of -k."""

    REVERSED = "reversed"
    """The rates move in the directions opposite to the theorem's: that of the alignment falls."""

    BREAKS = "breaks"
    """Both move in the same direction, or one of them not at all."""

    UNCOVERED = "uncovered"
    """No segment of the perturbation was seen before, so there can be no elasticity."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One of the corpora, and its own token tree.

    Attributes:
        role: One of `ROLES`.
        name: The paths that it was read from.
        documents: Number of documents.
        bytes: Raw bytes of text.
        symbols: Number of symbols, EOS not counted.
        bad_rows: Rows skipped because they have no usable text.
        segments: Leaf occurrences, the volume |D_i|.
        leaves: M_i, leaves of its own tree pruned to each depth from 1 to d.
        entropy_bits: Entropy of those leaves, in bits per segment, for each depth.
    """

    role: str
    name: str
    documents: int
    bytes: int
    symbols: int
    bad_rows: int
    segments: int
    leaves: tuple[int, ...]
    entropy_bits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BootstrapInterval:
    """A 95% interval from resampled documents; see `elastic_core.elastic_law.bootstrap`.

    Attributes:
        low: The lower end.
        high: The upper end.
        bias: The median of the replicates minus the estimate.
    """

    low: float
    high: float
    bias: float


@dataclass(frozen=True, slots=True)
class DepthLaw:
    """The law at l = 0, where the perturbation begins, on trees pruned to one depth.

    Attributes:
        depth: The depth, in symbols.
        coverage: c, the share of the perturbation's segments that end in leaves of D_p or D_a.
        slope_pretrain_bits: d gamma_p / dl, in bits per segment.
        slope_align_bits: d gamma_a / dl, in bits per segment.
        ratio: The slope of the alignment over that of the pre-training; None where the latter is 0.
        predicted: The ratio by the elastic identity, -k + (1 - c) / (ln 2 d gamma_p / dl).
        residual_bits: The error of the identity, 0 apart from rounding.
        flip_pretrain: The l at which d gamma_p / dl changes sign; None if not within the sweep.
        flip_align: The same for d gamma_a / dl.
        verdict: Whether the law holds here.
        intervals: Intervals of coverage, slopes and ratio by name; None without a bootstrap. The
            ratio has none where the interval of d gamma_p / dl contains 0.
    """

    depth: int
    coverage: float
    slope_pretrain_bits: float
    slope_align_bits: float
    ratio: float | None
    predicted: float | None
    residual_bits: float
    flip_pretrain: float | None
    flip_align: float | None
    verdict: Verdict
    intervals: dict[str, BootstrapInterval] | None = None


@dataclass(frozen=True, slots=True)
class DepthRates:
    """The rates at one choice of volumes, on trees pruned to one depth.

    Every tuple has one value for each of `ROLES`, None where it is not finite.

    Attributes:
        depth: The depth, in symbols.
        gamma_bits: gamma_i, the rate under the ideal joint code, in bits per segment.
        huffman_bits: The same under the joint tree's Huffman code.
        normalized_rate: (gamma_i - log2 M_i) / depth, in bits per symbol; M_i: leaves of i's tree.
        kl_bits: KL(P_i || q), in bits per segment.
        slope_bits: d gamma_i / dl, in bits per segment.
        spring_bits: |D_i| times the change of KL(P_i || q) since l = 0, in units of |D_a|.
        ratio: d gamma_a / dl over d gamma_p / dl.
        residual_bits: The sum of |D_i| d gamma_i / dl: the force balance, 0 apart from rounding.
    """

    depth: int
    gamma_bits: tuple[float | None, ...]
    huffman_bits: tuple[float | None, ...]
    normalized_rate: tuple[float | None, ...]
    kl_bits: tuple[float | None, ...]
    slope_bits: tuple[float | None, ...]
    spring_bits: tuple[float | None, ...]
    ratio: float | None
    residual_bits: float

    def to_dict(self) -> dict[str, Any]:
        """The entry of `before` or `after` in the JSON."""
        return {
            key: dict(zip(ROLES, value, strict=True)) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Rates and slopes against l, at every depth.

    Attributes:
        l: The volumes of the perturbation, ascending from 0; shape (points,).
        gamma_bits: gamma_i in bits per segment, shape (depth, points, 3).
        slope_bits: d gamma_i / dl in bits per segment, shape (depth, points, 3).
        spring_bits: |D_i| times the change of KL(P_i || q) since l = 0, shape (depth, points, 3).
        residual_bits: The force balance, shape (depth, points).
        huffman_l: Every fourth of `l`, shape (n,).
        huffman_bits: The rates of the Huffman code there, at depth d only; shape (n, 3).
    """

    l: NDArray[np.float64]
    gamma_bits: NDArray[np.float64]
    slope_bits: NDArray[np.float64]
    spring_bits: NDArray[np.float64]
    residual_bits: NDArray[np.float64]
    huffman_l: NDArray[np.float64]
    huffman_bits: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The `sweep` of the JSON; values that are not finite are null."""
        return {key: without_nan(getattr(self, key)) for key in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class OverK:
    """The ratio of the slopes at l = 0 against k, at every depth.

    Attributes:
        k: The volumes of the pre-training, ascending; shape (points,).
        ratio: d gamma_a / dl over d gamma_p / dl, shape (depth, points).
    """

    k: NDArray[np.float64]
    ratio: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The `over_k` of the JSON."""
        return {"k": without_nan(self.k), "ratio": without_nan(self.ratio)}


class Supplement(Protocol):
    """A study of trained models that accompanies the law of the trees of one perturbation."""

    def to_dict(self) -> dict[str, Any]:
        """The `trained` of the JSON."""

    def blocks(self, name: str) -> Sequence[Block]:
        """Its part of the report, in which `name` is the file name of its figure."""


@dataclass(frozen=True, slots=True)
class PerturbationResult:
    """The effect of one perturbation on the rates of pre-training and alignment.

    Attributes:
        name: The paths that it was read from.
        k: |D_p| / |D_a|.
        l: |D_t| / |D_a| of the whole perturbation.
        law: The law at l = 0, for each depth.
        before: The rates at l = 0, for each depth.
        after: The rates at l, for each depth.
        sweep: Rates and slopes against l.
        over_k: The ratio against k.
        trained: The same question put to tree models, an
            `elastic_core.experiments.studies.order_of_learning.OrderComparison`; None if only
            token trees were studied.
    """

    name: str
    k: float
    l: float
    law: tuple[DepthLaw, ...]
    before: tuple[DepthRates, ...]
    after: tuple[DepthRates, ...]
    sweep: Sweep
    over_k: OverK
    trained: Supplement | None = None

    def to_dict(self) -> dict[str, Any]:
        """The entry of `perturbations` in the JSON."""
        return {
            "name": self.name,
            "k": self.k,
            "l": self.l,
            "law": [asdict(row) for row in self.law],
            "before": [row.to_dict() for row in self.before],
            "after": [row.to_dict() for row in self.after],
            "sweep": self.sweep.to_dict(),
            "over_k": self.over_k.to_dict(),
            "trained": self.trained and self.trained.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two corpora that have files in common.

    Attributes:
        first: Name of one corpus.
        second: Name of the other.
        files: Number of common files.
    """

    first: str
    second: str
    files: int


@dataclass(frozen=True, slots=True)
class ElasticityConfig:
    """The arguments of a study, from which its result can be reproduced.

    Attributes:
        pretrain: The paths of D_p.
        align: The paths of D_a.
        perturb: The paths of each D_t.
        tree: Depth, segmentation and alphabet as requested.
        k: |D_p| / |D_a| as requested; None: that of the corpora.
        l: |D_t| / |D_a| as requested; None: that of the corpora.
        bootstrap: Number of replicates for the intervals.
        order: `joint`, or `sequential` to train tree models in both orders as well.
        rate: How many times such a model learns D_a and D_t in the sequential order.
        seeds: Number of seeds for training such models.
        memory: The memory budget as requested.
        reading: The reading options; their seed is that of everything random.
        own_reading: The options of each `Corpus`, None for paths; empty if there is no `Corpus`.
    """

    pretrain: tuple[str, ...]
    align: tuple[str, ...]
    perturb: tuple[tuple[str, ...], ...]
    tree: TreeOptions
    k: float | None
    l: float | None
    bootstrap: int
    order: str
    rate: float
    seeds: int
    memory: int | str | None
    reading: ReadOptions
    own_reading: tuple[ReadOptions | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The `config` of the JSON, with the versions in use."""
        fields = asdict(self)
        del fields["tree"], fields["reading"], fields["own_reading"]
        return {
            **fields,
            **asdict(self.tree),
            **reading_dict(self.reading, self.own_reading),
            "versions": versions_here(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class ElasticityResult(Presented):
    """The result of an elasticity study.

    Attributes:
        config: The arguments.
        depth: Depth of all trees.
        segment: Their segmentation.
        alphabet: Their alphabet.
        datasets: D_p, D_a and each D_t.
        overlaps: The pairs of corpora that have files in common.
        perturbations: The effect of each D_t.
    """

    config: ElasticityConfig
    depth: int
    segment: str
    alphabet: str
    datasets: tuple[Dataset, ...]
    overlaps: tuple[Overlap, ...]
    perturbations: tuple[PerturbationResult, ...]

    def __repr__(self) -> str:
        names = ", ".join(dataset.name for dataset in self.datasets)
        return f"ElasticityResult({names}; {self.segment}, {self.alphabet}, depth {self.depth})"

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `elastic-core elasticity --format json`; see `docs/elasticity.md`."""
        return {
            "schema": ELASTICITY,
            "config": self.config.to_dict(),
            "depth": self.depth,
            "segment": self.segment,
            "alphabet": self.alphabet,
            "datasets": [asdict(dataset) for dataset in self.datasets],
            "overlaps": [asdict(overlap) for overlap in self.overlaps],
            "perturbations": [result.to_dict() for result in self.perturbations],
        }
