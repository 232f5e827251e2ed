"""The reversion study: planted learners, placebos, one training for a whole curve, end to end."""

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import CommandLine
from planted_arms import planted, verdicts
from reviews import configured, for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.common.yaml import yaml_text
from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.arms.calibration import calibrate, calibration_of
from elastic_core.experiments.arms.matching import all_volumes
from elastic_core.experiments.arms.outcome import Outcome
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.arms.texts import BaseSamples, pieces
from elastic_core.experiments.cells import Cell, Metrics, Row
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.estimate.plan import plan
from elastic_core.experiments.folder import ModelStore, flatten_row
from elastic_core.experiments.run import describe_plan, experiment
from elastic_core.experiments.studies.reversion import (
    STUDY,
    ReversionConfig,
    analyse,
    lineages,
)
from elastic_core.report.document import Table

VOLUMES, DOSES = [32, 64, 128], [8, 32, 128]
PLANTED: dict[str, Any] = {
    "study": "reversion",
    "model": "tree:2",
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
    "align": VOLUMES,
    "dose": DOSES,
    "novel": {"source": "novels"},
    "seeds": 12,
    "draws": 2,
}

RUN = ["experiment", "reversion", "--config", "c.yaml", "--jobs", "1", "--out", "run"]

Decay = Callable[[int, str], float]
"""The dose at which 1/e of an alignment is left, by its volume and the arm."""


def decaying(
    config: ReversionConfig, decay: Decay, *, gain: float = 0.02, noise: float = 0.0005
) -> list[Metrics]:
    """Rows of a learner whose alignment decays exponentially."""

    def size(_: Lineage, volume: int) -> float:
        return gain * volume / VOLUMES[-1]

    def left(_: Lineage, volume: int, arm: str, dose: int) -> float:
        return math.exp(-dose / decay(volume, arm))

    return planted(config, lineages(config), size, left, noise=noise)


@pytest.fixture(scope="module")
def config() -> ReversionConfig:
    found = configured(PLANTED)
    assert isinstance(found, ReversionConfig)
    return found


def elastic(volume: int, arm: str) -> float:
    """Neutral and opposite data undo an alignment alike, sooner after more of it; novel hardly."""
    return 4000 if arm == "novel" else 60 * (volume / 128) ** -0.5


def test_a_figure_shows_the_trends_along_the_volumes(config: ReversionConfig) -> None:
    """The planted half-dose falls by half a doubling for each doubling of the volume."""
    trend = analyse(config, decaying(config, elastic, noise=0.0)).figures[1]
    assert trend.name == "reversion-trend"
    half_doses, first_losses = (panel.series[0] for panel in trend.panels)
    assert half_doses.name == first_losses.name == "neutral"
    assert half_doses.x == first_losses.x == tuple(VOLUMES)
    logs = [value.mean for value in half_doses.y]
    steps = [later - earlier for earlier, later in pairwise(logs)]
    assert steps == pytest.approx([-0.5] * 2, abs=0.25)  # Read off between doses.
    losses = [1 - math.exp(-DOSES[0] / elastic(volume, "neutral")) for volume in VOLUMES]
    assert [value.mean for value in first_losses.y] == pytest.approx(losses, rel=1e-6)


def test_planted_elasticity_is_found(config: ReversionConfig) -> None:
    assert verdicts(analyse(config, decaying(config, elastic, noise=0.0002))) == {
        "returns": "holds",
        "distribution_returns": "no verdict",  # The divergence is planted without noise.
        "pretraining_pulls": "holds",
        "faster_after_more": "holds",
        "larger_first_loss": "holds",
        "neutral_like_opposite": "holds",
    }


def test_the_opposite_outcome_is_found_with_the_same_ease(config: ReversionConfig) -> None:
    def inelastic(volume: int, arm: str) -> float:
        return 10 if arm == "novel" else 60 * (volume / 128) ** 0.5

    found = verdicts(analyse(config, decaying(config, inelastic)))
    assert found["pretraining_pulls"] == "does not hold"
    assert found["faster_after_more"] == "does not hold"
    assert found["larger_first_loss"] == "does not hold"


