"""The report on the order of learning: findings, tables, figure."""

from pathlib import Path

import numpy as np
import pytest

from elastic_core.experiments.studies.order_of_learning import (
    RateCurve,
    TreeCurve,
    TreeCurveConfig,
    agreement,
    change_table,
    draw,
    findings,
    level_table,
    setting,
)
from elastic_core.report.plot import save


def curve(order: str, slope: float, *, seeds: int = 4, noise: float = 1e-4) -> TreeCurve:
    """Rates that obey the law on unseen text and do not change on seen text; k = 4."""
    random = np.random.default_rng(1)
    volumes = np.array([0, 0.25, 1])
    moved = np.stack([slope * volumes, -4 * slope * volumes, 0 * volumes], axis=1)
    gamma = 2 + moved + noise * random.normal(size=(seeds, 3, 3))
    config = TreeCurveConfig("p", "a", "t", 8, "byte", order, 1.0, tuple(range(seeds)))
    sizes = np.full((seeds, 3), [400, 100, 100])
    still = 2 + noise * random.normal(size=(seeds, 3, 3))
    k = np.full(seeds, 4.0)
    return TreeCurve(config, sizes, RateCurve(volumes, k, gamma), RateCurve(volumes, k, still))


def test_tables_have_a_cell_per_heading() -> None:
    joint = curve("joint", -0.1)
    levels = level_table(joint)
    assert len(levels.rows) == 6
    assert {len(row) for row in levels.rows} == {len(levels.headings)}
    assert levels.rows[0][:2] == ("unseen", "0")
    changes = change_table([joint, curve("sequential", -0.1)])
    assert len(changes.rows) == 2 * 4
    assert {len(row) for row in changes.rows} == {len(changes.headings)}
    assert changes.rows[4][:3] == ("sequential", "unseen", "0.25")
    order, text, volume, pretrain, align, ratio, law, force = changes.rows[1]
    assert (order, text, volume, law) == ("joint", "unseen", "1", "-4.00")
    for cell, expected in ((pretrain, -100), (align, 400), (force, 0)):
        mean, half = map(float, str(cell).split(" ±"))
        assert mean == pytest.approx(expected, abs=1)
        assert 0 <= half < 2
    assert str(ratio).startswith("-4.00 [-4.0")


def test_findings_state_changes_ratio_and_verdict() -> None:
    unseen, seen = findings(curve("sequential", -0.1))
    assert unseen == (
        "sequential, unseen text, l = 0.25: the pre-training's rate fell (-25.0 ±0.3 bits/kB), "
        "the alignment's rose (100.0 ±0.2); ratio -4.00 [-4.05, -3.96], law -4.00: holds."
    )
    assert "did not clearly change" in seen
    assert seen.endswith(": open.")


def test_a_single_seed_has_no_intervals() -> None:
    single = curve("joint", -0.1, seeds=1)
    rows = change_table([single]).rows
    assert "±" not in "".join(str(cell) for row in rows for cell in row)
    assert str(rows[0][5]).endswith(" [-]")
    assert "nan" not in " ".join(findings(single))
    assert setting(single) == "tree:8, alphabet byte, order joint, 1 seed, k = 4.00"


@pytest.mark.parametrize(("slope", "outcome"), [(-0.2, "agree"), (0.2, "differ")])
def test_agreement_compares_signs(slope: float, outcome: str) -> None:
    sentences = agreement(curve("joint", -0.1), curve("sequential", slope))
    assert sentences[:4] == [
        f"Signs of the pre-training's rate on unseen text: {outcome} at l = 0.25, 1.",
        f"Signs of the alignment's rate on unseen text: {outcome} at l = 0.25, 1.",
        "The law in the joint order on unseen text: holds at l = 0.25, 1.",
        "The law in the sequential order on unseen text: holds at l = 0.25, 1.",
    ]
    assert len(sentences) == 8
    assert all("open" in sentence for sentence in sentences[4:6])


def test_the_figure_is_deterministic(tmp_path: Path) -> None:
    curves = curve("joint", -0.1), curve("sequential", -0.2, seeds=1)
    for stem in ("one", "two"):
        save(draw(*curves), tmp_path, stem)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
