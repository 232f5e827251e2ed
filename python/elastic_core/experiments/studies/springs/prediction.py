"""What the elastic law of token trees predicts of a model that learns the same texts.

A tree of depth d that is built from D_p, D_a and D_t together has the joint leaf distribution q of
their trees, and the rates gamma_i = -sum_x P_i(x) log2 q(x). The law predicts how gamma_p and
gamma_a change when D_t is added; `docs/elasticity.md` has its closed form. This module computes the
whole change, from no D_t to all of it, and not the slope.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, JointSpectrum, TokenTree
from elastic_core.common.files import without_nan
from elastic_core.experiments.cells import Measure, Metrics, Rows, SeedData
from elastic_core.experiments.first_order import (
    bytes_of,
    bytes_per_token,
    learned_volume,
    texts_of,
)

if TYPE_CHECKING:
    from elastic_core.models.protocol import LanguageModel

Texts: TypeAlias = Sequence[str]

SETS = ("pretrain", "align", "perturb")
"""D_p, D_a and D_t by their names in the metrics."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The change of the rates that a joint token tree predicts.

    Attributes:
        change: The change of gamma_i when D_t is added, in bits per byte, for each of `SETS`; shape
            (3,). That of D_t itself is minus infinity where it has leaves of its own.
        coverage: The share of D_t's segments that end in leaves of D_p or D_a.
    """

    change: NDArray[np.float64]
    coverage: float


def predict(texts: Sequence[Texts], volumes: Sequence[float], depth: int) -> Prediction:
    """Predicts the change of the rates from the joint token tree of one depth, of byte chunks.

    Args:
        texts: The texts of D_p, D_a and D_t; those of D_p may be a sample.
        volumes: |D_i| of each, in bytes.
        depth: The depth d of the trees, in bytes.

    Raises:
        InvalidArgumentError: The depth is out of range, or a data set has no text.
    """
    joint = JointSpectrum.of([_tree(sample, depth) for sample in texts], threads=1)
    segments = joint.segments.astype(np.float64)
    sizes = np.array([bytes_of(sample) for sample in texts], np.float64)
    weights = segments * np.asarray(volumes, np.float64) / sizes
    rates = joint.rates(weights[None], len(texts) - 1, threads=1)
    return Prediction(
        change=rates.shift_bits[-1, 0] * segments / sizes,
        coverage=float(rates.coverage[-1, 0]),
    )


def _tree(texts: Texts, depth: int) -> TokenTree:
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    ids = np.frombuffer(b"".join(encoded), np.uint8)
    return TokenTree.from_symbols(ids, offsets, depth=depth, segment="chunk", threads=1)


@dataclass(frozen=True, slots=True)
class TreeLaw(Measure):
    """The prediction of the law for a perturbation, and the volumes of the three data sets.

    D_p is the pre-training. Its tree is built from documents of `pretrain.corpus` in the seed's
    order, as many bytes as the model has read. A tree model has learned exactly these documents; a
    transformer has read blocks of tokens from all over the corpus, so they are only of the same
    kind. If the model has read more than there is, or the texts are a sample, the tree is built
    from all of them and weighted by what was read. Where D_p was learned again together with D_a,
    it is these texts alone; a tree model, which forgets nothing, has both.

    The class and its fields are part of the hashes of rows in run folders.

    Attributes:
        align: The rows of D_a.
        perturb: The rows of D_t.
        depths: The depths of the trees.
        pretrained: Tokens that the model was pre-trained on; None: `pretrain.tokens`, or all of the
            corpus.
        replay: The texts of the pre-training that are learned together with D_a; None: none are.
    """

    align: Rows
    perturb: Rows
    depths: tuple[int, ...]
    pretrained: int | None = None
    replay: Rows | None = None

    def take(self, model: "LanguageModel", seed_context: SeedData) -> Metrics:
        """Predicts the changes of the rates from the texts of the seed.

        Returns:
            `volume_SET` in bytes; `law_SET_DEPTH`, the change of gamma in bits per byte, None where
            it is infinite; `coverage_DEPTH`.

        Raises:
            InvalidArgumentError: The configuration names no texts of pre-training.
        """
        replay = texts_of(self.replay.resolve(seed_context)) if self.replay else []
        sample = seed_context.pretrain_texts()
        learned = learned_volume(model, sample, seed_context, self.pretrained, replay)
        settings = seed_context.config.pretrain
        if settings is None or learned is None:
            raise InvalidArgumentError(
                "the law needs pre-training texts; name them as pretrain.corpus"
            )
        pretrain = replay
        if not replay or model.learns_online:
            size = (
                round(settings.tokens * bytes_per_token(model, sample)) if settings.tokens else None
            )
            pretrain = [*seed_context.pretraining(size), *replay]
        texts = (
            pretrain,
            texts_of(self.align.resolve(seed_context)),
            texts_of(self.perturb.resolve(seed_context)),
        )
        volumes = [learned, *(float(bytes_of(sample)) for sample in texts[1:])]
        metrics: dict[str, float | None] = dict(
            zip((f"volume_{name}" for name in SETS), volumes, strict=True)
        )
        for depth in self.depths:
            prediction = predict(texts, volumes, depth)
            for name, change in zip(SETS, without_nan(prediction.change), strict=True):
                metrics[f"law_{name}_{depth}"] = change
            metrics[f"coverage_{depth}"] = prediction.coverage
        return metrics
