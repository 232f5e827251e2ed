"""The resistance study: slices, answers, trainings in both directions, distances."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastic_core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.cells import Cell, Metrics
from elastic_core.experiments.config import parse_config, read_yaml
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore, flatten_row
from elastic_core.experiments.rows import Answers
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.resistance import (
    ResistanceConfig,
    analyse,
    read_pairs,
    run,
)
from elastic_core.statistics.intervals import Interval

pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLES = Path(__file__).parents[2] / "examples"
SEEDS = 6
LETTERS = tuple("bcdgjklmnpqrtuvwxyz")
WORDS = ("inn", "sea", "oak", "ash", "elm", "fig", "hop", "ivy")


def texts(rows: int, seed: int, words: tuple[str, ...] = WORDS) -> list[str]:
    """Texts of three letters and ten words drawn independently; the letters become prompts."""
    random = np.random.default_rng(seed)
    parts = ((LETTERS, 3), (words, 10))
    return [
        " ".join(word for kinds, length in parts for word in random.choice(kinds, length))
        for _ in range(rows)
    ]


def write(file: Path, lines: list[str]) -> str:
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def configured(folder: Path, **more: Any) -> ResistanceConfig:
    """A small configuration of one side."""
    values = {
        "study": "resistance",
        "model": "tree:4",
        "pretrain": {
            "corpus": write(folder / "corpus.txt", texts(200, 1)),
            "split": "line",
        },
        "data": {
            "positive": {"source": write(folder / "rows.txt", texts(300, 2)), "split": "line"},
            "prompt_words": 3,
        },
        "held_out": {"prompts": 4, "tokens": 40, "texts": 10},
        "rows": 60,
        "answers": 40,
        "seeds": 2,
        **more,
    }
    return parse_config(values, ResistanceConfig, "test")


def cells_of(config: ResistanceConfig) -> list[Cell]:
    """The cells that the study requests, all at once."""
    requested: list[Sequence[Cell]] = []

    def ask(cells: Sequence[Cell]) -> list[Metrics]:
        requested.append(cells)
        return [{} for _ in cells]

    run(config, ask)
    (cells,) = requested
    return list(cells)


def verdicts(analysis: Analysis) -> dict[str, str]:
    assert analysis.tables[0].name == "claims"
    return {str(row[0]): str(row[1]) for row in analysis.tables[0].rows}


Pairs = Mapping[tuple[int, int], float]
"""A value for each training, by the numbers of its model and its target."""


def planted_rows(
    hardness: Mapping[int, float], final: Pairs, neutral: Pairs, *, noise: float = 1e-4
) -> list[dict[str, Any]]:
    """Rows of planted distances and losses, with a little noise per seed.

    Args:
        hardness: The loss of the author on each target.
        final: The distance from the target after each training; it is 0.05 before.
        neutral: The distance from the target after neutral training.
        noise: The standard deviation of each value.
    """
    random = np.random.default_rng(0)

    def near(value: float) -> float:
        return float(value + random.normal(0, noise))

    rows = []
    for seed in range(SEEDS):
        for model in range(len(hardness) + 1):
            common = {"seed": seed, "name": ""}
            losses = {
                f"loss_learned_{target}": near(hard + 0.1 * abs(model - target))
                for target, hard in hardness.items()
            }
            start = {f"kl_author_{target}": near(0.05) for target in hardness if target != model}
            targets = [target for target in hardness if model not in (0, target)]
            after = {f"kl_author_{target}": near(neutral[model, target]) for target in targets}
            rows.append({"stage": "probe", "model": model, **common, **losses, **start})
            rows.append({"stage": "slice", "slice": model, **common, "kl": near(0.1)})
            rows.append({"stage": "neutral", "model": model, **common, **after})
            for target in targets:
                metrics = {
                    f"kl_author_{target}": near(final[model, target]),
                    f"kl_author_{model}": near(0.01 * model),
                    f"loss_learned_{target}": near(hardness[target] - 0.05),
                    "train_final": near(hardness[target] + final[model, target]),
                    "kl": near(0.1 + 0.2 * target),
                }
                rows.append(
                    {"stage": "train", "model": model, "target": target, **common, **metrics}
                )
    return rows


EQUAL = {1: 1.1, 2: 1.1, 3: 1.1}
EVEN = dict.fromkeys([(1, 2), (2, 1), (2, 3), (3, 2), (1, 3), (3, 1)], 0.03)
RESISTANT = {pair: 0.04 if pair[0] < pair[1] else 0.02 for pair in EVEN}
PLIABLE = {(two, one): value for (one, two), value in RESISTANT.items()}
STILL = dict.fromkeys(EVEN, 0.05)


def analysed(tmp_path: Path, rows: list[dict[str, Any]], **more: Any) -> Analysis:
    return analyse(configured(tmp_path, seeds=SEEDS, **more), rows)


@pytest.mark.parametrize(
    ("final", "verdict"),
    [
        (RESISTANT, "holds"),
        (PLIABLE, "does not hold"),
        (EVEN, "no difference beyond ±0.005"),
    ],
)
def test_planted_resistance_is_found(final: Pairs, verdict: str, tmp_path: Path) -> None:
    found = verdicts(analysed(tmp_path, planted_rows(EQUAL, final, STILL)))
    assert found["comes_closer"] == found["ends_nearer"] == verdict


def test_the_difficulty_of_targets_misleads_only_the_printed_comparison(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows({1: 1.0, 2: 1.1, 3: 1.2}, EVEN, STILL))
    assert verdicts(analysis)["lower_loss"] == "holds"
    assert verdicts(analysis)["comes_closer"] == "no difference beyond ±0.005"
    hidden = analysed(tmp_path, planted_rows({1: 1.2, 2: 1.1, 3: 1.0}, RESISTANT, STILL))
    assert verdicts(hidden)["lower_loss"] == "does not hold"
    assert verdicts(hidden)["comes_closer"] == "holds"


def test_what_training_as_such_does_is_subtracted(tmp_path: Path) -> None:
    """Older models end nearer to any target, after neutral texts just as after the target."""
    neutral = {pair: value + 0.005 for pair, value in RESISTANT.items()}
    analysis = analysed(tmp_path, planted_rows(EQUAL, RESISTANT, neutral))
    assert verdicts(analysis)["ends_nearer"] == "holds"
    assert verdicts(analysis)["comes_closer"] == "no difference beyond ±0.005"


def test_no_verdict_unless_every_training_approached_its_target(tmp_path: Path) -> None:
    """Both comparisons favour inverse training, but one training led away from its target."""
    final = {**RESISTANT, (1, 3): 0.06}
    analysis = analysed(tmp_path, planted_rows(EQUAL, final, STILL))
    assert set(verdicts(analysis).values()) == {"no verdict"}
    words = analysis.findings[0].words
    assert words.startswith("Not every training brought its model measurably nearer")
    assert "1→3 (+0.0" in words
    assert "3→1" not in words
    near = analysed(tmp_path, planted_rows(EQUAL, dict.fromkeys(EVEN, 0.0499), STILL, noise=0.01))
    assert set(verdicts(near).values()) == {"no verdict"}


def test_findings_have_the_values_of_both_directions(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows(EQUAL, RESISTANT, STILL, noise=1e-6))
    closer, nearer, lower, _ = (finding.words for finding in analysis.findings)
    assert closer.startswith(
        "Beyond neutral training, inverse training brought a model 0.0300 nats per token nearer to "
        "its target, and forward training 0.0100: a difference of 0.0200 (95% CI 0.0200 to 0.0200)."
    )
    assert nearer.startswith(
        "Inverse training ended 0.0200 nats per token from its target, and forward training 0.0400"
    )
    assert "at a loss of 1.1200 nats per token, and forward training at 1.1400" in lower


def test_gaps_of_a_pair_computed_by_hand(tmp_path: Path) -> None:
    config = configured(tmp_path, seeds=SEEDS)
    neutral = {pair: 0.05 if pair[0] < pair[1] else 0.045 for pair in EVEN}
    rows = planted_rows({1: 1.0, 2: 1.1, 3: 1.4}, RESISTANT, neutral, noise=0.0)
    pairs = read_pairs(Grid(rows, config.seed_range), 3)
    assert [pair.name for pair in pairs] == ["(1, 2)", "(2, 3)", "(1, 3)"]
    far = pairs[2]
    assert far.loss_gap == pytest.approx(0.4 + 0.02)
    assert far.difficulty == pytest.approx(0.4)
    assert far.distance_gap == pytest.approx(0.04 - 0.02)
    assert far.forward.approach == pytest.approx(0.05 - 0.04)
    assert far.forward.beyond_neutral == pytest.approx(0.05 - 0.04)
    assert far.inverse.approach == pytest.approx(0.05 - 0.02)
    assert far.inverse.beyond_neutral == pytest.approx(0.045 - 0.02)
    assert far.approach_gap == pytest.approx(0.025 - 0.01)
    assert far.forward.kl_change == pytest.approx(0.6)
    assert far.inverse.kl_change == pytest.approx(0.2)
    assert far.kl_gap == pytest.approx(0.4)
    assert far.forward.moved == pytest.approx(0.01)
    assert far.inverse.moved == pytest.approx(0.03)


def test_tables_follow_the_layout_of_the_paper(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows(EQUAL, RESISTANT, STILL))
    _, losses, kl, distances, gaps, controls = analysis.tables
    assert [row[0] for row in losses.rows] == ["(1, 2)", "(2, 3)", "(1, 3)"]
    assert [heading for heading, _ in losses.headings[1:3]] == ["inverse", "forward"]
    assert [row[0] for row in gaps.rows][-1] == "mean"
    assert len(kl.rows) == 3
    directions = [("2→1", "inverse"), ("1→2", "forward")]
    assert [row[0] for row in distances.rows[:3]] == ["base→1", "base→2", "base→3"]
    for rows in (distances.rows[3:], controls.rows):
        assert [row[:2] for row in rows[:2]] == directions
        assert len(rows) == 6
    for table in analysis.tables:
        assert all(len(row) == len(table.headings) for row in table.rows)
    assert analysis.claims_sha256 is not None
    (figure,) = analysis.figures
    assert all(
        panel.is_bars and len(panel.ticks) == len(panel.series[0].y) for panel in figure.panels
    )


def test_the_story_says_what_every_training_did_to_the_distance(tmp_path: Path) -> None:
    story = analysed(tmp_path, planted_rows(EQUAL, RESISTANT, EVEN, noise=1e-6)).story
    beginnings = ["Inverse", "Neutral", "Forward", "Neutral"]
    assert [sentence.split()[0] for sentence in story.changes] == beginnings
    assert story.changes[0].startswith(
        "Inverse training lowered the distance from the target's author by 0.030 (95% CI 0.030 to "
    )
    assert story.changes[0].endswith("nats per token, from 0.050 to 0.020.")
    assert story.changes[1].endswith("from 0.050 to 0.030.")
    assert story.changes[2].endswith("from 0.050 to 0.040.")


def test_intervals_of_losses_are_not_negative(tmp_path: Path) -> None:
    rows = planted_rows(EQUAL, RESISTANT, STILL)
    for row in rows:
        for name in row:
            if name.startswith(("loss_", "kl_author_", "train_final")):
                row[name] = 0.01 if row["seed"] else 4.0
    _, losses, _, distances, _, controls = analysed(tmp_path, rows).tables
    intervals = [row[at] for row in losses.rows for at in (1, 2)]
    intervals += [row[2] for row in distances.rows]
    intervals += [row[at] for row in distances.rows[3:] for at in (3, 4)]
    intervals += [row[at] for row in controls.rows for at in (2, 3, 4, 5)]
    for value in intervals:
        assert isinstance(value, Interval)
        assert value.low == 0


def test_a_diverged_training_is_left_out(tmp_path: Path) -> None:
    rows = planted_rows(EQUAL, RESISTANT, STILL)
    diverged = next(row for row in rows if row["stage"] == "train" and row["seed"] == 0)
    diverged |= {"diverged": True, "name": "the one"}
    analysis = analysed(tmp_path, rows)
    assert "the one" in analysis.notes[0]
    difference = analysis.tables[1].rows[0][3]
    assert isinstance(difference, Interval)
    assert difference.count == SEEDS - 1
    assert verdicts(analysis)["comes_closer"] == "holds"
    assert f"{SEEDS - 1} of {SEEDS} seeds" in analysis.findings[0].details


def test_all_cells_are_requested_at_once(tmp_path: Path) -> None:
    cells = cells_of(configured(tmp_path, slices=4, seeds=2))
    assert len(cells) == 2 * (1 + 4 + 5 + 4 + 12)
    assert len({cell.name for cell in cells}) == len(cells)


@pytest.mark.parametrize(("prompts", "answers"), [(4, 40), (5, 41), (5, 40)])
def test_every_answer_has_its_own_prompt(prompts: int, answers: int, tmp_path: Path) -> None:
    negative = write(tmp_path / "negative.txt", texts(300, 3))
    config = configured(
        tmp_path, held_out={"prompts": prompts, "tokens": 8}, answers=answers, rows=20, seeds=1
    )
    one = config.model_dump()
    both = {**one, "data": {**one["data"], "negative": {"source": negative, "split": "line"}}}
    both["scorer"] = {"rows": 20}
    for values in (one, both):
        seed_context = RunContext(
            parse_config(values, ResistanceConfig, "test"), ModelStore(tmp_path)
        ).seed_context(0)
        measured, answer_prompts = seed_context.prompts(), seed_context.answer_prompts()
        assert len(measured) == prompts
        assert len(answer_prompts) >= answers
        assert not set(measured) & set(answer_prompts)


def test_too_many_answers_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot hold out"):
        experiment(configured(tmp_path, answers=400), tmp_path / "run")


def increasingly_random(folder: Path, config: ResistanceConfig) -> list[str]:
    """Texts that use two words first, then four, then eight, in the order of every seed.

    The place of a text in a seed's order does not depend on the other texts, so this filters many
    texts for those in the right place.
    """
    kinds = [texts(900, number, WORDS[: 2**number]) for number in (1, 2, 3)]
    kind_of = {text: number for number, kind in enumerate(kinds) for text in kind}
    values = config.model_dump()
    values["data"]["positive"]["source"] = write(folder / "all.txt", list(kind_of))
    sides = RunContext(parse_config(values, ResistanceConfig, "test"), ModelStore(folder)).datasets
    remaining = set(kind_of)
    for seed in config.seed_range:
        pool = sides.split(seed).pool["positive"].rows
        order = [row["prompt"] + row["completion"] for row in pool]
        remaining &= {
            text for at, text in enumerate(order) if 3 * at // len(order) == kind_of[text]
        }
    return [text for text in kind_of if text in remaining]


def test_increasingly_random_slices_on_a_tree_model(tmp_path: Path) -> None:
    held_out = {"prompts": 20, "tokens": 30, "texts": 4}
    config = configured(tmp_path, rows=150, held_out=held_out)
    write(tmp_path / "rows.txt", increasingly_random(tmp_path, config))
    finished = experiment(config, tmp_path / "run", jobs=1, cache=tmp_path / "models")
    rows = [flatten_row(row) for row in finished.folder.rows()]
    assert len(rows) == 2 * (1 + 3 + 4 + 3 + 6)
    assert all("score" not in row for row in rows)  # There is only one side.
    grid = Grid(rows, config.seed_range)
    for pair in read_pairs(grid, 3):
        assert (pair.loss_gap > 0.02).all()  # Later models are harder to predict.
        assert (pair.difficulty > 0.02).all()
        for training in (pair.forward, pair.inverse):
            assert (training.final < training.start).all()
            assert (training.final > 0).all()
            assert (training.moved > 0).all()
    assert "There" not in finished.analysis.findings[0].words
    assert isinstance(finished.config, ResistanceConfig)
    assert_neutral_texts_are_answers_of_the_base(finished.config)
    assert_answers_nest(finished.config, tmp_path / "models")


def assert_neutral_texts_are_answers_of_the_base(config: ResistanceConfig) -> None:
    cells = [cell for cell in cells_of(config) if ("stage", "neutral") in cell.labels]
    for cell in cells:
        assert cell.training is not None
        assert cell.training.rows == Answers(cell.root, 30, config.answers)


def test_neutral_texts_may_be_those_of_a_corpus(tmp_path: Path) -> None:
    corpus = write(tmp_path / "neutral.txt", texts(50, 4))
    config = configured(tmp_path, neutral={"source": corpus, "split": "line"}, seeds=1)
    for cell in cells_of(config):
        if ("stage", "neutral") in cell.labels:
            assert cell.training is not None
            rows = cell.training.rows.resolve(
                RunContext(config, ModelStore(tmp_path)).seed_context(0)
            )
            assert len(rows) == config.answers
            assert {row["text"] for row in rows} < set(texts(50, 4))
    empty = write(tmp_path / "empty.txt", [" "])
    with pytest.raises(InvalidArgumentError, match=r"neutral\.source: .* has no text"):
        cells_of(configured(tmp_path, neutral={"source": empty}))


def assert_answers_nest(config: ResistanceConfig, models: Path) -> None:
    """Asserts that answers do not depend on how many are requested, or in which parts."""
    author = next(cell for cell in cells_of(config) if ("slice", 1) in cell.labels)
    seed_context = RunContext(config, ModelStore(models)).seed_context(0)
    answers = Answers(author, 30, 40).resolve(seed_context)
    assert Answers(author, 30, 40, 20).resolve(seed_context) == answers[20:]
    assert Answers(author, 30, 20).resolve(seed_context) == answers[:20]
    assert max(len(row["completion"]) for row in answers) == 30
    shorter = Answers(author, 5, 40).resolve(seed_context)
    assert [row["completion"] for row in shorter] == [row["completion"][:5] for row in answers]
    with pytest.raises(InvalidArgumentError, match="prompts to answer"):
        Answers(author, 30, 41).resolve(seed_context)


def test_a_tiny_transformer_end_to_end(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        model="scratch:0.3M",
        pretrain={
            "corpus": str(tmp_path / "corpus.txt"),
            "split": "line",
            "tokens": 2000,
            "context": 32,
        },
        held_out={"prompts": 4, "tokens": 8, "texts": 4},
        recipe={"learning_rate": 1e-3, "batch": 8, "accumulation": 1, "max_length": 24},
        rows=16,
        slices=2,
        answers=8,
        seeds=1,
    )
    finished = experiment(config, tmp_path / "run", jobs=1)
    grid = Grid([flatten_row(row) for row in finished.folder.rows()], config.seed_range)
    (pair,) = read_pairs(grid, 2)
    for training in (pair.forward, pair.inverse):
        assert (training.losses.final < training.losses.start).all()
        assert np.isfinite(training.train_loss).all()
        for distance in (training.start, training.neutral, training.final, training.moved):
            assert (distance > 0).all()
    assert set(verdicts(finished.analysis).values()) == {"no verdict"}
    assert "fewer than 3 seeds" in finished.analysis.notes[0]


@pytest.mark.parametrize("size", ["reviews", "paper"])
def test_the_example_configurations_are_valid(size: str) -> None:
    file = EXAMPLES / size / "resistance.yaml"
    assert parse_config(read_yaml(file), ResistanceConfig, str(file)).seeds == 5
