"""The study of mitigations: end to end, its rows, and curves whose truth is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reviews import for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.half_dose import withstood
from elastic_core.experiments.rows import Mixed, PretrainTexts, Subset
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.mitigation import MitigationConfig, analyse
from elastic_core.statistics.intervals import Interval

STUDY: dict[str, Any] = {"study": "mitigation", "align": 24, "reverse": [8, 16]}
NAMED: dict[str, Any] = {
    "study": "mitigation",
    "model": "scratch:0.3M",
    "pretrain": {"corpus": "corpus", "tokens": 1},
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
}
VOLUMES = (50, 100, 200, 400)


def config(values: dict[str, Any], **more: Any) -> MitigationConfig:
    return parse_config({**values, **more}, MitigationConfig, "test")


def verdicts(analysis: Analysis) -> dict[str, str]:
    return {each.claim: each.verdict for each in analysis.findings}


def test_mixing_runs_on_a_tree_model(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), **STUDY, "recipe": {"weight": 4}, "seeds": 4}
    found = experiment(config(values, variants={"mixed": {"mix": 0.5}}), tmp_path / "run", jobs=1)
    assert verdicts(found.analysis)["plain: alignment moves the model."] == "holds"
    assert "mixed: the alignment withstands more reverse data." in verdicts(found.analysis)
    plain, mixed = found.analysis.tables[0].rows
    assert (plain[0], mixed[0]) == ("plain", "mixed")
    loss = mixed[-1]
    assert isinstance(loss, Interval)
    assert loss.mean < 0


@pytest.mark.usefixtures("one_thread")
def test_every_variant_runs_on_a_transformer(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    values["recipe"] = {**values["recipe"], "steps": 1}
    variants = {
        "plain": {},
        "mixed": {"mix": 0.5},
        "lora": {"recipe": {"lora_rank": 2}},
        "held": {"recipe": {"beta": 0.5}},
        "both": {"mix": 1, "recipe": {"beta": 0.5}},
    }
    more = {**STUDY, "reverse": [8], "variants": variants}
    made = experiment(config(values, **more), tmp_path / "run", jobs=1)
    assert [row[0] for row in made.analysis.tables[0].rows] == list(variants)
    rows = [row for row in made.folder.rows() if row["labels"]["stage"] == "align"]
    assert len({row["loss_positive"] for row in rows}) == len(variants)


def test_texts_are_mixed_in_that_are_not_measured(tmp_path: Path) -> None:
    made = config({**write_reviews(tmp_path), **STUDY})
    seed_context = RunContext(made, ModelStore(tmp_path)).seed_context(0)
    plain = Subset("positive", 20)
    rows = Mixed(plain, 0.5, made.held_out.texts).resolve(seed_context)
    assert len(rows) == 30
    assert rows[:20] == plain.resolve(seed_context)
    assert all(set(row) == {"prompt", "completion"} for row in rows)
    measured = {row["text"] for row in PretrainTexts().resolve(seed_context)}
    texts = {row["prompt"] + row["completion"] for row in rows[20:]}
    assert len(measured) == 5
    assert len(texts) == 10
    corpus = {file.read_text() for file in (tmp_path / "corpus").iterdir()}
    assert texts < corpus - measured
    other = RunContext(made, ModelStore(tmp_path)).seed_context(1)
    assert Mixed(plain, 0.5, 5).resolve(other)[20:] != rows[20:]
    assert Mixed(plain, 0.01, 5).resolve(seed_context) == rows[:20]
    everything = Mixed(plain, 2.75, 5).resolve(seed_context)
    assert {row["prompt"] + row["completion"] for row in everything[20:]} == corpus - measured
    with pytest.raises(InvalidArgumentError, match="60 texts to mix in, but 55 in"):
        Mixed(plain, 3, 5).check(seed_context)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"variants": {"plain": {"mix": 1}}}, "variants.plain: the others are compared with it"),
        ({"variants": {"x": {"mux": 1}}}, "unknown key variants.x.mux; did you mean mix?"),
        ({"variants": {"x": {"recipe": {"bata": 1}}}}, "unknown key bata; did you mean beta?"),
        ({"variants": {"x": {"mix": 1}}, "pretrain": None}, "variants.x: there is no text to mix"),
        (
            {"variants": {"x": {"recipe": {"lora_rank": 2}}}, "model": "tree:3"},
            "variants.x: a tree model has no lora_rank; use mix alone",
        ),
    ],
)
def test_a_variant_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        config({**NAMED, **more})
    assert message in str(refused.value)


def test_half_of_the_gain_is_found() -> None:
    volumes = (0, 100, 200, 400)
    gains = [
        [0.4, 0.3, 0.1, 0.0],  # Between 100 and 200.
        [0.4, 0.3, 0.3, 0.25],  # Never.
        [0.4, 0.1, 0.3, 0.1],  # Noise at 100: it comes to rest at 0.2 from there on.
        [-0.1, -0.2, -0.3, -0.4],
        [0.4, np.nan, 0.0, 0.0],
        [np.nan, 0.3, 0.1, 0.0],
    ]
    found = withstood(volumes, gains)
    assert found.rows[:3] == pytest.approx([150, 400, 100])
    assert np.isnan(found.rows[[3, 5]]).all()
    assert found.rows[4] == pytest.approx(100)
    assert found.is_censored.tolist() == [False, True, False, False, False, False]


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8),
    st.lists(st.integers(1, 100), min_size=8, max_size=8),
)
def test_falling_gains_are_interpolated(falls: list[float], steps: list[int]) -> None:
    gains = np.concatenate([[0], -np.cumsum(falls)]) + np.sum(falls) * 1.5
    volumes = np.concatenate([[0], np.cumsum(steps[: len(falls)])])
    found = withstood(volumes.tolist(), gains)
    expected = np.interp(-gains[0] / 2, -gains, volumes)
    assert found.rows[0] == pytest.approx(expected)
    assert found.is_censored[0] == (gains[-1] > gains[0] / 2)


def curve(seeds: Any, variant: str, gains: Any, noise: float) -> list[dict[str, Any]]:
    """The rows of a variant's curve: gains beyond a base of 0.5, the first before any reverse."""
    rows = []
    for seed in seeds:
        draw = np.random.default_rng([seed, *map(ord, variant)])
        for volume, gain in zip((0, *VOLUMES), gains, strict=True):
            at = {"stage": "reverse", "reverse": volume} if volume else {"stage": "align"}
            labels = {"first": "positive", "align": 2000, "variant": variant, **at}
            score = 0.5 + gain + noise * draw.normal()
            row = {"seed": seed, "name": str(labels), **labels, "score": score}
            rows.append({**row, "loss_pretrain": 2 - 0.1 * (variant == "mixed")})
    return rows


