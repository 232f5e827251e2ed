"""What an elasticity study gives: plain frozen records, and the JSON that is made of them.

`ElasticityResult.to_dict` is the schema `elastic-core/elasticity/1`, which `docs/elasticity.md`
defines key by key. Volumes are relative to that of the alignment: k : 1 : l.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core.common import schemas
from elastic_core.common.versions import versions_here
from elastic_core.corpora.sources import ReadOptions
from elastic_core.corpora.trees import SourceTree, TreeOptions
from elastic_core.elastic_law.trained import TrainedCurve
from elastic_core.elastic_law.verdict import Verdict

ROLES = ("pretrain", "align", "perturb")
"""The datasets of the theorem: D_p, D_a and D_t."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One of the corpora, and its own token tree.

    Attributes:
        role: One of `ROLES`.
        name: The paths it was read from.
        documents: Documents in it.
        bytes: Raw bytes of text.
        symbols: Symbols, EOS not counted.
        bad_rows: Rows left out because they have no usable text.
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

    @classmethod
    def of(
        cls,
        role: str,
        planted: SourceTree,
        leaves: NDArray[np.uint64],
        entropy: NDArray[np.float64],
    ) -> "Dataset":
        """The record of a tree, with its leaves and their entropy at each depth."""
        tree = planted.tree
        return cls(
            role=role,
            name=planted.name,
            documents=tree.documents,
            bytes=tree.bytes,
            symbols=tree.symbols,
            bad_rows=tree.bad_rows,
            segments=tree.segments,
            leaves=tuple(leaves.tolist()),
            entropy_bits=tuple(entropy.tolist()),
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval from resampled documents; `docs/elasticity.md` says how it is made.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        bias: How far the median of the replicates is from the estimate.
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
        ratio: The second over the first; None where the first is 0.
        predicted: The ratio by the elastic identity, -k + (1 - c) / (ln 2 d gamma_p / dl).
        residual_bits: What is left of the identity, 0 but for rounding.
        flip_pretrain: The l at which d gamma_p / dl changes sign; None if it does not in the sweep.
        flip_align: The same of d gamma_a / dl.
        verdict: Whether the law holds here.
        intervals: Intervals of coverage, slopes and ratio by name; None without a bootstrap. The
            ratio has none where the interval of d gamma_p / dl has 0 in it.
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
    intervals: dict[str, Interval] | None = None


@dataclass(frozen=True, slots=True)
class DepthRates:
    """The rates at one choice of volumes, on trees pruned to one depth.

    Every tuple has one figure for each of `ROLES`; None stands for what is not finite.

    Attributes:
        depth: The depth, in symbols.
        gamma_bits: gamma_i, the rate under the ideal joint code, in bits per segment.
        huffman_bits: The same under the joint tree's Huffman code.
        normalized_rate: (gamma_i - log2 M_i) / depth, in bits per symbol; M_i: leaves of i's tree.
        kl_bits: KL(P_i || q), in bits per segment.
        slope_bits: d gamma_i / dl, in bits per segment.
        spring_bits: |D_i| times the change of KL(P_i || q) since l = 0, in units of |D_a|.
        ratio: d gamma_a / dl over d gamma_p / dl.
        residual_bits: The sum of |D_i| d gamma_i / dl: the force balance, 0 but for rounding.
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
        l: The volumes of the perturbation, rising, the first 0; shape (points,).
        gamma_bits: gamma_i in bits per segment, shape (depth, points, 3).
        slope_bits: d gamma_i / dl in bits per segment, shape (depth, points, 3).
        spring_bits: |D_i| times the change of KL(P_i || q) since l = 0, shape (depth, points, 3).
        residual_bits: The force balance, shape (depth, points).
        huffman_l: Some of `l`, shape (some,).
        huffman_bits: The rates of the Huffman code there, at depth d alone; shape (some, 3).
    """

    l: NDArray[np.float64]
    gamma_bits: NDArray[np.float64]
    slope_bits: NDArray[np.float64]
    spring_bits: NDArray[np.float64]
    residual_bits: NDArray[np.float64]
    huffman_l: NDArray[np.float64]
    huffman_bits: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The `sweep` of the JSON; what is not finite is null."""
        return {key: finite(getattr(self, key)) for key in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class OverK:
    """The ratio of the slopes at l = 0 against k, at every depth.

    Attributes:
        k: The volumes of the pre-training, rising; shape (points,).
        ratio: d gamma_a / dl over d gamma_p / dl, shape (depth, points).
    """

    k: NDArray[np.float64]
    ratio: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The `over_k` of the JSON."""
        return {"k": finite(self.k), "ratio": finite(self.ratio)}


@dataclass(frozen=True, slots=True)
class TrainedPair:
    """The same question put to a tree model, in both orders of learning.

    Attributes:
        joint: Everything learned in one random order.
        sequential: D_p learned first, then D_a, then D_t, the last two `rate` times.
    """

    joint: TrainedCurve
    sequential: TrainedCurve


@dataclass(frozen=True, slots=True)
class PerturbationResult:
    """One perturbation: what it does to the rates of pre-training and alignment.

    Attributes:
        name: The paths it was read from.
        k: |D_p| / |D_a|.
        l: |D_t| / |D_a|, all of the perturbation.
        law: The law at l = 0, for each depth.
        before: The rates at l = 0, for each depth.
        after: The rates at l, for each depth.
        sweep: Rates and slopes against l.
        over_k: The ratio against k.
        trained: What a tree model makes of it; None in the joint order of the token trees alone.
    """

    name: str
    k: float
    l: float
    law: tuple[DepthLaw, ...]
    before: tuple[DepthRates, ...]
    after: tuple[DepthRates, ...]
    sweep: Sweep
    over_k: OverK
    trained: TrainedPair | None = None

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
            "trained": self.trained
            and {
                "joint": self.trained.joint.to_dict(),
                "sequential": self.trained.sequential.to_dict(),
            },
        }


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two corpora that read some files both.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        files: How many files.
    """

    first: str
    second: str
    files: int


@dataclass(frozen=True, slots=True)
class ElasticityConfig:
    """What was asked for, so that a result can be had again.

    Attributes:
        pretrain: The paths of D_p.
        align: The paths of D_a.
        perturb: The paths of each D_t.
        tree: Depth, segmentation and alphabet as they were given.
        k: |D_p| / |D_a| as it was given; None: that of the corpora.
        l: |D_t| / |D_a| as it was given; None: that of the corpora.
        bootstrap: Replicates for the intervals.
        order: `joint`, or `sequential` for a tree model in both orders.
        rate: How many times that model learns D_a and D_t in sequence.
        seeds: How often that model is trained on documents in another order.
        memory: The memory budget as it was given.
        reading: How documents were cut out of files; its seed is that of all else.
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

    def to_dict(self) -> dict[str, Any]:
        """The `config` of the JSON, the versions at work included."""
        fields = asdict(self)
        shape, reading = fields.pop("tree"), fields.pop("reading")
        return {
            **fields,
            **shape,
            **reading,
            "versions": versions_here(),
        }


