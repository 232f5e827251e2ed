"""The elastic law on trees: corpora with known results, verdicts, sweeps, intervals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import elastic_core as ec
from elastic_core.elastic_law.bootstrap import bootstrap_interval
from elastic_core.elastic_law.law import sign_change, verdict
from elastic_core.elastic_law.result import Verdict
from elastic_core.experiments.studies.order_of_learning import OrderComparison


def write(path: Path, counts: dict[str, int]) -> Path:
    """Writes a corpus of one-segment documents, whose tree has exactly these leaf counts."""
    rows = [
        json.dumps({"text": leaf}) + "\n" for leaf, count in counts.items() for _ in range(count)
    ]
    path.write_text("".join(rows))
    return path


@pytest.fixture
def thirds(tmp_path: Path) -> dict[str, Path]:
    """D_p of three parts with disjoint leaves, D_a like part 2, D_t like part 3; a novel D_t."""
    return {
        "pretrain": write(tmp_path / "p.jsonl", {"one": 10, "two": 10, "six": 10}),
        "align": write(tmp_path / "a.jsonl", {"two": 3}),
        "perturb": write(tmp_path / "t.jsonl", {"six": 2}),
        "novel": write(tmp_path / "n.jsonl", {"ten": 2}),
    }


def test_disjoint_thirds_match_the_closed_form(thirds: dict[str, Path]) -> None:
    result = ec.elasticity(
        thirds["pretrain"], thirds["align"], thirds["perturb"], depth=4, k=1000, l=0.1
    )
    (perturbation,) = result.perturbations
    last, whole = perturbation.law[-1], perturbation.after[-1]
    assert last.ratio == pytest.approx(-1000)
    assert last.verdict is Verdict.HOLDS
    assert whole.ratio == pytest.approx(-1250.375)
    assert whole.ratio == pytest.approx(-(1000 + 3 * 0.1) / (1 - 2 * 0.1))
    # d gamma_p / dl = (1 - 2l) / ... changes sign at l = 1/2, d gamma_a / dl never.
    assert last.flip_pretrain == pytest.approx(0.5, rel=0.01)
    assert last.flip_align is None
    # KL(P_a || q) = -log2 q(two), q(two) = (k / 3 + 1) / (k + 1 + l).
    assert whole.kl_bits[1] == pytest.approx(-math.log2((1000 / 3 + 1) / 1001.1))
    spring = math.log2(1001.1 / 1001)
    assert whole.spring_bits[1] == pytest.approx(spring)
    # M is the number of leaves of the dataset itself: 3 for D_p, 1 for D_a.
    gamma = whole.gamma_bits
    assert gamma[0] is not None
    assert gamma[1] is not None
    assert whole.normalized_rate[0] == pytest.approx((gamma[0] - math.log2(3)) / 4)
    assert whole.normalized_rate[1] == pytest.approx(gamma[1] / 4)
    assert abs(whole.residual_bits) < 1e-9


def test_a_novel_perturbation_shows_no_elasticity(thirds: dict[str, Path]) -> None:
    result = ec.elasticity(thirds["pretrain"], thirds["align"], thirds["novel"], depth=4)
    (perturbation,) = result.perturbations
    last = perturbation.law[-1]
    assert perturbation.k == 10
    assert perturbation.l == pytest.approx(2 / 3)
    assert last.coverage == 0
    assert last.ratio == 1
    assert last.predicted == pytest.approx(1)
    assert last.verdict is Verdict.UNCOVERED
    # At volume 0 its own rate is infinite.
    assert perturbation.before[-1].gamma_bits[2] is None
    assert perturbation.before[-1].huffman_bits[2] is None
    assert perturbation.after[-1].gamma_bits[2] is not None


def test_perturbations_do_not_affect_each_other(thirds: dict[str, Path]) -> None:
    both = ec.elasticity(
        thirds["pretrain"], thirds["align"], [thirds["perturb"], thirds["novel"]], depth=4
    )
    for perturbation, name in zip(both.perturbations, ("perturb", "novel"), strict=True):
        alone = ec.elasticity(thirds["pretrain"], thirds["align"], thirds[name], depth=4)
        assert perturbation.law == alone.perturbations[0].law
        assert perturbation.after == alone.perturbations[0].after


def test_the_identity_predicts_the_ratio_on_text(tmp_path: Path, play: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("whether 'tis nobler in the mind to suffer\n" * 2)
    third = tmp_path / "third.txt"
    third.write_text("the question is not whether to be or to suffer, but where\n")
    result = ec.elasticity(play, other, third, depth=5, segment="window")
    (perturbation,) = result.perturbations
    for row in perturbation.law:
        assert row.ratio == pytest.approx(row.predicted, rel=1e-9)
        assert abs(row.residual_bits) < 1e-9
    assert perturbation.sweep.gamma_bits.shape == (5, 101, 3)
    assert perturbation.sweep.l[0] == 0
    assert np.abs(perturbation.sweep.residual_bits).max() < 1e-9
    # The slopes are those of the curve.
    l, gamma = perturbation.sweep.l, perturbation.sweep.gamma_bits[..., :2]
    middle = (gamma[:, 2:] - gamma[:, :-2]) / (l[2:] - l[:-2])[None, :, None]
    np.testing.assert_allclose(
        middle[:, 40:], perturbation.sweep.slope_bits[:, 41:-1, :2], rtol=0.1, atol=0.01
    )
    assert perturbation.over_k.ratio.shape == (5, len(perturbation.over_k.k))
    at = np.flatnonzero(perturbation.over_k.k == perturbation.k)
    assert perturbation.over_k.ratio[:, at[0]] == pytest.approx(
        [row.ratio for row in perturbation.law]
    )


@pytest.mark.data
def test_the_identity_holds_on_real_text(data: Path) -> None:
    (pretrain,) = (data / "tinyshakespeare").glob("*.xz")
    align, perturb = (data / "rt-polarity" / f"rt-polarity.{sign}.xz" for sign in ("pos", "neg"))
    result = ec.elasticity(pretrain, align, [perturb, pretrain], split="line")
    for perturbation in result.perturbations:
        for row in perturbation.law:
            assert row.ratio == pytest.approx(row.predicted, rel=1e-9)
            assert abs(row.residual_bits) < 1e-9
        assert np.abs(perturbation.sweep.residual_bits).max() < 1e-9
    # A perturbation by pre-training text is fully covered, so the law is exact.
    opposite, again = result.perturbations
    for row in again.law:
        assert row.coverage == pytest.approx(1, abs=1e-12)
        assert row.ratio == pytest.approx(-again.k, rel=1e-6)
        assert row.slope_pretrain_bits < 0 < row.slope_align_bits
    assert opposite.law[-1].verdict is not Verdict.HOLDS


def test_saved_trees_give_the_results_of_their_corpora(
    thirds: dict[str, Path], tmp_path: Path
) -> None:
    paths = [thirds[name] for name in ("pretrain", "align", "perturb")]
    trees = []
    for path in paths:
        tree = tmp_path / f"{path.stem}.parquet"
        ec.TokenTree.build(path, depth=4).save(tree)
        trees.append(tree)
    corpora = ec.elasticity(*paths, depth=4)
    saved = ec.elasticity(*trees)
    assert saved.perturbations[0].law == corpora.perturbations[0].law
    assert (saved.depth, saved.segment, saved.alphabet) == (4, "chunk", "byte")


def test_the_json_follows_the_schema(thirds: dict[str, Path]) -> None:
    result = ec.elasticity(
        thirds["pretrain"], thirds["align"], [thirds["perturb"], thirds["novel"]], depth=4
    )
    record = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(record) == [
        "schema", "config", "depth", "segment", "alphabet", "datasets", "overlaps", "perturbations",
    ]  # fmt: skip
    assert record["schema"] == "elastic-core/elasticity/1"
    assert [dataset["role"] for dataset in record["datasets"]] == [
        "pretrain", "align", "perturb", "perturb",
    ]  # fmt: skip
    novel = record["perturbations"][1]
    assert list(novel) == ["name", "k", "l", "law", "before", "after", "sweep", "over_k", "trained"]
    assert novel["before"][-1]["gamma_bits"]["perturb"] is None
    assert novel["law"][-1]["verdict"] == "uncovered"
    assert novel["sweep"]["gamma_bits"][3][0][2] is None


def test_files_shared_by_two_corpora_are_counted(thirds: dict[str, Path], tmp_path: Path) -> None:
    result = ec.elasticity(tmp_path / "*.jsonl", thirds["align"], thirds["perturb"], depth=4)
    assert [(pair.first, pair.second, pair.files) for pair in result.overlaps] == [
        (str(tmp_path / "*.jsonl"), str(thirds["align"]), 1),
        (str(tmp_path / "*.jsonl"), str(thirds["perturb"]), 1),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0.0}, "k 0.0: .* more than 0"),
        ({"k": math.inf}, "k inf"),
        ({"l": -0.5}, "l -0.5: .* 0 or more"),
        ({"l": math.nan}, "l nan"),
        ({"bootstrap": -1}, "bootstrap -1"),
        ({"bootstrap": 1}, "at least 2 replicates"),
        ({"bootstrap": 5}, "too few to resample"),
        ({"depth": 65}, "depth 65"),
    ],
)
def test_invalid_options_are_rejected(
    thirds: dict[str, Path], options: dict[str, float], message: str
) -> None:
    paths = [thirds[name] for name in ("pretrain", "align", "perturb")]
    with pytest.raises(ec.InvalidArgumentError, match=message):
        ec.elasticity(*paths, **options)  # type: ignore[arg-type]


def test_a_missing_perturbation_is_rejected(thirds: dict[str, Path]) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="no perturbation"):
        ec.elasticity(thirds["pretrain"], thirds["align"], [])


def test_an_empty_alignment_corpus_is_reported(thirds: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(ec.CorpusError, match=r"empty\.txt: no documents"):
        ec.elasticity(thirds["pretrain"], tmp_path / "empty.txt", thirds["perturb"])


@pytest.mark.parametrize(
    ("slope_pretrain", "ratio", "coverage", "expected"),
    [
        (-0.1, -10.0, 1.0, Verdict.HOLDS),
        (-0.1, -11.0, 0.9, Verdict.HOLDS),
        (-0.1, -8.9, 1.0, Verdict.BENDS),
        (-0.1, -11.1, 1.0, Verdict.BENDS),
        (0.1, -10.0, 1.0, Verdict.REVERSED),
        (0.1, -3.0, 0.9, Verdict.REVERSED),
        (-0.1, 0.0, 1.0, Verdict.BREAKS),
        (0.1, 3.0, 0.5, Verdict.BREAKS),
        (0.0, None, 0.5, Verdict.BREAKS),
        (0.1, 1.0, 0.0, Verdict.UNCOVERED),
    ],
)
def test_verdict_from_slopes_and_coverage(
    slope_pretrain: float, ratio: float | None, coverage: float, expected: Verdict
) -> None:
    assert verdict(slope_pretrain, ratio, 10, coverage) is expected


def test_a_sign_change_is_interpolated() -> None:
    l = np.array([0.0, 0.1, 1.0, 10.0])
    assert sign_change(l, np.array([-1.0, -1.0, 1.0, 2.0])) == pytest.approx(math.sqrt(0.1))
    assert sign_change(l, np.array([-1.0, -1.0, -3.0, -2.0])) is None


# Intervals


@pytest.fixture
def synthetic(tmp_path: Path) -> dict[str, Path]:
    corpora = ["pretrain=1+2+3:3000", "align=2:400", "perturb=3:200"]
    ec.synth(corpora=corpora, leaves=60, overlap=0.5, out=tmp_path / "synth")
    return {name: tmp_path / "synth" / f"{name}.jsonl" for name in ("pretrain", "align", "perturb")}


def resampled(paths: dict[str, Path], count: int, **options: object) -> ec.ElasticityResult:
    return ec.elasticity(*paths.values(), depth=8, bootstrap=count, **options)  # type: ignore[arg-type]


def test_intervals_contain_the_estimate_and_the_law(synthetic: dict[str, Path]) -> None:
    result = resampled(synthetic, 60)
    (perturbation,) = result.perturbations
    row = perturbation.law[-1]
    assert row.coverage == 1
    assert row.intervals is not None
    for name in ("slope_pretrain_bits", "slope_align_bits"):
        interval = row.intervals[name]
        assert interval.low < getattr(row, name) < interval.high, name
        assert abs(interval.bias) < interval.high - interval.low
    assert row.intervals["ratio"].low <= -perturbation.k <= row.intervals["ratio"].high
    # Resamples have fewer distinct leaves, so their coverage is at most 1.
    assert row.intervals["coverage"].low <= 1


def test_a_bootstrap_interval_is_centred_on_the_estimate() -> None:
    replicates = np.linspace(5.0, 7.0, 401)
    interval = bootstrap_interval(10.0, replicates)
    assert interval.low == pytest.approx(10 - 0.95)
    assert interval.high == pytest.approx(10 + 0.95)
    assert interval.bias == pytest.approx(-4)


def test_the_result_depends_on_the_seed_and_not_on_threads(synthetic: dict[str, Path]) -> None:
    one = resampled(synthetic, 3, seed=1, threads=1).perturbations[0].law
    assert one == resampled(synthetic, 3, seed=1, threads=2).perturbations[0].law
    assert one != resampled(synthetic, 3, seed=2).perturbations[0].law


def test_a_replicate_that_is_none_is_drawn_again(
    synthetic: dict[str, Path], tmp_path: Path
) -> None:
    replicates_file = tmp_path / "replicates.jsonl"
    whole = resampled(synthetic, 3, replicates=replicates_file)
    row = json.loads(replicates_file.read_text().splitlines()[0])
    del row["check"]  # as a file of an earlier version
    without = {key: value for key, value in row.items() if key != "replicate"}
    figures = row["figures"]
    damaged = [
        without,
        {**row, "replicate": [0]},
        {**row, "figures": None},
        {**row, "figures": {name: figures[name] for name in list(figures)[1:]}},
        {**row, "figures": {name: [["x"]] for name in figures}},
        {**row, "figures": {name: values[0] for name, values in figures.items()}},
    ]
    for other in damaged:
        replicates_file.write_text(json.dumps(other) + "\n")
        again = resampled(synthetic, 3, replicates=replicates_file)
        assert again.perturbations[0].law == whole.perturbations[0].law
        assert len(replicates_file.read_text().splitlines()) == 1 + 3


def test_an_interrupted_bootstrap_resumes(synthetic: dict[str, Path], tmp_path: Path) -> None:
    replicates_file = tmp_path / "replicates.jsonl"
    whole = resampled(synthetic, 6, replicates=replicates_file)
    lines = replicates_file.read_text().splitlines()
    assert len(lines) == 6
    # Interrupted while writing the fourth.
    replicates_file.write_text("\n".join([*lines[:3], lines[3][:40]]))
    again = resampled(synthetic, 6, replicates=replicates_file)
    assert again.perturbations[0].law == whole.perturbations[0].law
    assert len(replicates_file.read_text().splitlines()) == 3 + 3
    # A job with more replicates reuses the file; a job with another seed does not.
    resampled(synthetic, 7, replicates=replicates_file)
    assert len(replicates_file.read_text().splitlines()) == 7
    resampled(synthetic, 7, replicates=replicates_file, seed=4)
    assert len(replicates_file.read_text().splitlines()) == 14


def test_a_saved_tree_cannot_be_resampled(synthetic: dict[str, Path], tmp_path: Path) -> None:
    ec.TokenTree.build(synthetic["pretrain"]).save(tmp_path / "p.parquet")
    with pytest.raises(ec.InvalidArgumentError, match="a bootstrap needs documents"):
        ec.elasticity(tmp_path / "p.parquet", synthetic["align"], synthetic["perturb"], bootstrap=5)


# A tree model in addition to the token trees


def test_the_sequential_order_adds_a_tree_model(synthetic: dict[str, Path]) -> None:
    joint = ec.elasticity(*synthetic.values(), depth=8)
    assert joint.perturbations[0].trained is None
    assert joint.to_dict()["perturbations"][0]["trained"] is None
    both = ec.elasticity(*synthetic.values(), depth=8, order="sequential", rate=2, seeds=2, seed=5)
    (perturbation,) = both.perturbations
    assert perturbation.law == joint.perturbations[0].law
    assert isinstance(perturbation.trained, OrderComparison)
    assert perturbation.trained.joint.config.order == "joint"
    assert perturbation.trained.joint.config.seeds == (5, 6)
    config = perturbation.trained.sequential.config
    assert (config.order, config.rate, config.model_depth) == ("sequential", 2, 8)
    record = json.loads(json.dumps(both.to_dict(), allow_nan=False))["perturbations"][0]["trained"]
    assert list(record) == ["joint", "sequential"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "backwards"}, "unknown order 'backwards'"),
        ({"order": "sequential", "rate": 0.0}, "rate 0.0"),
        ({"rate": 2.0}, "choose sequential"),
        ({"order": "sequential", "seeds": 0}, "seeds 0"),
    ],
)
def test_invalid_training_options_are_rejected(
    synthetic: dict[str, Path], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=message):
        ec.elasticity(*synthetic.values(), **options)  # type: ignore[arg-type]


def test_a_tree_model_needs_documents(synthetic: dict[str, Path], tmp_path: Path) -> None:
    ec.TokenTree.build(synthetic["pretrain"]).save(tmp_path / "p.parquet")
    with pytest.raises(ec.InvalidArgumentError, match="a tree model needs documents"):
        ec.elasticity(
            tmp_path / "p.parquet", synthetic["align"], synthetic["perturb"], order="sequential"
        )


@given(ratio=st.floats(-1e6, 1e6), k=st.floats(0.01, 1e5))
def test_the_law_holds_within_a_tenth(ratio: float, k: float) -> None:
    near = abs(ratio / -k - 1) <= 0.1
    assert (verdict(-1.0, ratio, k, 1.0) is Verdict.HOLDS) == near or math.isclose(
        abs(ratio + k), 0.1 * k
    )