def test_a_variant_that_withstands_twice_the_data_is_found() -> None:
    made = config(NAMED, variants={"mixed": {"mix": 0.5}}, reverse=VOLUMES)
    seeds = made.seed_range
    rows = [{"seed": seed, "name": "base", "stage": "base", "score": 0.5} for seed in seeds]
    rows += curve(seeds, "plain", (0.4, 0.3, 0.2, 0.05, 0.0), 0.002)
    rows += curve(seeds, "mixed", (0.3, 0.27, 0.25, 0.15, 0.0), 0.002)
    found = analyse(made, rows)
    assert verdicts(found) == {
        "plain: alignment moves the model.": "holds",
        "mixed: the alignment withstands more reverse data.": "holds",
        "mixed: the alignment gains less.": "holds",
        "mixed: pre-training text is forgotten less.": "holds",
    }
    plain, mixed = found.tables[0].rows
    for row, value in ((plain, 100), (mixed, 200)):
        assert isinstance(row[1], Interval)
        assert row[1].mean == pytest.approx(value, rel=0.05)
    assert not any("seeds half" in note for note in found.notes)


def test_noise_decides_nothing_and_what_is_never_lost_is_noted() -> None:
    made = config(NAMED, variants={"mixed": {"mix": 0.5}}, reverse=VOLUMES)
    seeds = made.seed_range
    rows = [{"seed": seed, "name": "base", "stage": "base", "score": 0.5} for seed in seeds]
    rows += curve(seeds, "plain", (0.4, 0.35, 0.3, 0.28, 0.26), 0.001)
    rows += curve(seeds, "mixed", (0.4, 0.3, 0.2, 0.1, 0.05), 0.1)
    found = analyse(made, rows)
    assert any(
        note.startswith("plain: with 5 of 5 seeds half of the gain is not lost at 400")
        for note in found.notes
    )
    rows = [row for row in rows if row.get("variant") != "plain"]
    rows += curve(seeds, "plain", (0.4, 0.3, 0.2, 0.1, 0.05), 0.1)
    claims = verdicts(analyse(made, rows))
    assert claims["mixed: the alignment withstands more reverse data."] == "open"
    assert claims["mixed: the alignment gains less."] == "open"
