"""The rebound study: end to end, planted curves."""

import math
from pathlib import Path

import pytest
from planted_curves import NAMED, base_rows, curve_rows, exponential, verdicts
from reviews import for_transformer, write_reviews

from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.rebound import ReboundConfig, analyse
from elastic_core.statistics.intervals import Interval


@pytest.fixture(scope="module")
def config() -> ReboundConfig:
    volumes = {"align": [250, 1000], "reverse": [50, 100, 200, 400, 800]}
    return parse_config({**NAMED, **volumes}, ReboundConfig, "test")


def test_a_planted_faster_fall_is_found(config: ReboundConfig) -> None:
    seeds = config.seed_range
    rows = base_rows(seeds)
    rows += curve_rows(seeds, exponential(0.6, 0.4, 400), 0.002, align=250)
    rows += curve_rows(seeds, exponential(0.8, 0.4, 100), 0.002, align=1000)
    analysis = analyse(config, rows)
    assert set(verdicts(analysis).values()) == {"holds"}
    table = next(table for table in analysis.tables if table.name == "positive-first-fall")
    plateau, rows_to_plateau = table.rows[1][4:]
    assert isinstance(plateau, Interval)
    assert isinstance(rows_to_plateau, Interval)
    assert plateau.mean == pytest.approx(0.4, abs=0.01)
    assert rows_to_plateau.mean == pytest.approx(math.log10(100 * math.log(10)), abs=0.05)


def test_a_planted_slower_fall_is_reported(config: ReboundConfig) -> None:
    seeds = config.seed_range
    rows = base_rows(seeds)
    rows += curve_rows(seeds, exponential(0.7, 0.4, 60), 0.002, align=250)
    rows += curve_rows(seeds, exponential(0.8, 0.4, 500), 0.002, align=1000)
    claims = verdicts(analyse(config, rows))
    assert claims["Models aligned on more data fall faster."] == "does not hold"
    assert claims["Models aligned on more data reach the plateau earlier."] == "does not hold"


def test_noise_leaves_claims_open(config: ReboundConfig) -> None:
    seeds = config.seed_range
    rows = base_rows(seeds)
    for align in (250, 1000):
        rows += curve_rows(
            seeds, dict.fromkeys((0, 50, 100, 200, 400, 800), 0.5), 0.05, align=align
        )
    claims = verdicts(analyse(config, rows))
    assert claims["Models aligned on more data fall faster."] == "open"
    assert claims["Reverse data undo the alignment."] == "open"


def test_an_alignment_that_moved_nothing_supports_no_verdict(config: ReboundConfig) -> None:
    """A placebo: the models move under reverse training alone."""
    seeds = config.seed_range
    rows = base_rows(seeds)
    rows += curve_rows(seeds, exponential(0.5, 0.4, 400), 0.0, align=250)
    rows += curve_rows(seeds, exponential(0.5, 0.3, 100), 0.0, align=1000)
    analysis = analyse(config, rows)
    assert set(verdicts(analysis).values()) == {"open"}
    undone = analysis.findings[1]
    assert undone.claim == "Reverse data undo the alignment."
    assert "the alignment did not measurably move the model" in undone.words
    assert "recipe.learning_rate" in undone.words


def test_two_seeds_support_no_verdict(config: ReboundConfig) -> None:
    config = config.model_copy(update={"seeds": 2})
    rows = base_rows(config.seed_range)
    rows += curve_rows(config.seed_range, exponential(0.8, 0.4, 100), 0.0, align=250)
    rows += curve_rows(config.seed_range, exponential(0.9, 0.4, 100), 0.0, align=1000)
    analysis = analyse(config, rows)
    assert set(verdicts(analysis).values()) == {"open"}
    assert any("fewer than 3 seeds" in note for note in analysis.notes)


def test_a_curve_without_a_plateau_leaves_its_claim_open(config: ReboundConfig) -> None:
    seeds = config.seed_range
    rows = base_rows(seeds)
    rows += curve_rows(seeds, exponential(0.8, 0.4, 100), 0.0, align=250)
    straight = {n: 0.9 - 0.0002 * n for n in (0, 50, 100, 200, 400, 800)}
    rows += curve_rows(seeds, straight, 0.0, align=1000)
    finding = analyse(config, rows).findings[-1]
    assert finding.claim == "Models aligned on more data reach the plateau earlier."
    assert finding.verdict == "open"
    assert "5 of 10 curves determine no plateau" in finding.words


def test_changes_are_reported_in_the_direction_of_each_side() -> None:
    values = {**NAMED, "align": [100], "reverse": [50, 100], "first": ["positive", "negative"]}
    config = parse_config(values, ReboundConfig, "test")
    rows = base_rows(config.seed_range)
    rows += curve_rows(config.seed_range, {0: 0.75, 50: 0.6, 100: 0.5}, 0, align=100)
    lowered = {0: 0.25, 50: 0.4, 100: 0.5}
    rows += curve_rows(config.seed_range, lowered, 0, align=100, first="negative")
    analysis = analyse(config, rows)
    texts = {finding.claim: finding.words for finding in analysis.findings}
    assert set(verdicts(analysis).values()) == {"holds"}
    ends = "by 0.250 (95% CI 0.250 to 0.250)."
    assert texts == {
        "positive first: Alignment moves the model.": (
            f"Aligning on 100 positive rows raised the score {ends}"
        ),
        "positive first: Reverse data undo the alignment.": (
            f"After 100 positive rows, training on 100 negative rows lowered the score {ends}"
        ),
        "negative first: Alignment moves the model.": (
            f"Aligning on 100 negative rows lowered the score {ends}"
        ),
        "negative first: Reverse data undo the alignment.": (
            f"After 100 negative rows, training on 100 positive rows raised the score {ends}"
        ),
    }


def test_only_an_elastic_tree_model_rebounds(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "align": [40], "reverse": [20], "seeds": 4}
    values |= {"recipe": {"weight": 4}, "held_out": {"prompts": 24, "tokens": 40, "texts": 5}}
    claims = {}
    for name, changes in (("elastic", {}), ("rigid", {"reverse_recipe": {"weight": 1e-9}})):
        config = parse_config({**values, **changes}, ReboundConfig, "test")
        claims[name] = verdicts(experiment(config, tmp_path / name, jobs=1).analysis)
    assert claims["elastic"]["Alignment moves the model."] == "holds"
    assert claims["elastic"]["Reverse data undo the alignment."] == "holds"
    assert claims["rigid"]["Alignment moves the model."] == "holds"
    assert claims["rigid"]["Reverse data undo the alignment."] != "holds"


@pytest.mark.usefixtures("one_thread")
def test_only_an_unfrozen_transformer_moves(tmp_path: Path) -> None:
    values = {**for_transformer(write_reviews(tmp_path)), "align": [32], "reverse": [16]}
    kl = {}
    for name, changes in (("elastic", {}), ("frozen", {"learning_rate": 1e-12})):
        config = parse_config({**values, "reverse_recipe": changes}, ReboundConfig, "test")
        run = experiment(config, tmp_path / name, jobs=1, cache=tmp_path / "models")
        kl[name] = {row["labels"]["stage"]: row["kl"] for row in run.folder.rows()}
    assert kl["elastic"]["base"] == 0
    assert kl["elastic"]["align"] == kl["frozen"]["align"] > 0
    assert kl["frozen"]["reverse"] == pytest.approx(kl["frozen"]["align"], rel=1e-4)
    assert kl["elastic"]["reverse"] != pytest.approx(kl["elastic"]["align"], rel=1e-2)
