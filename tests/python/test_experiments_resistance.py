"""The resistance study: slices, answers, trainings in both directions, adjusted comparison."""

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
from elastic_core.report.document import Finding
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


def judgement(analysis: Analysis, start: str) -> Finding:
    (finding,) = (candidate for candidate in analysis.findings if candidate.claim.startswith(start))
    return finding


def printed(analysis: Analysis) -> str:
    return judgement(analysis, "Inverse training ends at a lower loss").verdict


def adjusted(analysis: Analysis) -> str:
    return judgement(analysis, "Inverse training comes closer").verdict


def agreement(analysis: Analysis) -> Finding:
    return judgement(analysis, "The paper's comparison agrees")


def planted_rows(
    hardness: Mapping[int, float], excess: Mapping[tuple[int, int], float]
) -> list[dict[str, Any]]:
    """Rows of planted losses, with a little noise per seed.

    Args:
        hardness: The loss of the author on each target.
        excess: By how much a training (model, target) ends above the author.
    """
    rows = []
    for seed in range(SEEDS):
        shift = 1e-3 * (-1) ** seed
        losses_of_author = {target: hard + shift for target, hard in hardness.items()}
        for model in range(len(hardness) + 1):
            losses = {
                f"loss_{answers}_{target}": losses_of_author[target] + 0.1 * abs(model - target)
                for target in hardness
                for answers in ("learned", "fresh")
            }
            rows.append({"stage": "probe", "model": model, "seed": seed, "name": "", **losses})
            rows.append({"stage": "slice", "slice": model, "seed": seed, "name": "", "kl": 0.1})
        for (model, target), difference in excess.items():
            final = losses_of_author[target] + difference + 1e-3 * (-1) ** seed * (model - target)
            row = {"stage": "train", "model": model, "target": target, "seed": seed, "name": ""}
            losses = {
                "loss_learned": final - 0.05,
                "loss_fresh": final,
                "loss_own": 2 + 0.3 * model,
            }
            rows.append({**row, **losses, "train_final": final - 0.02, "kl": 0.1 + 0.2 * target})
    return rows


EVEN = dict.fromkeys([(1, 2), (2, 1), (2, 3), (3, 2), (1, 3), (3, 1)], 0.04)
RESISTANT = {pair: 0.06 if pair[0] < pair[1] else 0.02 for pair in EVEN}


def analysed(tmp_path: Path, rows: list[dict[str, Any]], **more: Any) -> Analysis:
    return analyse(configured(tmp_path, seeds=SEEDS, **more), rows)


def test_harder_targets_mislead_only_the_printed_comparison(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows({1: 1.0, 2: 1.1, 3: 1.2}, EVEN))
    assert printed(analysis) == "holds"
    assert adjusted(analysis) == "open"
    assert agreement(analysis).verdict == "does not hold"
    assert "for (1, 3) the first gives “holds”, the second “open”" in agreement(analysis).words


def test_easier_targets_do_not_hide_resistance(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows({1: 1.2, 2: 1.1, 3: 1.0}, RESISTANT))
    assert printed(analysis) == "does not hold"
    assert adjusted(analysis) == "holds"
    assert agreement(analysis).verdict == "does not hold"


@pytest.mark.parametrize(
    ("excess", "verdict"),
    [
        (RESISTANT, "holds"),
        ({(two, one): value for (one, two), value in RESISTANT.items()}, "does not hold"),
        (EVEN, "open"),
    ],
)
def test_comparisons_agree_for_equal_targets(
    excess: dict[tuple[int, int], float], verdict: str, tmp_path: Path
) -> None:
    analysis = analysed(tmp_path, planted_rows({1: 1.1, 2: 1.1, 3: 1.1}, excess))
    assert (printed(analysis), adjusted(analysis)) == (verdict, verdict)
    assert agreement(analysis).verdict == ("open" if verdict == "open" else "holds")


def test_gaps_of_a_pair_computed_by_hand(tmp_path: Path) -> None:
    config = configured(tmp_path, seeds=SEEDS)
    grid = Grid(planted_rows({1: 1.0, 2: 1.1, 3: 1.4}, RESISTANT), config.seed_range)
    pairs = read_pairs(grid, 3)
    assert [pair.name for pair in pairs] == ["(1, 2)", "(2, 3)", "(1, 3)"]
    far = pairs[2]
    assert far.paper_gap.mean() == pytest.approx(0.4 + 0.04, abs=5e-3)
    assert far.difficulty.mean() == pytest.approx(0.4, abs=5e-3)
    assert far.adjusted_gap.mean() == pytest.approx(0.04, abs=5e-3)
    assert far.naive_gap == pytest.approx(far.difficulty + far.learned_gap, rel=1e-12)
    # The training starts 0.2 above the author and closes all of it but the excess.
    assert far.forward.fresh.closed.mean() == pytest.approx((0.2 - 0.06) / 0.2, abs=0.02)
    assert far.forward.kl_change == pytest.approx([0.6] * SEEDS)
    assert far.inverse.kl_change == pytest.approx([0.2] * SEEDS)
    assert far.forward.moved.mean() == pytest.approx(2.3 - 1.0, abs=5e-3)