def test_a_half_dose_is_that_of_the_closed_form(config: ReversionConfig) -> None:
    rows = decaying(config, lambda *_: 80.0, noise=0.0)
    outcome = Outcome(Grid(rows, config.seed_range), "margin", config.doses)
    deepest = all_volumes(config, lineages(config)[0])[-1]
    half = outcome.half_doses(deepest, "neutral")
    left = [math.exp(-dose / 80) for dose in (32, 128)]
    expected = 32 + (left[0] - 0.5) / (left[0] - left[1]) * 96  # Linear between doses.
    assert half.pooled == pytest.approx(expected)
    assert half.rows == pytest.approx([expected] * config.seeds)
    assert outcome.lost(deepest, "neutral")[:, 0, 0] == pytest.approx(
        [1 - math.exp(-dose / 80) for dose in DOSES]
    )


def test_a_frozen_model_has_no_half_dose(config: ReversionConfig) -> None:
    analysis = analyse(config, decaying(config, lambda *_: math.inf))
    found = verdicts(analysis)
    assert found["returns"] == "no difference beyond ±0.1"
    assert found["faster_after_more"] == "no verdict"
    left = analysis.tables[1]
    assert {row[-1] for row in left.rows[1:]} == {"not reached"}


@pytest.mark.parametrize(("frozen", "verdict"), [(1, "holds"), (2, "no verdict")])
def test_a_few_curves_may_miss_the_half(config: ReversionConfig, frozen: int, verdict: str) -> None:
    """One of 36 curves is at most 5% of them, two are more."""
    rows = decaying(config, elastic, noise=0.0002)
    for row in rows:
        if row["stage"] == "arm" and row["align"] == VOLUMES[0] and row["seed"] < frozen:
            row["margin"] = (
                0.02 * VOLUMES[0] / VOLUMES[-1] + 1e-5 * row["dose"]
            )  # All of it is left.
    finding = next(
        each for each in analyse(config, rows).findings if "half of it is undone" in each.claim
    )
    assert finding.verdict == verdict
    sentence = (
        "1 of 36 curves does not fall that far and counts as 128 rows, the largest dose."
        if frozen == 1
        else "2 of 36 curves do not fall that far by the last dose; add larger doses, or more draws"
    )
    assert sentence in finding.words


def test_an_alignment_that_moved_nothing_supports_no_verdict(config: ReversionConfig) -> None:
    """A placebo: all models drift, the aligned ones like the base."""
    rows = decaying(config, elastic, gain=0.0)
    analysis = analyse(config, rows)
    assert set(verdicts(analysis).values()) == {"no verdict"}
    assert "did not raise the margin" in analysis.findings[0].words


def test_an_alignment_without_rows_is_not_said_to_have_failed(config: ReversionConfig) -> None:
    rows = [row for row in decaying(config, elastic) if row.get("align") != VOLUMES[-1]]
    analysis = analyse(config, rows)
    assert verdicts(analysis)["returns"] == "no verdict"
    assert "The alignment 128 has not been measured yet." in analysis.findings[0].words


def test_equal_decay_is_no_difference(config: ReversionConfig) -> None:
    found = verdicts(analyse(config, decaying(config, lambda *_: 60.0, noise=0.0002)))
    assert found["pretraining_pulls"] == "no difference beyond ±0.1"
    assert found["neutral_like_opposite"] == "holds"


def test_missing_arms_and_instruments_have_no_verdict() -> None:
    config = configured(PLANTED, arms=["neutral"], seeds=4)
    assert isinstance(config, ReversionConfig)
    rows = [row for row in decaying(config, elastic) if row.pop("kl_base") is not None]
    found = verdicts(analyse(config, rows))
    assert found["returns"] == "holds"
    assert found["distribution_returns"] == found["pretraining_pulls"] == "no verdict"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"novel": None}, "the novel arm needs text; set novel.source"),
        ({"data": {"positive": {"source": "good"}}}, "the opposite arm needs the other side"),
        ({"novel": {"source": "model"}}, "only neutral texts are samples"),
        ({"measure": ["kl"]}, "need the margin"),
        ({"dose": [8, 8]}, "dose: a number is repeated"),
        ({"claims": {"returns": {"smallest": None}}}, "needs a smallest effect"),
        ({"claims": {"rebound": {}}}, "unknown claim rebound"),
        ({"measure": ["first"]}, "measure"),
        (
            {"measure": ["margin", "log_odds"], "scorer": {"kind": "hf:judge"}},
            "log_odds needs the labelled texts of a linear scorer",
        ),
        ({"measure": ["margin", "weight_noise"]}, "a tree model has no weights for weight_noise"),
        ({"measure": ["margin"], "calibrate": True}, "calibrate compares divergences; add kl"),
        ({"model": "hf:base", "align": [12]}, "align: checkpoint 12: a step takes 8 rows"),
        ({"recipe": {"algorithm": "dpo"}}, "recipe.algorithm dpo: reversion trains on whole"),
    ],
)
def test_bad_configurations_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        configured(PLANTED, **changes)


