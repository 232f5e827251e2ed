"""Documents in memory, their token trees, and the law of three trees at l = 0."""

import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import elastic_core as ec

Array = NDArray[np.float64]
Documents = Sequence[bytes]

DEPTH = 8
SHOWN = (2, 4, 8)
"""The depths that figures and tables show if they do not show all."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The documents of all corpora; the last perturbation is the unrelated one."""

    pretrain: Documents
    align: Documents
    perturb: dict[str, Documents]


@dataclass(frozen=True, slots=True)
class Law:
    """The law at l = 0: arrays over depths, or over several cases at one depth.

    Attributes:
        k: |D_p| / |D_a| in segments.
        coverage: c, the share of the perturbation's segments that occur in D_p or D_a.
        pretrain: d gamma_p / dl in bits per segment.
        align: d gamma_a / dl in bits per segment.
        gain: The gain from more alignment data, -d gamma_a / d|D_a|, in the same unit.
    """

    k: Array
    coverage: Array
    pretrain: Array
    align: Array
    gain: Array

    @property
    def ratio(self) -> Array:
        """Slope of the alignment over slope of the pre-training; not finite if the latter is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.align / self.pretrain

    @property
    def share(self) -> Array:
        """The ratio as a share of -k: 1 where the law holds."""
        return self.ratio / -self.k

    @property
    def undone(self) -> Array:
        """How many segments of the alignment one segment of the perturbation undoes."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.align / self.gain

    @classmethod
    def over(cls, cases: Sequence["Law"], depths: int | Sequence[int]) -> "Law":
        """The law in several cases, at one depth for all or a depth for each."""
        places = list(zip(cases, np.broadcast_to(depths, len(cases)) - 1, strict=True))
        names = [field.name for field in fields(cls)]
        return cls(*(np.array([getattr(law, name)[at] for law, at in places]) for name in names))


def read(paths: Path | Sequence[Path]) -> Documents:
    """All documents of a corpus."""
    return [text for batch in ec.Corpus(paths).batches() for text in batch.texts]


def standard_library() -> Sequence[Path]:
    """The Python files of this interpreter's standard library, outside site-packages."""
    folder = Path(sysconfig.get_path("stdlib"))
    others = {"site-packages", "dist-packages"}
    return [path for path in sorted(folder.rglob("*.py")) if not others & set(path.parts)]


def build_tree(documents: Documents, depth: int = DEPTH) -> ec.TokenTree:
    """The token tree of documents, over bytes and in chunks of `depth` symbols."""
    ids = np.frombuffer(b"".join(documents), np.uint8)
    return ec.TokenTree.from_symbols(ids, np.cumsum([0, *map(len, documents)]), depth=depth)


def laws(
    pretrain: ec.TokenTree, align: ec.TokenTree, perturb: Sequence[ec.TokenTree]
) -> Sequence[Law]:
    """The law of each perturbation, with the volumes of the corpora."""
    joint = ec.JointSpectrum.of([pretrain, align, *perturb])
    k = float(joint.segments[0] / joint.segments[1])
    volumes = np.zeros((1, len(joint.segments)))
    volumes[0, :2] = k, 1
    gain = -joint.rates(volumes, 1).slope_bits[:, 0, 1]
    results = []
    for place in range(2, len(joint.segments)):
        rates = joint.rates(volumes, place)
        slopes = rates.slope_bits[:, 0]
        ks = np.full(joint.depth, k)
        results.append(Law(ks, rates.coverage[:, 0], slopes[:, 0], slopes[:, 1], gain))
    return results