def test_tables_follow_the_layout_of_the_paper(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows({1: 1.0, 2: 1.1, 3: 1.2}, RESISTANT))
    losses, gaps, kl, controls = analysis.tables
    assert [row[0] for row in losses.rows] == ["(1, 2)", "(2, 3)", "(1, 3)"]
    assert [heading for heading, _ in losses.headings[1:3]] == ["inverse", "forward"]
    assert [row[0] for row in gaps.rows][-1] == "mean"
    assert len(kl.rows) == 3
    assert [row[:3] for row in controls.rows[:2]] == [
        ("2→1", "inverse", "learned"),
        ("2→1", "inverse", "fresh"),
    ]
    for table in analysis.tables:
        assert all(len(row) == len(table.headings) for row in table.rows)
    (figure,) = analysis.figures
    assert all(
        panel.is_bars and len(panel.ticks) == len(panel.series[0].y) for panel in figure.panels
    )


def test_intervals_of_losses_are_not_negative(tmp_path: Path) -> None:
    rows = planted_rows({1: 1.0, 2: 1.1, 3: 1.2}, RESISTANT)
    for row in rows:
        values = {name: 0.01 if row["seed"] else 4.0 for name in row if name.startswith("loss_")}
        row.update(values | ({"train_final": 0.01 if row["seed"] else 4.0}))
    losses, _, _, controls = analysed(tmp_path, rows).tables
    intervals = [row[at] for row in losses.rows for at in (1, 2)]
    intervals += [row[at] for row in controls.rows for at in (3, 4, 5, 6)]
    for value in intervals:
        assert isinstance(value, Interval)
        assert value.low == 0


def test_a_diverged_training_is_left_out(tmp_path: Path) -> None:
    rows = planted_rows({1: 1.0, 2: 1.1, 3: 1.2}, RESISTANT)
    diverged = next(row for row in rows if row["stage"] == "train" and row["seed"] == 0)
    diverged |= {"diverged": True, "name": "the one"}
    analysis = analysed(tmp_path, rows)
    assert "the one" in analysis.notes[0]
    difference = analysis.tables[0].rows[0][3]
    assert isinstance(difference, Interval)
    assert difference.count == SEEDS - 1


def test_all_cells_are_requested_at_once(tmp_path: Path) -> None:
    cells = cells_of(configured(tmp_path, slices=4, seeds=2))
    assert len(cells) == 2 * (1 + 4 + 5 + 12)
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
        assert len(answer_prompts) >= 2 * answers
        assert not set(measured) & set(answer_prompts)


def test_too_many_answers_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot hold out"):
        experiment(configured(tmp_path, answers=200), tmp_path / "run")


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


def test_increasingly_random_slices_mislead_only_the_printed_comparison(
    tmp_path: Path,
) -> None:
    config = configured(tmp_path, rows=150, held_out={"prompts": 4, "tokens": 30, "texts": 4})
    write(tmp_path / "rows.txt", increasingly_random(tmp_path, config))
    finished = experiment(config, tmp_path / "run", jobs=1, cache=tmp_path / "models")
    rows = [flatten_row(row) for row in finished.folder.rows()]
    assert len(rows) == 2 * (1 + 3 + 4 + 6)
    assert all("score" not in row for row in rows)  # There is only one side.
    grid = Grid(rows, config.seed_range)
    for pair in read_pairs(grid, 3):
        assert (pair.paper_gap > 0.02).all()
        assert (np.abs(pair.adjusted_gap) < 0.01).all()
        for training in (pair.forward, pair.inverse):
            assert (training.learned.final < training.learned.start).all()
            # No model beats the author on answers that it has not learned.
            assert (training.fresh.excess > 0).all()
            assert (training.fresh.start > training.fresh.author).all()
            assert (training.moved > 0).all()
    assert_answers_nest(config, tmp_path / "models")


def assert_answers_nest(config: ResistanceConfig, models: Path) -> None:
    """Asserts that answers do not depend on how many are requested, or in which parts."""
    author = next(cell for cell in cells_of(config) if ("slice", 1) in cell.labels)
    seed_context = RunContext(config, ModelStore(models)).seed_context(0)
    answers = Answers(author, 30, 80).resolve(seed_context)
    assert Answers(author, 30, 80, 40).resolve(seed_context) == answers[40:]
    assert Answers(author, 30, 40).resolve(seed_context) == answers[:40]
    assert max(len(row["completion"]) for row in answers) == 30
    shorter = Answers(author, 5, 80).resolve(seed_context)
    assert [row["completion"] for row in shorter] == [row["completion"][:5] for row in answers]
    with pytest.raises(InvalidArgumentError, match="prompts to answer"):
        Answers(author, 30, 81).resolve(seed_context)


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
        assert (training.learned.final < training.learned.start).all()
        assert np.isfinite(training.train_loss).all()
        assert np.isfinite(training.moved).all()
    assert printed(finished.analysis) == "open"
    assert "single seed" in finished.analysis.notes[0]


@pytest.mark.parametrize("size", ["laptop", "paper"])
def test_the_example_configurations_are_valid(size: str) -> None:
    file = EXAMPLES / size / "resistance.yaml"
    assert parse_config(read_yaml(file), ResistanceConfig, str(file)).seeds == 5
