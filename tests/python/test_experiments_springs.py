"""The springs study: measured changes of rates, and the predictions of token trees."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import product
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
from elastic_core.experiments.spring_law import IMBALANCE, RATIO_MARGIN, SpringPair
from elastic_core.experiments.studies.springs import (
    ORDERS,
    SETS,
    SpringResult,
    SpringsConfig,
    analyse,
    predict,
    run,
    skill,
)
from elastic_core.report.document import Table
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


def planted_rows(
    law: dict[int, tuple[float, float]],
    actual: tuple[float, float],
    *,
    slopes: tuple[float, float] | None = None,
    gain: float = 0.2,
) -> list[Metrics]:
    """Rows with planted changes of gamma_p and gamma_a, the same in both orders.

    Args:
        law: The predicted changes per reverse row, by depth.
        actual: The measured changes per reverse row.
        slopes: The changes by first order; None: those measured.
        gain: By how much the alignment lowers the rate of its text.
    """
    rows: list[Metrics] = []
    for seed, order in product(range(SEEDS), ORDERS):
        noise, other = 1 + 0.01 * (seed - 2), 1 + 0.01 * (2 * seed % 5 - 2)
        base = {"rate_align": 2.0 + gain, "rate_pretrain": 2.4}
        if order == "joint":
            rows.append({"stage": "base", "seed": seed, "name": "", **base})
        step = {
            f"first_order_predicted_{name}_perturb": slope * factor
            for name, slope, factor in zip(SETS, slopes or actual, (noise, other), strict=False)
        }
        place = {"order": order, "seed": seed, "name": ""}
        start = {"rate_align": 2.0 + 1e-3 * noise, "rate_pretrain": 2.5, "first_order_k": K}
        rows.append({"stage": "align", **place, **start, **step})
        for count in (10, 20, 40):
            rates = {"pretrain": 2.5, "replay": 2.5, "align": 2.0, "perturb": 2.2}
            before: Metrics = {f"rate_{name}": rate for name, rate in rates.items()}
            before |= {"volume_pretrain": K, "volume_align": 1.0, "volume_perturb": count / 100}
            for depth, changes in law.items():
                named = dict(
                    zip(SETS, (*(count * change for change in changes), None), strict=True)
                )
                before |= {f"law_{name}_{depth}": change for name, change in named.items()}
                before[f"coverage_{depth}"] = 1.0
            rows.append({"stage": "before", **place, "reverse": count, **before})
            pretrain = 2.5 + count * actual[0] * noise
            after = {
                "rate_pretrain": pretrain,
                "rate_replay": pretrain,
                "rate_align": 2.0 + count * actual[1] * other,
                "rate_perturb": 2.1,
            }
            rows.append({"stage": "reverse", **place, "reverse": count, **after})
    return rows


def analysed(tmp_path: Path, rows: list[Metrics], depths: list[int]) -> Analysis:
    more = {"seeds": SEEDS, "reverse": [10, 20, 40], "depths": depths}
    return analyse(configured(tmp_path, model="hf:base", **more), rows)


def verdicts(analysis: Analysis) -> dict[str, str]:
    table = analysis.tables[0]
    assert table.name == "claims"
    return {str(row[0]): str(row[1]) for row in table.rows}


def table(analysis: Analysis, name: str) -> Table:
    [found] = [one for one in analysis.tables if one.name == name]
    return found


def test_a_model_that_behaves_like_the_trees_is_predicted(tmp_path: Path) -> None:
    law = {1: (-1e-3, K * 1e-3)}
    analysis = analysed(tmp_path, planted_rows(law, (-3e-3, K * 3e-3)), [1])
    assert set(verdicts(analysis).values()) == {"holds"}
    assert list(verdicts(analysis)) == list(SpringsConfig.registered)
    assert analysis.claims_sha256
    agreement = table(analysis, "agreement")
    for row in agreement.rows:
        skills, *shares = row[2:]
        assert isinstance(skills, Interval)
        assert skills.mean == pytest.approx(1, abs=0.01)
        assert [share.mean for share in shares if isinstance(share, Interval)] == [1] * 4
    assert len(table(analysis, "springs").rows) == 2 * 9
    assert len(table(analysis, "ratios").rows) == 2 * 6
    first = table(analysis, "first-order")
    assert [row[0] for row in first.rows] == list(ORDERS)
    ratio, minus_k = first.rows[0][3:5]
    assert isinstance(ratio, Interval)
    assert isinstance(minus_k, Interval)
    assert ratio.mean == pytest.approx(-K)
    assert minus_k.mean == -K


def test_the_story_and_a_table_have_the_rates_of_the_base(tmp_path: Path) -> None:
    analysis = analysed(tmp_path, planted_rows({1: (-1e-3, K * 1e-3)}, (-3e-3, 6e-3)), [1])
    raised, lowered, _, later = analysis.story.changes
    assert re.fullmatch(
        r"Learning \d+ positive rows raised the rate of the pre-training text by .* bits per byte, "
        r"from 2\.400 to 2\.500\.",
        raised,
    )
    assert lowered.startswith("From there, 40 negative rows lowered it by ")
    assert lowered.endswith("bits per byte, from 2.500 to 2.380.")
    assert later.endswith("bits per byte, from 2.001 to 2.240.")
    rates = table(analysis, "rates")
    assert [str(row[0]) for row in rates.rows[:3]] == [
        "base", "aligned, joint", "10 reverse rows, joint",
    ]  # fmt: skip
    assert len(rates.rows) == 1 + 2 * 4
    values = [cell.mean for cell in rates.rows[1][1:] if isinstance(cell, Interval)]
    assert values == pytest.approx([2.5, 2.001, 2.2])


def test_a_model_that_behaves_differently_is_not_predicted(tmp_path: Path) -> None:
    found = verdicts(analysed(tmp_path, planted_rows({2: (-1e-3, K * 1e-3)}, (2e-3, -1e-3)), [2]))
    for order in ORDERS:
        assert found[f"slopes_{order}"] == found[f"changes_{order}"] == "does not hold"
        assert found[f"trees_{order}"] != "holds"
    assert found["alignment_rises"] == found["pretraining_falls"] == "does not hold"


@pytest.mark.parametrize("growth", [0, 1])
def test_a_predictor_that_always_says_up_does_not_hold(tmp_path: Path, growth: int) -> None:
    """Right about every sign, and yet it says no more than the same change for both does."""
    rows = planted_rows({8: (1e-3, 1e-3)}, (2e-3, 2.5e-3))
    random = np.random.default_rng(0)
    for row in rows:
        if row["stage"] == "before":
            for name in SETS[:2]:
                row[f"law_{name}_8"] = row["reverse"] ** growth * (1 + random.normal(0, 1e-3))
    analysis = analysed(tmp_path, rows, [8])
    for line in table(analysis, "agreement").rows:
        assert [share.mean for share in line[3:5] if isinstance(share, Interval)] == [1, 1]
    found = verdicts(analysis)
    assert found["trees_joint"] == found["trees_sequential"] == "no difference beyond ±0.1"


def test_a_law_that_is_contradicted_does_worse_than_a_constant(tmp_path: Path) -> None:
    """Both rates rise, where the law says that one falls."""
    found = verdicts(analysed(tmp_path, planted_rows({1: (-1e-3, K * 1e-3)}, (2e-3, 2e-3)), [1]))
    assert found["trees_joint"] == found["trees_sequential"] == "does not hold"


def test_the_skill_is_that_of_a_plain_loop(tmp_path: Path) -> None:
    config = configured(tmp_path, seeds=SEEDS, reverse=[10, 20], depths=[2])
    rows = planted_rows({2: (-1e-3, 2e-3)}, (-1e-3, 3e-3))
    random = np.random.default_rng(1)
    for row in rows:
        if row["stage"] == "reverse":
            row["rate_align"] += random.normal(0, 0.01)
    grid = Grid(rows, config.seed_range)
    results = [SpringResult.of(grid, "sequential", count, [2]) for count in (10, 20)]
    trees, constant = np.zeros(SEEDS), np.zeros(SEEDS)
    for result, seed in product(results, range(SEEDS)):
        pairs = [
            [(result.measured[name][at], result.predicted[2][name][at]) for name in SETS[:2]]
            for at in range(SEEDS)
        ]
        mine = pairs.pop(seed)
        others = [pair for both in pairs for pair in both]
        mean = sum(m for m, _ in others) / len(others)
        scale = sum(m * f for m, f in others) / sum(f * f for _, f in others)
        trees[seed] += sum((m - scale * f) ** 2 for m, f in mine)
        constant[seed] += sum((m - mean) ** 2 for m, _ in mine)
    assert skill(results, 2) == pytest.approx((constant - trees) / constant.mean())


def test_a_single_seed_has_no_skill(tmp_path: Path) -> None:
    config = configured(tmp_path, seeds=1, depths=[2])
    rows = planted_rows({2: (-1e-3, 2e-3)}, (-1e-3, 3e-3))
    result = SpringResult.of(Grid(rows, config.seed_range), "joint", 20, [2])
    assert np.isnan(skill([result], 2)).all()


def test_an_alignment_that_moved_nothing_supports_no_verdict(tmp_path: Path) -> None:
    rows = planted_rows({2: (-1e-3, K * 1e-3)}, (-1e-3, K * 1e-3), gain=0.0)
    analysis = analysed(tmp_path, rows, [2])
    assert set(verdicts(analysis).values()) == {"no verdict"}
    assert "did not lower the rate of its own text" in analysis.findings[0].words


def test_missing_cells_leave_no_verdict(tmp_path: Path) -> None:
    assert set(verdicts(analysed(tmp_path, [], [2])).values()) == {"no verdict"}


def test_slopes_and_changes_are_judged_apart(tmp_path: Path) -> None:
    """A model obeys the law for a small step, but not for all of the reverse rows."""
    rows = planted_rows({2: (-1e-3, K * 1e-3)}, (1e-3, 1e-3), slopes=(-1e-6, K * 1.1e-6))
    found = verdicts(analysed(tmp_path, rows, [2]))
    assert found["slopes_joint"] == "holds"
    assert found["changes_joint"] == "does not hold"


def test_intervals_stay_within_the_range_of_their_figures(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = planted_rows({2: (-1e-3, K * 1e-3)}, (2e-3, -1e-3))
    for row in rows:
        row.update({name: random.normal(2, 0.1) for name in row if name.startswith("rate_")})
    analysis = analysed(tmp_path, rows, [2])
    ratios, agreement = table(analysis, "ratios"), table(analysis, "agreement")
    bounded = [
        *((row[3], 0, 100) for row in ratios.rows),
        *((row[5], -1, 1) for row in ratios.rows),
        *((value, 0, 1) for row in agreement.rows for value in row[3:5]),
        *((value, -1, 1) for row in agreement.rows for value in row[5:]),
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
    result = SpringResult.of(Grid(rows, config.seed_range), "joint", 10, [2])
    assert result.stiffness["pretrain"].tolist() == [K] * SEEDS
    assert result.force("pretrain", 2) == pytest.approx([K * 1e-2] * SEEDS)
    assert result.springs().imbalance == pytest.approx([1.0] * SEEDS)
    assert result.springs().relative_net_force == pytest.approx(
        [0.98, 0.99, 1.0, 1.01, 1.02], rel=1e-2
    )
    assert result.springs().relative_net_force.mean() == pytest.approx(1)
    assert np.isnan(result.force("perturb", 2)).all()
    assert verdicts(analyse(config, rows))["changes_joint"] == "does not hold"


@given(st.floats(0.01, 100))
def test_the_imbalance_is_a_function_of_the_logarithm_of_the_ratio(ratio: float) -> None:
    springs = SpringPair(np.array([K]), np.array([-1.0]), np.array([K * ratio]))
    assert springs.imbalance == pytest.approx([math.tanh(math.log(ratio) / 2)])
    assert math.tanh(math.log(RATIO_MARGIN) / 2) == pytest.approx(IMBALANCE, abs=1e-3)


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
    assert len(one) == 2 * (1 + 2 * (1 + 2 * 2))
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
    config = configured(tmp_path, mix=2)
    finished = experiment(config, tmp_path / "run", jobs=1)
    rows = [flatten_row(row) for row in finished.folder.rows()]
    grid = Grid(rows, config.seed_range)
    # The whole corpus was learned, and every row has 30 characters.
    corpus = len((tmp_path / "corpus.txt").read_text().replace("\n", ""))
    k = {"sequential": corpus / (40 * 30)}
    k["joint"] = k["sequential"] + 2  # A tree model forgets nothing.
    for order in ORDERS:
        result = SpringResult.of(grid, order, 20, [1, 3])
        for name in SETS:
            assert np.isfinite(result.measured[name]).all()
        assert (result.measured["perturb"] < 0).all()
        assert (result.predicted[1]["perturb"] < 0).all()
        assert result.stiffness["pretrain"] == pytest.approx([k[order]] * 2, rel=0.02)
        assert grid.values("first_order_k", stage="align", order=order) == pytest.approx(
            result.stiffness["pretrain"]
        )
        assert result.coverage[3].tolist() == [1, 1]
        ratio = grid.values("first_order_ratio_align_perturb", stage="align", order=order)
        assert ratio == pytest.approx(-result.stiffness["pretrain"])  # The law, in bytes.
    slopes = finished.analysis.findings[0]
    assert slopes.verdict == "no verdict"  # The law of token trees is no finding about the model.
    assert "A tree model has no gradients" in slopes.words
    seed_context = RunContext(config, ModelStore(tmp_path)).seed_context(1)
    assert len(seed_context.pretraining(None)) == 300
    assert sum(map(len, seed_context.pretraining(1000))) == 1000
    texts = [row["text"] for row in cells_of(config)[1].sets[0].rows.resolve(seed_context)]
    assert len(texts) == 40
    assert max(map(len, texts)) == 30


def test_a_tiny_transformer_end_to_end(checkpoint: Path, tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        model=str(checkpoint),
        pretrained=100_000,
        recipe={"learning_rate": 1e-3, "batch": 8, "accumulation": 1, "max_length": 64},
        align=16,
        mix=2,
        reverse=[8],
        seeds=1,
    )
    finished = experiment(config, tmp_path / "run", jobs=1)
    grid = Grid([flatten_row(row) for row in finished.folder.rows()], config.seed_range)
    for order in ORDERS:
        result = SpringResult.of(grid, order, 8, [1, 3])
        for name in SETS:
            assert np.isfinite(result.measured[name]).all()
        assert (result.measured["perturb"] < 0).all()
        cosine = grid.values("first_order_cos_align_perturb", stage="align", order=order)
        assert (np.abs(cosine) <= 1).all()
    # The pre-training volume is that of its 100,000 tokens, of 1 to 2 bytes each.
    [sequential, joint] = [
        float(SpringResult.of(grid, order, 8, [1]).stiffness["pretrain"][0])
        for order in ("sequential", "joint")
    ]
    assert 1 < sequential / (100_000 / (16 * 30)) < 2
    assert joint == pytest.approx(2, rel=0.2)  # A transformer learns the mixture.
    assert [one.name for one in finished.analysis.tables] == [
        "claims", "rates", "first-order", "steps", "springs", "ratios", "agreement",
    ]  # fmt: skip
    assert any("fewer than 3 seeds" in note for note in finished.analysis.notes)


@pytest.mark.parametrize("size", ["reviews", "paper"])
def test_the_example_configurations_are_valid(size: str) -> None:
    file = EXAMPLES / size / "springs.yaml"
    assert parse_config(read_yaml(file), SpringsConfig, str(file)).seeds == 5
