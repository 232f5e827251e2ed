"""The words, cells and figure of a trained tree model's rates."""

from pathlib import Path

import numpy as np
import pytest
from elastic_core.elastic_law.trained import RateCurve, TrainedConfig, TrainedCurve
from elastic_core.report.elasticity.trained import (
    CHANGE_HEADINGS,
    LEVEL_HEADINGS,
    agreement,
    change_cells,
    draw,
    findings,
    level_cells,
    setting,
)

from elastic_core.report.plot import save


def curve(order: str, slope: float, *, seeds: int = 4, noise: float = 1e-4) -> TrainedCurve:
    """Rates on unseen text that obey the law, and on seen text that do not move; k = 4."""
    random = np.random.default_rng(1)
    volumes = np.array([0, 0.25, 1])
    moved = np.stack([slope * volumes, -4 * slope * volumes, 0 * volumes], axis=1)
    gamma = 2 + moved + noise * random.normal(size=(seeds, 3, 3))
    config = TrainedConfig("p", "a", "t", 8, "byte", order, 1.0, tuple(range(seeds)))
    sizes = np.full((seeds, 3), [400, 100, 100])
    still = 2 + noise * random.normal(size=(seeds, 3, 3))
    k = np.full(seeds, 4.0)
    return TrainedCurve(config, sizes, RateCurve(volumes, k, gamma), RateCurve(volumes, k, still))


def test_the_cells_fit_their_headings() -> None:
    found = curve("joint", -0.1)
    rows = level_cells(found)
    assert len(rows) == 6
    assert {len(row) for row in rows} == {len(LEVEL_HEADINGS)}
    assert rows[0][:2] == ("unseen", "0")
    rows = change_cells(found)
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(CHANGE_HEADINGS)}
    text, volume, pretrain, align, ratio, law, force = rows[1]
    assert (text, volume, law) == ("unseen", "1", "-4.00")
    for cell, expected in ((pretrain, -100), (align, 400), (force, 0)):
        mean, half = map(float, cell.split(" ±"))
        assert mean == pytest.approx(expected, abs=1)
        assert 0 <= half < 2
    assert ratio.startswith("-4.00 [-4.0")


def test_a_sentence_says_what_came_out() -> None:
    unseen, seen = findings(curve("sequential", -0.1))
    assert unseen == (
        "sequential, unseen text, l = 0.25: the pre-training's rate fell (-25.0 ±0.3 bits/kB), "
        "the alignment's rose (100.0 ±0.2); ratio -4.00 [-4.05, -3.96], law -4.00: holds."
    )
    assert "did not move for sure" in seen
    assert seen.endswith("cannot be told.")


def test_a_single_seed_tells_no_intervals() -> None:
    found = curve("joint", -0.1, seeds=1)
    assert "±" not in "".join(sum(change_cells(found), ()))
    assert change_cells(found)[0][4].endswith(" [-]")
    assert "nan" not in " ".join(findings(found))
    assert setting(found) == "tree:8, alphabet byte, order joint, 1 seed, k = 4.00"


@pytest.mark.parametrize(("slope", "told"), [(-0.2, "agree"), (0.2, "differ")])
def test_agreement_is_that_of_the_signs(slope: float, told: str) -> None:
    sentences = agreement(curve("joint", -0.1), curve("sequential", slope))
    assert sentences[:4] == [
        f"Signs of the pre-training's rate on unseen text: {told} at l = 0.25, 1.",
        f"Signs of the alignment's rate on unseen text: {told} at l = 0.25, 1.",
        "The law in the joint order on unseen text: holds at l = 0.25, 1.",
        "The law in the sequential order on unseen text: holds at l = 0.25, 1.",
    ]
    assert len(sentences) == 8
    assert all("cannot be told" in sentence for sentence in sentences[4:6])


def test_the_figure_is_drawn_and_the_same_each_time(tmp_path: Path) -> None:
    curves = curve("joint", -0.1), curve("sequential", -0.2, seeds=1)
    for stem in ("one", "two"):
        save(draw(*curves), tmp_path, stem)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
