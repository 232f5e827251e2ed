"""Hashes of cells, which must not change because existing run folders are resumed by them."""

from typing import Any

import pytest

from elastic_core import Recipe
from elastic_core.experiments.cells import Cell, Rows, SharedHashes, TextSet, TrainingStep
from elastic_core.experiments.rows import (
    Answers,
    HeldOutRows,
    InFormat,
    Pairs,
    PretrainTexts,
    SampledPairs,
    Subset,
)

HASHES = SharedHashes("root", "data", "measured")
ROOT = Cell((("stage", "base"), ("seed", 1)), 1, "tree:3")


def aligned(rows: Rows, **recipe: Any) -> Cell:
    labels = (("stage", "align"), ("align", 20), ("seed", 1))
    training = TrainingStep(rows, Recipe(**recipe), "negative")
    return Cell(labels, 1, "tree:3", ROOT, training, sets=(TextSet("own", rows, is_whole=False),))


@pytest.mark.parametrize(
    ("cell", "model_hash", "row_hash"),
    [
        (ROOT, "1207a15eb7bcafc06384c57e", "9b8644c38bc243c1b81e13f6"),
        (
            aligned(Subset("positive", 20)),
            "36ff70eb8d4330540c7b05e0",
            "7f6455e5dd231dda327891a4",
        ),
        (
            aligned(HeldOutRows("negative")),
            "d833069e36b81c2d56063b8c",
            "ce2b33c1a55b9a82659941dd",
        ),
        (aligned(PretrainTexts()), "19249f37fbb72ea529fa676d", "67aee8f8cb8108e8bfe570e8"),
        (aligned(Answers(ROOT, 8, 6, 2)), "4bfa6f67432ffd0ae405b39b", "30362033763c5fa0db33af5b"),
        (aligned(Pairs("negative", 8, 4)), "9f8845d05957edde229da382", "46a84341e0816b617699650e"),
        (
            aligned(SampledPairs(ROOT, "positive", 8, 4, 16)),
            "898b652e386b0267e80bf3e2",
            "05751f3a0bf4b12349b8314f",
        ),
        (
            aligned(InFormat(Subset("negative", 5), "prompt")),
            "f78547586a5fc1dd4d01a3c1",
            "3bb506bd51b0682b89aba4c5",
        ),
    ],
)
def test_hashes_match_those_of_existing_run_folders(
    cell: Cell, model_hash: str, row_hash: str
) -> None:
    assert cell.model_hash(HASHES) == model_hash
    assert cell.row_hash(HASHES) == row_hash


def test_hashes_depend_on_everything_that_affects_the_result() -> None:
    cell = aligned(Subset("positive", 20))
    other = aligned(Subset("positive", 21))
    assert cell.model_hash(HASHES) != other.model_hash(HASHES)
    assert cell.model_hash(HASHES) != cell.model_hash(SharedHashes("root", "other", "measured"))
    assert ROOT.model_hash(HASHES) != ROOT.model_hash(SharedHashes("other", "data", "measured"))
    elsewhere = SharedHashes("root", "data", "other")
    assert cell.model_hash(HASHES) == cell.model_hash(elsewhere)
    assert cell.row_hash(HASHES) != cell.row_hash(elsewhere)
    sgd = aligned(Subset("positive", 20), optimizer="sgd")
    assert cell.model_hash(HASHES) != sgd.model_hash(HASHES)
    assert cell.model_hash(HASHES) == aligned(Subset("positive", 20), optimizer="adamw").model_hash(
        HASHES
    )
