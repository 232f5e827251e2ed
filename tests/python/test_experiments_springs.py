"""The springs study: measured changes of rates, and the predictions of token trees."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastic_core import InvalidArgumentError
from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.cells import Cell, Metrics, SharedHashes
from elastic_core.experiments.config import parse_config, read_yaml
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore, flatten_row
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.springs import (
    SETS,
    SpringResult,
    SpringsConfig,
    analyse,
    predict,
    run,
)
from elastic_core.report.document import Finding
from elastic_core.statistics.intervals import Interval, rank_correlation

pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLES = Path(__file__).parents[2] / "examples"
SEEDS = 5
K = 8.0
SIDES = {"positive": ("good", "fine", "glad"), "negative": ("bad", "poor", "sad")}
BOTH = (*SIDES["positive"], *SIDES["negative"])


def write(file: Path, rows: int, seed: int, words: tuple[str, ...]) -> str:
    """Writes a file with one text of nine words per line."""
    random = np.random.default_rng(seed)
    lines = [f"{number:03} {' '.join(random.choice(words, 9))}" for number in range(rows)]
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def configured(folder: Path, **more: Any) -> SpringsConfig:
    """A small configuration whose pre-training text has the words of both sides."""
    sides = {
        side: {"source": write(folder / f"{side}.txt", 100, number, words), "split": "line"}
        for number, (side, words) in enumerate(SIDES.items())
    }
    values = {
        "study": "springs",
        "model": "tree:3",
        "pretrain": {"corpus": write(folder / "corpus.txt", 300, 2, BOTH), "split": "line"},
        "data": {**sides, "prompt_words": 2},
        "held_out": {"prompts": 8, "tokens": 8, "texts": 40},
        "scorer": {"rows": 20},
        "align": 40,
        "reverse": [4, 20],
        "characters": 30,
        "depths": [1, 3],
        "seeds": 2,
        **more,
    }
    return parse_config(values, SpringsConfig, "test")


def naive(texts: Sequence[Sequence[str]], volumes: Sequence[float], depth: int) -> list[float]:
    """The change of gamma_p and gamma_a in bits per byte, computed leaf by leaf."""
    leaves = []
    for sample in texts:
        counts: Counter[bytes] = Counter()
        for text in sample:
            symbols = [*text.encode(), -1]
            cut = (symbols[at : at + depth] for at in range(0, len(symbols), depth))
            counts.update(str(segment).encode() for segment in cut)
        leaves.append(counts)
    sizes = [sum(len(text.encode()) for text in sample) for sample in texts]
    weights = [volume / size for volume, size in zip(volumes, sizes, strict=True)]

    def gamma(member: int, count: int) -> float:
        joint: Counter[bytes] = Counter()
        for counts, weight in list(zip(leaves, weights, strict=True))[:count]:
            joint.update({leaf: weight * times for leaf, times in counts.items()})
        total = sum(joint.values())
        bits = (times * -math.log2(joint[leaf] / total) for leaf, times in leaves[member].items())
        return math.fsum(bits) / sizes[member]

    return [gamma(member, 3) - gamma(member, 2) for member in (0, 1)]


TEXTS = st.lists(st.text("abé", min_size=1, max_size=9), min_size=1, max_size=6)


@given(st.tuples(TEXTS, TEXTS, TEXTS), st.integers(1, 4), st.floats(0.1, 1e6))
def test_the_prediction_matches_the_naive_one(
    texts: tuple[list[str], list[str], list[str]], depth: int, scale: float
) -> None:
    volumes = [float(sum(len(text.encode()) for text in sample)) for sample in texts]
    volumes[0] *= scale
    prediction = predict(texts, volumes, depth)
    expected = naive(texts, volumes, depth)
    assert prediction.change[:2].tolist() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_a_small_covered_perturbation_obeys_the_law() -> None:
    # Words of equal length make volumes in bytes and in segments equivalent.
    texts = (["one", "two", "six"] * 10, ["two"], ["six"])
    prediction = predict(texts, [3 * 1000, 3, 3e-3], 4)
    assert prediction.coverage == 1
    assert prediction.change[1] / prediction.change[0] == pytest.approx(-1000, rel=1e-2)
    assert prediction.change[0] < 0 < prediction.change[1]


def test_an_uncovered_perturbation_raises_both_rates_equally() -> None:
    prediction = predict((["one"], ["two"], ["six"]), [3, 3, 3], 4)
    assert prediction.coverage == 0
    assert prediction.change.tolist() == pytest.approx([math.log2(3 / 2) / 3] * 2 + [-math.inf])


def planted_rows(law: dict[int, tuple[float, float]], actual: tuple[float, float]) -> list[Metrics]:
    """Rows with planted changes of gamma_p and gamma_a.

    Args:
        law: The predicted changes per reverse row, by depth.
        actual: The measured changes per reverse row.
    """
    rows: list[Metrics] = []
    for seed in range(SEEDS):
        noise = 1 + 0.01 * (seed - 2)
        rows.append({"stage": "align", "seed": seed, "name": "", "rate_align": 2.0})
        for count in (10, 20, 40):
            before = {"rate_pretrain": 2.5, "rate_perturb": 2.2}
            before |= {"volume_pretrain": K, "volume_align": 1.0, "volume_perturb": count / 100}
            for depth, changes in law.items():
                named = dict(
                    zip(SETS, (*(count * change for change in changes), None), strict=True)
                )
                before |= {f"law_{name}_{depth}": change for name, change in named.items()}  # type: ignore[misc]
                before[f"coverage_{depth}"] = 1.0
            place = {"reverse": count, "seed": seed, "name": ""}
            rows.append({"stage": "before", **place, **before})
            after = {
                "rate_pretrain": 2.5 + count * actual[0] * noise,
                "rate_align": 2.0 + count * actual[1] * noise,
                "rate_perturb": 2.1,
            }
            rows.append({"stage": "reverse", **place, **after})
    return rows


def analysed(tmp_path: Path, rows: list[Metrics], depths: list[int]) -> Analysis:
    config = configured(tmp_path, seeds=SEEDS, reverse=[10, 20, 40], depths=depths)
    return analyse(config, rows)


def judgement(analysis: Analysis, part: str) -> Finding:
    (finding,) = (finding_ for finding_ in analysis.findings if part in finding_.claim)
    return finding


def test_a_model_that_behaves_like_the_trees_is_predicted(tmp_path: Path) -> None:
    law = {1: (-1e-3, K * 1e-3), 3: (-1e-3, -1e-3)}
    analysis = analysed(tmp_path, planted_rows(law, (-3e-3, K * 3e-3)), [1, 3])
    assert judgement(analysis, "depth 1 predict").verdict == "holds"
    assert (
        judgement(analysis, "depth 3 predict").verdict == "open"
    )  # One of two signs, as by chance.
    assert judgement(analysis, "raise the rate of the alignment text").verdict == "holds"
    assert judgement(analysis, "lower the rate of the pre-training text").verdict == "holds"
    balance = judgement(analysis, "equal and opposite")
    assert balance.verdict == "holds"
    assert "is -8.000 (95% CI -8.000 to -8.000)" in balance.words
    springs, ratios, agreement = analysis.tables
    assert len(springs.rows) == len(ratios.rows) == 9
    signs, ranks, factor = agreement.rows[0][2:]
    for value, expected in ((signs, 1.0), (ranks, 1.0), (factor, 3.0)):
        assert isinstance(value, Interval)
        assert value.mean == pytest.approx(expected)
    assert agreement.rows[3][:2] == ("alignment", 3)
    assert isinstance(agreement.rows[3][2], Interval)
    assert agreement.rows[3][2].mean == 0


def test_a_model_that_behaves_differently_is_not_predicted(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows({2: (-1e-3, K * 1e-3)}, (2e-3, -1e-3)), [2])
    assert judgement(analysis, "depth 2 predict").verdict == "does not hold"
    assert judgement(analysis, "raise the rate of the alignment text").verdict == "does not hold"
    assert judgement(analysis, "lower the rate of the pre-training text").verdict == "does not hold"
    assert judgement(analysis, "equal and opposite").verdict == "does not hold"


def test_intervals_stay_within_the_range_of_their_figures(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = planted_rows({2: (-1e-3, K * 1e-3)}, (2e-3, -1e-3))
    for row in rows:
        row.update({name: random.normal(2, 0.1) for name in row if name.startswith("rate_")})
    _, ratios, agreement = analysed(tmp_path, rows, [2]).tables
    bounded = [
        *((row[2], 0, 100) for row in ratios.rows),
        *((row[4], -1, 1) for row in ratios.rows),
        *((row[2], 0, 1) for row in agreement.rows),
        *((row[3], -1, 1) for row in agreement.rows),
    ]
    for value, low, high in bounded:
        if value is not None:
            assert isinstance(value, Interval)
            assert value.low is not None
            assert value.high is not None
            assert low <= value.low < value.high <= high or value.low == value.high


def test_forces_in_the_same_direction_are_not_springs_in_series(tmp_path: Path) -> None:
    rows = planted_rows({2: (1e-3, 1e-3)}, (1e-3, 1e-3))
    config = configured(tmp_path, seeds=SEEDS, reverse=[10], depths=[2])
    result = SpringResult.of(Grid(rows, config.seed_range), 10, [2])
    assert result.stiffness["pretrain"].tolist() == [K] * SEEDS
    assert result.force("pretrain", 2) == pytest.approx([K * 1e-2] * SEEDS)
    assert result.springs().imbalance == pytest.approx([1.0] * SEEDS)
    assert np.isnan(result.force("perturb", 2)).all()
    assert judgement(analyse(config, rows), "equal and opposite").verdict == "does not hold"


def test_the_rank_correlation_of_constant_values_is_nan() -> None:
    assert rank_correlation([1, 2, 3], [1, 4, 9]) == 1
    assert rank_correlation([1, 2, 3], [9, 4, math.nan]) == pytest.approx(-1)
    assert math.isnan(rank_correlation([1, 2, 3], [5, 5, 5]))
    assert math.isnan(rank_correlation([math.nan], [1]))


def cells_of(config: SpringsConfig) -> list[Cell]:
    requested: list[Cell] = []

    def ask(cells: Sequence[Cell]) -> list[Metrics]:
        requested.extend(cells)
        return [{} for _ in cells]

    run(config, ask)
    return requested


def test_other_depths_measure_the_same_models(tmp_path: Path) -> None:
    hashes = SharedHashes("root", "data", "measured")
    one, other = (
        {cell.name: cell for cell in cells_of(configured(tmp_path, depths=depths))}
        for depths in ([1, 3], [2])
    )
    assert len(one) == 2 * (2 + 2 * 2)
    for name, cell in one.items():
        assert cell.model_hash(hashes) == other[name].model_hash(hashes)
        assert (cell.row_hash(hashes) == other[name].row_hash(hashes)) == ("before" not in name)


def test_invalid_configurations_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"name some as pretrain\.corpus"):
        configured(tmp_path, pretrain=None)
    with pytest.raises(InvalidArgumentError, match="each must be from 1 to 64"):
        configured(tmp_path, depths=[0])


def test_pretraining_texts_are_from_all_folders(tmp_path: Path) -> None:
    for side in ("neg", "pos"):
        for number in range(120):
            file = tmp_path / "corpus" / side / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{side} {number}")
    config = configured(
        tmp_path,
        pretrain={"corpus": str(tmp_path / "corpus")},
        held_out={"prompts": 8, "texts": 2},
    )
    context = RunContext(config, ModelStore(tmp_path))
    texts = [text for seed in range(8) for text in context.seed_context(seed).pretrain_texts()]
    assert {text[:3] for text in texts} == {"neg", "pos"}


def test_tree_models_end_to_end(tmp_path: Path) -> None:
    config = configured(tmp_path)
    finished = experiment(config, tmp_path / "run", jobs=1)
    grid = Grid([flatten_row(row) for row in finished.folder.rows()], config.seed_range)
    result = SpringResult.of(grid, 20, [1, 3])
    for name in SETS:
        assert np.isfinite(result.measured[name]).all()
    assert (result.measured["perturb"] < 0).all()
    assert (result.predicted[1]["perturb"] < 0).all()
    # The whole corpus was learned, and every row has 30 characters.
    corpus = len((tmp_path / "corpus.txt").read_text().replace("\n", ""))
    assert result.stiffness["pretrain"] == pytest.approx([corpus / (40 * 30)] * 2, rel=0.02)
    seed_context = RunContext(config, ModelStore(tmp_path)).seed_context(1)
    assert len(seed_context.pretraining(None)) == 300
    assert sum(map(len, seed_context.pretraining(1000))) == 1000
    rows = cells_of(config)[1].sets[0].rows.resolve(seed_context)
    assert len(rows) == 40
    assert max(len(row["prompt"] + row["completion"]) for row in rows) == 30


def test_a_tiny_transformer_end_to_end(checkpoint: Path, tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        model=str(checkpoint),
        pretrained=100_000,
        recipe={"learning_rate": 1e-3, "batch": 8, "accumulation": 1, "max_length": 64},
        align=16,
        reverse=[8],
        seeds=1,
    )
    finished = experiment(config, tmp_path / "run", jobs=1)
    grid = Grid([flatten_row(row) for row in finished.folder.rows()], config.seed_range)
    result = SpringResult.of(grid, 8, [1, 3])
    for name in SETS:
        assert np.isfinite(result.measured[name]).all()
    assert (result.measured["perturb"] < 0).all()
    # The pre-training volume is that of its 100,000 tokens, of 1 to 2 bytes each.
    assert 1 < result.stiffness["pretrain"][0] / (100_000 / (16 * 30)) < 2
    assert len(finished.analysis.tables) == 3
    assert any("single seed" in note for note in finished.analysis.notes)


@pytest.mark.parametrize("size", ["laptop", "paper"])
def test_the_example_configurations_are_valid(size: str) -> None:
    file = EXAMPLES / size / "springs.yaml"
    assert parse_config(read_yaml(file), SpringsConfig, str(file)).seeds == 5