@dataclass(frozen=True, slots=True)
class ElasticityResult:
    """An elasticity study: what was asked for and what came out.

    Attributes:
        config: What was asked for.
        depth: Depth of all trees.
        segment: Their segmentation.
        alphabet: Their alphabet.
        datasets: D_p, D_a and each D_t.
        overlaps: The pairs of corpora that have files in common.
        perturbations: What each D_t does.
    """

    config: ElasticityConfig
    depth: int
    segment: str
    alphabet: str
    datasets: tuple[Dataset, ...]
    overlaps: tuple[Overlap, ...]
    perturbations: tuple[PerturbationResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `elastic-core elasticity --format json`; see `docs/elasticity.md`."""
        return {
            "schema": schemas.ELASTICITY,
            "config": self.config.to_dict(),
            "depth": self.depth,
            "segment": self.segment,
            "alphabet": self.alphabet,
            "datasets": [asdict(dataset) for dataset in self.datasets],
            "overlaps": [asdict(overlap) for overlap in self.overlaps],
            "perturbations": [each.to_dict() for each in self.perturbations],
        }


def finite(values: NDArray[np.float64]) -> list[Any]:
    """The array as lists, with None for what is not finite."""
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return list(listed.tolist())


def known(value: float) -> float | None:
    """The number; None if it is not finite."""
    return float(value) if math.isfinite(value) else None