def test_log_odds_are_left_out_where_no_labelled_texts_are() -> None:
    config = configured(PLANTED, scorer={"kind": "hf:judge"})
    assert isinstance(config, ReversionConfig)
    assert config.measure == ["margin", "kl", "rates"]


def test_the_first_dose_is_beyond_the_warm_up() -> None:
    recipe = {"warm_up": 2, "batch": 8, "accumulation": 1}
    values = {"model": "hf:base", "align": [32], "dose": [8, 16, 24], "recipe": recipe}
    config = configured(PLANTED, **values)
    assert isinstance(config, ReversionConfig)
    (lineage,) = lineages(config)
    assert config.doses[lineage.first_dose(config.doses, is_tree=False)] == 24
    assert lineage.first_dose(config.doses, is_tree=True) == 0


def test_texts_are_cut_at_white_space() -> None:
    text = " ".join(f"word{number}" for number in range(100))
    cut = pieces(text, 40)
    assert all(len(piece) <= 40 and not piece.startswith(" ") for piece in cut)
    assert " ".join(cut) == text[: len(" ".join(cut))]
    assert pieces("short", 40) == []
    assert pieces("x" * 100, 40) == ["x" * 40, "x" * 40]


# Runs


def rows_of(run: Path) -> list[Metrics]:
    """The rows of a run, labels included."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    return [flatten_row(json.loads(line)) for line in lines]


def small(folder: Path) -> dict[str, Any]:
    """A study on a tree model."""
    return {
        **write_reviews(folder),
        "study": "reversion",
        "align": [8, 16],
        "dose": [8],
        "novel": {"source": str(folder / "corpus"), "characters": 60},
        "held_out": {"prompts": 12, "tokens": 10, "texts": 6},
        "seeds": 3,
    }


def test_a_tree_model_runs_from_the_command_to_the_report(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(yaml_text(small(tmp_path)))
    done = cli(*RUN)
    assert done.code == 0, done.err
    for words in ("Claims and verdicts", "Share of the alignment left", "placebo", "SHA-256"):
        assert words in done.out
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 3 * (1 + 2 + 3 * 3)
    base = next(row for row in rows if row["labels"]["stage"] == "base")
    assert base["margin"] == base["log_odds"] == base["kl_base"] == 0
    moved = [row for row in rows if row["labels"]["stage"] == "align"]
    assert all(row["margin"] > 0 and row["kl_base"] > 0 for row in moved)
    assert (tmp_path / "run/report/tables/left.csv").exists()
    again = cli(*RUN)
    assert again.out.split("report:")[0] == done.out.split("report:")[0]


def test_first_order_of_a_tree_model_is_the_law_of_its_token_trees(
    cli: CommandLine, tmp_path: Path
) -> None:
    measure = {"measure": ["margin", "first_order"], "seeds": 1, "model": "tree:1"}
    (tmp_path / "c.yaml").write_text(yaml_text(small(tmp_path) | measure))
    done = cli(*RUN)
    assert done.code == 0, done.err
    assert "First order: gradients of the rates" in done.out
    assert "One small step on the texts of an arm" in done.out
    rows = rows_of(tmp_path / "run")
    for row in rows:
        assert ("first_order_k" in row) == (row["stage"] != "arm")
    for row in (row for row in rows if row["stage"] == "align"):
        for arm in ("opposite", "novel"):  # Of known bytes only, so the law is exact.
            ratio = row[f"first_order_ratio_align_{arm}"]
            assert ratio == pytest.approx(-row["first_order_k"], rel=1e-6)
            predicted, measured = (
                row[f"first_order_{kind}_align_{arm}"] for kind in ("predicted", "measured")
            )
            assert measured == pytest.approx(predicted, rel=0.05, abs=1e-9)


def test_first_order_of_a_checkpoint_takes_samples_of_the_base(
    checkpoint: Path, tmp_path: Path
) -> None:
    values = for_transformer(small(tmp_path)) | {"model": str(checkpoint), "align": [8]}
    values |= {"measure": ["margin", "first_order"], "pretrain": None, "pretrained": "1M"}
    done = experiment(configured(values, arms=["opposite"]), tmp_path / "run", jobs=1)
    rows = [row for row in rows_of(tmp_path / "run") if row["stage"] != "arm"]
    for row in rows:
        assert row["first_order_k"] > 100
        assert abs(row["first_order_cos_held_out_opposite"]) <= 1
        assert row["first_order_cos_pretrain_opposite_se"] > 0
    names = [one.name for one in done.analysis.tables]
    assert names[-2:] == ["first-order", "steps"]


def test_a_plan_counts_one_training_for_a_curve(tmp_path: Path) -> None:
    config = configured(small(tmp_path) | {"dose": [4, 8], "seeds": 1})
    planned = plan(STUDY, config, RunContext(config, ModelStore(tmp_path / "models")))
    assert planned.trainings == 1 + 3 * 3  # All alignments are on a curve, too.
    assert len(planned.cells) == 1 + 2 + 3 * 3 * 2


def test_a_schedule_trains_each_number_of_rows_by_itself(tmp_path: Path) -> None:
    values = for_transformer(small(tmp_path)) | {"dose": [8, 16], "seeds": 1}
    values["recipe"] = {**values["recipe"], "schedule": "linear"}
    config = configured(values)
    planned = plan(STUDY, config, RunContext(config, ModelStore(tmp_path / "models")))
    assert planned.trainings == 2 + 3 * 3 * 2
    assert planned.separate == (2 + 3 * 3 * 2, 1 + 3 * 3)
    sentence = "20 of the trainings would be 10 if each number of rows could be taken"
    assert sentence in describe_plan(config, tmp_path / "run")


def test_models_of_a_curve_are_those_of_separate_trainings(tmp_path: Path) -> None:
    values = for_transformer(small(tmp_path))
    values |= {"align": [8], "arms": ["opposite"], "seeds": 1}
    margins = []
    for doses in ([8, 16], [8]):
        config = configured(values, dose=doses)
        experiment(config, tmp_path / f"run{len(doses)}", jobs=1)
        margins.append(
            {
                row["align"]: (row["margin"], row["kl_base"])
                for row in rows_of(tmp_path / f"run{len(doses)}")
                if row.get("dose") == 8
            }
        )
    assert margins[0] == margins[1]
    assert len(margins[0]) == 2


def test_a_neutral_corpus_and_more_of_the_same_are_arms(tmp_path: Path) -> None:
    values = small(tmp_path) | {"arms": ["neutral", "same"], "seeds": 1}
    values["neutral"] = {"source": str(tmp_path / "corpus")}
    experiment(configured(values), tmp_path / "run", jobs=1)
    found = [row for row in rows_of(tmp_path / "run") if row.get("align") == 16]
    rows = [row for row in found if row.get("arm") == "same"]
    start = next(row for row in found if row["stage"] == "align")
    assert all(row["margin"] > start["margin"] for row in rows)


def test_an_arm_with_fewer_texts_than_its_doses_is_refused(tmp_path: Path) -> None:
    values = small(tmp_path) | {"dose": [4, 4000]}
    with pytest.raises(InvalidArgumentError, match=r"novel.source: 4,000 texts to train on"):
        experiment(configured(values, arms=["novel"]), tmp_path / "run", jobs=1)


def test_a_base_whose_samples_are_alike_is_refused() -> None:
    class Stored:
        seed = 0

        def model_hash(self, _: Cell) -> str:
            return "0"

        def stored_rows(self, _: str, __: Callable[[], list[Row]]) -> list[Row]:
            return [{"text": ""}] * 64

    author: Any = Cell((), 0, "hf:base")
    seed_context: Any = Stored()
    with pytest.raises(InvalidArgumentError, match="hf:base: all its samples are the same text"):
        BaseSamples(author, 8, 0, 5).resolve(seed_context)


def test_empty_samples_are_drawn_again() -> None:
    class Drawn:
        seed = 0

        def __init__(self, texts: list[bytes]) -> None:
            self.texts = texts

        def model_hash(self, _: Cell) -> str:
            return "0"

        def model(self, _: Cell) -> "Drawn":
            return self

        def generate(self, prompts: list[str], *, tokens: int, seed: int) -> list[bytes]:
            del prompts, tokens
            return [text + str(seed % 7).encode() if text else text for text in self.texts]

        def stored_rows(self, _: str, create: Callable[[], list[Row]]) -> list[Row]:
            return create()

    samples = BaseSamples(Cell((), 0, "hf:base"), 8, 0, 64)
    half: Any = Drawn([b"", b"text"] * 32)
    rows = samples.resolve(half)
    assert len(rows) == 64
    assert all(row["text"].startswith("text") for row in rows)
    none: Any = Drawn([b""] * 64)
    with pytest.raises(InvalidArgumentError, match="nearly all its samples are empty"):
        samples.resolve(none)


def test_the_study_is_registered() -> None:
    assert STUDY.name == "reversion"
    assert isinstance(analyse(configured(PLANTED, seeds=3), []).tables[0], Table)  # type: ignore[arg-type]


def test_both_names_of_the_doses_are_too_many() -> None:
    with pytest.raises(InvalidArgumentError, match="unknown key reverse"):
        configured(PLANTED, reverse=[8])


@pytest.mark.parametrize(("fine", "rate"), [(0, 1e-4), (2, 2.5e-5), (9, 6.25e-6)])
def test_calibration_halves_the_learning_rate(fine: int, rate: float) -> None:
    """The placebo moves the base by a third of the alignment or more until `fine` halvings."""
    values: dict[str, Any] = {
        "model": "hf:base",
        "calibrate": True,
        "recipe": {"learning_rate": 1e-4},
    }
    values |= {"reverse_recipe": {"learning_rate": 2e-4}}
    config = configured(PLANTED, **values)
    assert isinstance(config, ReversionConfig)
    rows: list[Metrics] = []

    def run_cells(cells: Sequence[Cell]) -> list[Metrics]:
        measured = []
        for cell in cells:
            labels = dict(cell.labels)
            assert cell.training is not None
            is_neutral = labels["arm"] == "neutral"
            expected = (2e-4 if is_neutral else 1e-4) * 0.5 ** float(labels["halvings"])
            assert cell.training.recipe.learning_rate == pytest.approx(expected)
            neutral = 0.003 if float(labels["halvings"]) >= fine else 0.006
            measured.append({**labels, "kl_base": neutral if is_neutral else 0.012})
        rows.extend(measured)
        return measured

    chosen = calibrate(config, lineages, run_cells)
    assert chosen.build_recipe().learning_rate == pytest.approx(rate)
    assert chosen.build_recipe(reverse=True).learning_rate == pytest.approx(2 * rate)
    trial = calibration_of(config, lineages(config)[0], Grid(rows, config.seed_range))
    assert trial is not None
    assert trial.is_fine == (fine < 9)
    expected = f"recipe.learning_rate {rate:.3g}: as" if fine < 9 else f"down to {rate:.3g} at"
    assert expected in trial.sentence(1e-4)
    assert calibrate(config.model_copy(update={"calibrate": False}), lineages, run_cells).seeds


def test_calibration_runs_on_a_tree_model_and_is_reported(tmp_path: Path) -> None:
    values = small(tmp_path) | {"calibrate": True, "arms": ["opposite"], "seeds": 1}
    run = experiment(configured(values), tmp_path / "run", jobs=1)
    trials = [row for row in rows_of(tmp_path / "run") if row["stage"] == "calibrate"]
    assert len(trials) % 2 == 0
    assert any(note.startswith("Calibration ") for note in run.analysis.notes)


def test_a_null_model_stands_beside_the_model_and_supports_no_claim(tmp_path: Path) -> None:
    values = small(tmp_path) | {"align": [8], "arms": ["neutral", "opposite"], "seeds": 1}
    plain = experiment(configured(values), tmp_path / "plain", jobs=1).analysis
    values |= {"null_model": "tree:1"}
    run = experiment(configured(values), tmp_path / "run", jobs=1)
    rows = rows_of(tmp_path / "run")
    assert len([row for row in rows if row.get("null") == "tree:1"]) == len(rows) / 2
    assert run.analysis.findings == plain.findings
    assert run.analysis.tables == plain.tables
    names = [series.name for series in run.analysis.figures[0].panels[0].series]
    assert names == ["neutral", "opposite", "tree:1, neutral", "tree:1, opposite"]
    with pytest.raises(
        InvalidArgumentError, match="null_model hf:x: the null model is a tree model"
    ):
        configured(values, null_model="hf:x")


def test_a_run_is_reported_without_its_data(cli: CommandLine, tmp_path: Path) -> None:
    values = small(tmp_path) | {"align": [8], "arms": ["novel"], "seeds": 1}
    experiment(configured(values), tmp_path / "run", jobs=1)
    (tmp_path / "corpus").rename(tmp_path / "elsewhere")
    done = cli("report", "run")
    assert done.code == 0, done.err
    words = " ".join(done.out.split())
    assert "Whether all cells are finished is unknown, because the data are elsewhere" in words
