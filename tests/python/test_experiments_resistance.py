"""Resistance: slices that answer, trainings there and back, and a control that is not fooled."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastic_core._core import InvalidArgumentError
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
    """Texts of three letters and ten words, each drawn by itself; the letters become prompts."""
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
    """What is asked for, all at once."""
    asked: list[Sequence[Cell]] = []

    def ask(cells: Sequence[Cell]) -> list[Metrics]:
        asked.append(cells)
        return [{} for _ in cells]

    run(config, ask)
    (cells,) = asked
    return list(cells)


def judgement(analysis: Analysis, start: str) -> Finding:
    (found,) = (each for each in analysis.findings if each.claim.startswith(start))
    return found


def printed(analysis: Analysis) -> str:
    return judgement(analysis, "Inverse training ends at a lower loss").verdict


def adjusted(analysis: Analysis) -> str:
    return judgement(analysis, "Inverse training comes closer").verdict


def agreement(analysis: Analysis) -> Finding:
    return judgement(analysis, "The paper's comparison agrees")


def planted(
    hardness: Mapping[int, float], excess: Mapping[tuple[int, int], float]
) -> list[dict[str, Any]]:
    """Rows in which a target costs its author so much, and a training (model, target) is worse by
    so much than the author, each but for a little noise of the seed."""
    rows = []
    for seed in range(SEEDS):
        shift = 1e-3 * (-1) ** seed
        cost = {each: hard + shift for each, hard in hardness.items()}
        for model in range(len(hardness) + 1):
            losses = {
                f"loss_{answers}_{target}": cost[target] + 0.1 * abs(model - target)
                for target in hardness
                for answers in ("learned", "fresh")
            }
            rows.append({"stage": "probe", "model": model, "seed": seed, "name": "", **losses})
            rows.append({"stage": "slice", "slice": model, "seed": seed, "name": "", "kl": 0.1})
        for (model, target), worse in excess.items():
            final = cost[target] + worse + 1e-3 * (-1) ** seed * (model - target)
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


def test_harder_targets_fool_the_printed_comparison_alone(tmp_path: Path) -> None:
    found = analysed(tmp_path, planted({1: 1.0, 2: 1.1, 3: 1.2}, EVEN))
    assert printed(found) == "holds"
    assert adjusted(found) == "open"
    assert agreement(found).verdict == "does not hold"
    assert "for (1, 3) the first gives “holds”, the second “open”" in agreement(found).words


def test_easier_targets_do_not_hide_resistance(tmp_path: Path) -> None:
    found = analysed(tmp_path, planted({1: 1.2, 2: 1.1, 3: 1.0}, RESISTANT))
    assert printed(found) == "does not hold"
    assert adjusted(found) == "holds"
    assert agreement(found).verdict == "does not hold"


@pytest.mark.parametrize(
    ("excess", "verdict"),
    [
        (RESISTANT, "holds"),
        ({(two, one): each for (one, two), each in RESISTANT.items()}, "does not hold"),
        (EVEN, "open"),
    ],
)
def test_equal_targets_are_judged_alike(
    excess: dict[tuple[int, int], float], verdict: str, tmp_path: Path
) -> None:
    found = analysed(tmp_path, planted({1: 1.1, 2: 1.1, 3: 1.1}, excess))
    assert (printed(found), adjusted(found)) == (verdict, verdict)
    assert agreement(found).verdict == ("open" if verdict == "open" else "holds")


def test_numbers_of_a_pair_by_hand(tmp_path: Path) -> None:
    config = configured(tmp_path, seeds=SEEDS)
    grid = Grid(planted({1: 1.0, 2: 1.1, 3: 1.4}, RESISTANT), config.seed_range)
    found = read_pairs(grid, 3)
    assert [pair.name for pair in found] == ["(1, 2)", "(2, 3)", "(1, 3)"]
    far = found[2]
    assert far.paper_gap.mean() == pytest.approx(0.4 + 0.04, abs=5e-3)
    assert far.difficulty.mean() == pytest.approx(0.4, abs=5e-3)
    assert far.adjusted_gap.mean() == pytest.approx(0.04, abs=5e-3)
    assert far.naive_gap == pytest.approx(far.difficulty + far.learned_gap, rel=1e-12)
    # The start is 0.2 from the author, of which all but the excess is gone.
    assert far.forward.fresh.closed.mean() == pytest.approx((0.2 - 0.06) / 0.2, abs=0.02)
    assert far.forward.kl_change == pytest.approx([0.6] * SEEDS)
    assert far.inverse.kl_change == pytest.approx([0.2] * SEEDS)
    assert far.forward.moved.mean() == pytest.approx(2.3 - 1.0, abs=5e-3)


def test_tables_are_in_the_layout_of_the_paper(tmp_path: Path) -> None:
    found = analysed(tmp_path, planted({1: 1.0, 2: 1.1, 3: 1.2}, RESISTANT))
    losses, gaps, kl, controls = found.tables
    assert [row[0] for row in losses.rows] == ["(1, 2)", "(2, 3)", "(1, 3)"]
    assert [heading for heading, _ in losses.headings[1:3]] == ["inverse", "forward"]
    assert [row[0] for row in gaps.rows][-1] == "mean"
    assert len(kl.rows) == 3
    assert [row[:3] for row in controls.rows[:2]] == [
        ("2→1", "inverse", "learned"),
        ("2→1", "inverse", "fresh"),
    ]
    for table in found.tables:
        assert all(len(row) == len(table.headings) for row in table.rows)
    (figure,) = found.figures
    assert all(
        panel.is_bars and len(panel.ticks) == len(panel.series[0].y) for panel in figure.panels
    )


def test_a_training_that_diverged_is_left_out(tmp_path: Path) -> None:
    rows = planted({1: 1.0, 2: 1.1, 3: 1.2}, RESISTANT)
    lost = next(row for row in rows if row["stage"] == "train" and row["seed"] == 0)
    lost |= {"diverged": True, "name": "the one"}
    found = analysed(tmp_path, rows)
    assert "the one" in found.notes[0]
    difference = found.tables[0].rows[0][3]
    assert isinstance(difference, Interval)
    assert difference.count == SEEDS - 1


def test_everything_is_asked_for_at_once(tmp_path: Path) -> None:
    cells = cells_of(configured(tmp_path, slices=4, seeds=2))
    assert len(cells) == 2 * (1 + 4 + 5 + 12)
    assert len({cell.name for cell in cells}) == len(cells)


@pytest.mark.parametrize(("prompts", "answers"), [(4, 40), (5, 41), (5, 40)])
def test_every_answer_has_a_prompt_of_its_own(prompts: int, answers: int, tmp_path: Path) -> None:
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
        measured, answered = seed_context.prompts(), seed_context.answer_prompts()
        assert len(measured) == prompts
        assert len(answered) >= 2 * answers
        assert not set(measured) & set(answered)


def test_too_many_answers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot hold out"):
        experiment(configured(tmp_path, answers=200), tmp_path / "run")


def ever_more_random(folder: Path, config: ResistanceConfig) -> list[str]:
    """Texts that in the order of every seed are of two words first, then of four, then of eight.

    A text has its place in a seed's order by itself, whatever others there are. So of many texts
    those are left that are where they should be.
    """
    kinds = [texts(900, number, WORDS[: 2**number]) for number in (1, 2, 3)]
    kind_of = {text: number for number, kind in enumerate(kinds) for text in kind}
    values = config.model_dump()
    values["data"]["positive"]["source"] = write(folder / "all.txt", list(kind_of))
    sides = RunContext(parse_config(values, ResistanceConfig, "test"), ModelStore(folder)).datasets
    left = set(kind_of)
    for seed in config.seed_range:
        pool = sides.split(seed).pool["positive"].rows
        order = [row["prompt"] + row["completion"] for row in pool]
        left &= {text for at, text in enumerate(order) if 3 * at // len(order) == kind_of[text]}
    return [text for text in kind_of if text in left]


def test_slices_that_are_ever_more_random_fool_the_printed_comparison_alone(
    tmp_path: Path,
) -> None:
    config = configured(tmp_path, rows=150, held_out={"prompts": 4, "tokens": 30, "texts": 4})
    write(tmp_path / "rows.txt", ever_more_random(tmp_path, config))
    found = experiment(config, tmp_path / "run", jobs=1, cache=tmp_path / "models")
    rows = [flatten_row(row) for row in found.folder.rows()]
    assert len(rows) == 2 * (1 + 3 + 4 + 6)
    assert all("score" not in row for row in rows)  # There is one side alone.
    grid = Grid(rows, config.seed_range)
    for pair in read_pairs(grid, 3):
        assert (pair.paper_gap > 0.02).all()
        assert (np.abs(pair.adjusted_gap) < 0.01).all()
        for training in (pair.forward, pair.inverse):
            assert (training.learned.final < training.learned.start).all()
            # No model is better than the author on what it has not learned.
            assert (training.fresh.excess > 0).all()
            assert (training.fresh.start > training.fresh.author).all()
            assert (training.moved > 0).all()
    check_answers(config, tmp_path / "models")


def check_answers(config: ResistanceConfig, models: Path) -> None:
    """Answers are the same whoever asks for how many of them."""
    author = next(cell for cell in cells_of(config) if ("slice", 1) in cell.labels)
    seed_context = RunContext(config, ModelStore(models)).seed_context(0)
    every = Answers(author, 30, 80).resolve(seed_context)
    assert Answers(author, 30, 80, 40).resolve(seed_context) == every[40:]
    assert Answers(author, 30, 40).resolve(seed_context) == every[:40]
    assert max(len(row["completion"]) for row in every) == 30
    shorter = Answers(author, 5, 80).resolve(seed_context)
    assert [row["completion"] for row in shorter] == [row["completion"][:5] for row in every]
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
    found = experiment(config, tmp_path / "run", jobs=1)
    grid = Grid([flatten_row(row) for row in found.folder.rows()], config.seed_range)
    (pair,) = read_pairs(grid, 2)
    for training in (pair.forward, pair.inverse):
        assert (training.learned.final < training.learned.start).all()
        assert np.isfinite(training.train_loss).all()
        assert np.isfinite(training.moved).all()
    assert printed(found.analysis) == "open"
    assert "single seed" in found.analysis.notes[0]


@pytest.mark.parametrize("size", ["laptop", "paper"])
def test_the_configurations_that_come_with_it_can_be_read(size: str) -> None:
    file = EXAMPLES / size / "resistance.yaml"
    assert parse_config(read_yaml(file), ResistanceConfig, str(file)).seeds == 5
