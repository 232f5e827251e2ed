"""The mitigation study: end to end, rows, planted curves."""

from pathlib import Path
from typing import Any

import pytest
from planted_curves import base_rows, curve_rows, verdicts
from reviews import for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore
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


def test_mixing_runs_on_a_tree_model(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), **STUDY, "recipe": {"weight": 4}, "seeds": 4}
    finished = experiment(
        config(values, variants={"mixed": {"mix": 0.5}}), tmp_path / "run", jobs=1
    )
    assert verdicts(finished.analysis)["plain: alignment moves the model."] == "holds"
    assert "mixed: the alignment withstands more reverse data." in verdicts(finished.analysis)
    plain, mixed = finished.analysis.tables[0].rows
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
    finished = experiment(config(values, **more), tmp_path / "run", jobs=1)
    assert [row[0] for row in finished.analysis.tables[0].rows] == list(variants)
    rows = [row for row in finished.folder.rows() if row["labels"]["stage"] == "align"]
    assert len({row["loss_positive"] for row in rows}) == len(variants)


def test_mixed_in_texts_are_not_measured_texts(tmp_path: Path) -> None:
    mitigation_config = config({**write_reviews(tmp_path), **STUDY})
    seed_context = RunContext(mitigation_config, ModelStore(tmp_path)).seed_context(0)
    plain = Subset("positive", 20)
    rows = Mixed(plain, 0.5, mitigation_config.held_out.texts).resolve(seed_context)
    assert len(rows) == 30
    assert rows[:20] == plain.resolve(seed_context)
    assert all(set(row) == {"prompt", "completion"} for row in rows)
    measured = {row["text"] for row in PretrainTexts().resolve(seed_context)}
    texts = {row["prompt"] + row["completion"] for row in rows[20:]}
    assert len(measured) == 5
    assert len(texts) == 10
    corpus = {file.read_text() for file in (tmp_path / "corpus").iterdir()}
    assert texts < corpus - measured
    other = RunContext(mitigation_config, ModelStore(tmp_path)).seed_context(1)
    assert Mixed(plain, 0.5, 5).resolve(other)[20:] != rows[20:]
    assert Mixed(plain, 0.01, 5).resolve(seed_context) == rows[:20]
    everything = Mixed(plain, 2.75, 5).resolve(seed_context)
    assert {row["prompt"] + row["completion"] for row in everything[20:]} == corpus - measured
    with pytest.raises(InvalidArgumentError, match="but its first 64 MiB have only 55"):
        Mixed(plain, 3, 5).check(seed_context)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"variants": {"plain": {"mix": 1}}}, "variants.plain: it is the reference"),
        ({"variants": {"x": {"mux": 1}}}, "unknown key variants.x.mux; did you mean mix?"),
        ({"variants": {"x": {"recipe": {"bata": 1}}}}, "unknown key bata; did you mean beta?"),
        ({"variants": {"x": {"mix": 1}}, "pretrain": None}, "variants.x: there is no text to mix"),
        (
            {"variants": {"x": {"recipe": {"lora_rank": 2}}}, "model": "tree:3"},
            "variants.x: tree models do not support lora_rank; use only mix",
        ),
    ],
)
def test_an_invalid_variant_is_rejected(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        config({**NAMED, **more})
    assert message in str(error.value)


def rows_of(
    mitigation_config: MitigationConfig, gains: dict[str, tuple[float, ...]], noise: float
) -> list[dict[str, Any]]:
    """Rows of a base model with a score of 0.5, and of each variant's gains by reverse volume."""
    rows = base_rows(mitigation_config.seed_range)
    for variant, values in gains.items():
        scores = {n: 0.5 + gain for n, gain in zip((0, *VOLUMES), values, strict=True)}
        loss = {"loss_pretrain": 1.9 if variant == "mixed" else 2.0}
        labels = {"align": 2000, "variant": variant}
        rows += curve_rows(mitigation_config.seed_range, scores, noise, loss, **labels)
    return rows


def test_a_planted_half_dose_is_recovered() -> None:
    mitigation_config = config(NAMED, variants={"mixed": {"mix": 0.5}}, reverse=VOLUMES)
    plain, mixed = (0.4, 0.3, 0.2, 0.05, 0.0), (0.3, 0.27, 0.25, 0.15, 0.0)
    analysis = analyse(
        mitigation_config, rows_of(mitigation_config, {"plain": plain, "mixed": mixed}, 0.002)
    )
    assert verdicts(analysis) == {
        "plain: alignment moves the model.": "holds",
        "mixed: the alignment withstands more reverse data.": "holds",
        "mixed: the alignment gains less.": "holds",
        "mixed: pre-training text is forgotten less.": "holds",
    }
    for row, rows_to_half in zip(analysis.tables[0].rows, (100, 200), strict=True):
        assert isinstance(row[1], Interval)
        assert row[1].mean == pytest.approx(rows_to_half, rel=0.05)
    assert not any("of the gain is left" in note for note in analysis.notes)


def test_noise_leaves_claims_open() -> None:
    mitigation_config = config(NAMED, variants={"mixed": {"mix": 0.5}}, reverse=VOLUMES)
    gains = (0.4, 0.3, 0.2, 0.1, 0.05)
    claims = verdicts(
        analyse(
            mitigation_config, rows_of(mitigation_config, {"plain": gains, "mixed": gains}, 0.1)
        )
    )
    assert claims["mixed: the alignment withstands more reverse data."] == "open"
    assert claims["mixed: the alignment gains less."] == "open"


def test_lasting_and_missing_gains_are_noted() -> None:
    mitigation_config = config(NAMED, variants={"mixed": {"mix": 0.5}}, reverse=VOLUMES)
    plain, mixed = (0.4, 0.35, 0.3, 0.28, 0.26), (-0.1, -0.2, -0.3, -0.4, -0.4)
    notes = analyse(
        mitigation_config, rows_of(mitigation_config, {"plain": plain, "mixed": mixed}, 0.001)
    ).notes
    starts = (
        "plain: with 5 of 5 seeds, more than half of the gain is left at 400",
        "mixed: with 5 of 5 seeds, the alignment gained nothing",
    )
    for start in starts:
        assert any(note.startswith(start) for note in notes)
