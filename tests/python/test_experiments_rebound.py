"""The rebound study: planted learners, end to end."""

import math
from pathlib import Path
from typing import Any

import pytest
from planted_arms import NAMED, planted, verdicts
from reviews import for_transformer, write_reviews

from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.cells import Metrics
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.rebound import ReboundConfig, analyse
from elastic_core.experiments.studies.sides import lineages

VALUES: dict[str, Any] = {**NAMED, "align": [32, 64, 128], "dose": [8, 32, 128], "seeds": 8}


def decaying(config: ReboundConfig, exponent: float, gain: float = 0.02) -> list[Metrics]:
    """Rows of alignments that decay at a rate which goes with a power of their volume."""

    def left(_: Lineage, volume: int, __: str, dose: int) -> float:
        return math.exp(-dose / (50 * (volume / 128) ** exponent))

    def size(_: Lineage, volume: int) -> float:
        return gain * volume / 128

    return planted(config, lineages(config), size, left, noise=0.00002)


@pytest.fixture(scope="module")
def config() -> ReboundConfig:
    return parse_config(VALUES, ReboundConfig, "test")


@pytest.mark.parametrize(("exponent", "verdict"), [(-0.5, "holds"), (0.5, "does not hold")])
def test_a_planted_trend_is_found(config: ReboundConfig, exponent: float, verdict: str) -> None:
    found = verdicts(analyse(config, decaying(config, exponent)))
    assert found == {
        "returns": "holds",
        "faster_after_more": verdict,
        "larger_first_loss": verdict,
    }


def test_equal_decay_is_no_trend(config: ReboundConfig) -> None:
    """What the absolute fall per row got wrong: a higher start falls faster at the same rate."""
    found = verdicts(analyse(config, decaying(config, 0.0)))
    assert found["faster_after_more"] == "no difference beyond ±0.1"
    assert found["larger_first_loss"] == "no difference beyond ±0.02"


def test_an_alignment_that_moved_nothing_supports_no_verdict(config: ReboundConfig) -> None:
    analysis = analyse(config, decaying(config, -0.5, gain=0.0))
    assert set(verdicts(analysis).values()) == {"no verdict"}
    assert "did not raise the margin; raise recipe.learning_rate" in analysis.findings[0].words


def test_two_seeds_support_no_verdict(config: ReboundConfig) -> None:
    few = config.model_copy(update={"seeds": 2})
    analysis = analyse(few, decaying(few, -0.5))
    assert set(verdicts(analysis).values()) == {"no verdict"}
    assert any("fewer than 3 seeds" in note for note in analysis.notes)


def test_each_side_has_its_own_claims() -> None:
    both = parse_config({**VALUES, "first": ["positive", "negative"]}, ReboundConfig, "test")
    analysis = analyse(both, decaying(both, -0.5))
    found = verdicts(analysis)
    assert set(found) == {
        f"{first}: {claim}" for first in ("positive", "negative") for claim in both.claims
    }
    assert set(found.values()) == {"holds"}
    assert analysis.findings[0].claim == "positive first: Reverse data undo the alignment."
    assert [figure.name for figure in analysis.figures] == [
        "positive-first", "negative-first", "positive-first-trend", "negative-first-trend",
    ]  # fmt: skip


def test_the_name_of_version_0_1_0_is_read() -> None:
    old = {**NAMED, "align": [8], "reverse": [16, 8]}
    assert parse_config(old, ReboundConfig, "test").doses == (8, 16)


def test_only_an_elastic_tree_model_rebounds(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "align": [40], "dose": [20], "seeds": 4}
    values |= {"recipe": {"weight": 4}, "measure": ["margin"]}
    found = {}
    for name, changes in (("elastic", {}), ("rigid", {"reverse_recipe": {"weight": 1e-9}})):
        config = parse_config({**values, **changes}, ReboundConfig, "test")
        found[name] = verdicts(experiment(config, tmp_path / name, jobs=1).analysis)
    assert found["elastic"]["returns"] == "holds"
    assert found["rigid"]["returns"] in ("no difference beyond ±0.1", "no verdict")


@pytest.mark.usefixtures("one_thread")
def test_only_an_unfrozen_transformer_moves(tmp_path: Path) -> None:
    values = {**for_transformer(write_reviews(tmp_path)), "align": [32], "dose": [16]}
    kl = {}
    for name, changes in (("elastic", {}), ("frozen", {"learning_rate": 1e-12})):
        config = parse_config({**values, "reverse_recipe": changes}, ReboundConfig, "test")
        run = experiment(config, tmp_path / name, jobs=1, cache=tmp_path / "models")
        kl[name] = {
            (row["labels"]["stage"], row["labels"].get("align")): row["kl_base"]
            for row in run.folder.rows()
        }
    start, end = ("align", 32), ("arm", 32)
    assert kl["elastic"]["base", None] == 0
    assert kl["elastic"][start] == kl["frozen"][start] > 0
    assert kl["frozen"][end] == pytest.approx(kl["frozen"][start], rel=1e-4)
    assert kl["elastic"][end] != pytest.approx(kl["elastic"][start], rel=1e-2)
