"""`learn_in_order`: corpora with known results, both orders, nested volumes, rejected input."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import elastic_core as ec
from elastic_core.common.progress import Step
from elastic_core.experiments.spring_law import SpringPair
from elastic_core.experiments.studies.order_of_learning import (
    RateCurve,
    TreeCurve,
    learn_in_order,
    texts,
)
from elastic_core.statistics.intervals import interval
from elastic_core.statistics.ratios import ratios_of_means

Write = Callable[..., ec.Corpus]
WORDS = {
    "a": ["lamb", "meek", "mild", "stream", "mead", "delight"],
    "b": ["TYGER", "FIRE", "FORGE", "ANVIL", "HAMMER", "CHAIN"],
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a corpus of random documents, or of the given texts, one file per document."""

    def write_corpus(
        name: str,
        kind: str = "a",
        documents: int = 40,
        words: int = 60,
        texts: list[bytes] | None = None,
    ) -> ec.Corpus:
        random = np.random.default_rng(list(name.encode()))
        folder = tmp_path / name
        folder.mkdir()
        random_texts = [
            " ".join(random.choice(WORDS[kind], words)).encode() for _ in range(documents)
        ]
        for number, text in enumerate(random_texts if texts is None else texts):
            (folder / f"{number:04}.txt").write_bytes(text)
        return ec.Corpus(folder)

    return write_corpus


@pytest.fixture
def corpora(write: Write) -> tuple[ec.Corpus, ec.Corpus, ec.Corpus]:
    return write("p"), write("q", "b", 20), write("t", documents=20)


def same(one: TreeCurve, other: TreeCurve) -> bool:
    return json.dumps(one.to_dict()) == json.dumps(other.to_dict())


# Results


@pytest.mark.parametrize("order", ["joint", "sequential"])
def test_more_pretraining_text_lowers_its_rate_and_raises_the_alignment_rate(
    write: Write, order: str
) -> None:
    p, a, t = write("p", documents=6), write("q", "b", 20), write("t", documents=40)
    curve = learn_in_order(p, a, t, model_depth=3, order=order, seeds=4, volumes=[1.5])
    last = curve.unseen.shifts[-1]
    assert [np.sign(change.mean) for change in last.change] == [-1, 1, -1]
    assert last.ratio.mean < 0


def test_the_sequential_model_forgets_the_pretraining(write: Write) -> None:
    p, a, t = write("p"), write("q", "b", 2), write("t", "b", 60)
    curve = learn_in_order(p, a, t, model_depth=3, order="sequential", seeds=4, volumes=[50])
    changes = curve.unseen.shifts[-1].change
    assert all(change.excludes_zero for change in changes)
    assert [np.sign(change.mean) for change in changes] == [1, -1, -1]


def test_the_sequential_order_matches_a_tree_model_updated_by_hand(write: Write) -> None:
    """Of two equal documents one is learned, so the texts that the model learns are known."""
    p, a, t = (write(name, texts=[text, text]) for name, text in PLANTED.items())
    curve = learn_in_order(
        p, a, t, model_depth=4, order="sequential", rate=2, seeds=1, volumes=[0.5, 1]
    )
    model = ec.TreeModel(4)
    first, second, third = PLANTED.values()
    model.update([first, second, second])
    assert curve.unseen.gamma[0, 0] == pytest.approx(rates(model, [first, second, third]))
    assert curve.seen.gamma[0, 0, :2] == pytest.approx(rates(model, [first, second]))
    half = len(second) // 2
    model.update([third[:half], third[:half]])
    assert curve.unseen.gamma[0, 1] == pytest.approx(rates(model, [first, second, third]))
    assert curve.seen.gamma[0, 1, 2:] == pytest.approx(rates(model, [third[:half]]))
    model.update([third[half:], third[half:]])
    assert curve.unseen.gamma[0, 2] == pytest.approx(rates(model, [first, second, third]))
    assert curve.bytes.tolist() == [[len(first), len(second), len(third)]]
    assert curve.k.mean == len(first) / len(second) / 2


PLANTED = {
    "p": b"little lamb, who made thee? dost thou know who made thee?",
    "q": b"tyger tyger, burning bright, in the forests of the night",
    "t": b"piping down the valleys wild, piping songs of pleasant g",
}


def rates(model: ec.TreeModel, documents: list[bytes]) -> list[float]:
    return [
        -model.log_probs([text])[0].sum(dtype=np.float64) / np.log(2) / len(text)
        for text in documents
    ]


def test_both_orders_split_the_documents_equally(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus],
) -> None:
    one = learn_in_order(*corpora, seeds=2, volumes=[0.25, 0.5])
    other = learn_in_order(*corpora, seeds=2, volumes=[0, 0.25, 0.5], order="sequential")
    assert np.array_equal(one.bytes, other.bytes)
    assert np.array_equal(one.unseen.k, other.unseen.k)
    assert one.unseen.volumes.tolist() == other.unseen.volumes.tolist() == [0, 0.25, 0.5]
    assert one.seen.gamma.shape == (2, 3, 3)
    assert (one.bytes[:, 2] / one.bytes[:, 1]) == pytest.approx(0.5, abs=1e-3)


def test_the_default_volumes_are_four_up_to_the_largest(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus],
) -> None:
    curve = learn_in_order(*corpora, order="sequential", seeds=2)
    volumes = curve.unseen.volumes
    assert volumes[1:] == pytest.approx(volumes[-1] / np.array([64, 16, 4, 1]))
    assert volumes[-1] == pytest.approx((curve.bytes[:, 2] / curve.bytes[:, 1]).min(), rel=0.05)


@pytest.mark.parametrize("order", ["joint", "sequential"])
def test_the_result_depends_on_the_seed_and_not_on_threads(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus], order: str
) -> None:
    one = learn_in_order(
        *corpora, order=order, seeds=2, seed=5, volumes=[0.25, 0.5], threads=1, memory="300MiB"
    )
    other = learn_in_order(*corpora, order=order, seeds=2, seed=5, volumes=[0.25, 0.5], threads=4)
    assert same(one, other)
    last = learn_in_order(*corpora, order=order, seeds=1, seed=6, volumes=[0.25, 0.5])
    assert np.array_equal(last.unseen.gamma[0], one.unseen.gamma[1])
    assert not np.array_equal(one.unseen.gamma[0], one.unseen.gamma[1])


def test_a_single_seed_has_no_interval(corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus]) -> None:
    curve = learn_in_order(*corpora, seeds=1, volumes=[0.5])
    (shift,) = curve.unseen.shifts
    assert [change.low for change in shift.change] == [None, None, None]
    assert shift.verdict == "open"
    row = json.loads(json.dumps(curve.to_dict(), allow_nan=False))["unseen"][1]
    assert list(row) == ["volume", "gamma", "change", "springs", "force", "ratio", "law"]
    assert row["force"]["low"] is row["law"] is None


def test_tokenized_text_is_cut_at_character_boundaries(write: Write, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(dict(zip(letters, range(256), strict=True)), []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    p, a, t = (write(name, texts=["äöü€".encode() * 2000] * 2) for name in "pqt")
    alphabet = f"bpe:{tmp_path / 'tokenizer.json'}"
    curve = learn_in_order(
        p, a, t, alphabet=alphabet, order="sequential", seeds=1, volumes=[0.1, 0.3]
    )
    assert np.isfinite(curve.unseen.gamma).all()


@pytest.mark.parametrize(("order", "rate"), [("joint", 1), ("sequential", 1.5)])
def test_progress_ends_at_the_total(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus], order: str, rate: float
) -> None:
    steps: list[Step] = []
    learn_in_order(
        *corpora,
        order=order,
        rate=rate,
        seeds=2,
        volumes=[0.5],
        progress=steps.append,
    )
    learned = [(step.done, step.total) for step in steps if step.title == f"learn {order}"]
    assert learned == sorted(learned)
    assert learned[-1][0] == learned[-1][1]
    assert [step.title for step in steps[:3]] == [f"read {corpus.name}" for corpus in corpora]


def test_an_exception_in_progress_stops_the_job(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus],
) -> None:
    def give_up(step: Step) -> None:
        if step.phase == "learn":
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        learn_in_order(*corpora, seeds=1, progress=give_up)


# Rejected input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": "random"}, "unknown order 'random': choose joint, sequential"),
        ({"order": "sequential", "rate": 0}, "rate 0: must be more than 0"),
        ({"order": "sequential", "rate": float("inf")}, "rate inf: must be more than 0"),
        ({"rate": 2}, "choose sequential"),
        ({"seeds": 0}, "seeds 0: must be at least 1"),
        ({"seed": -1}, "seed -1: must be 0 or more"),
        ({"threads": 0}, "threads 0: must be at least 1"),
        ({"volumes": []}, "volumes none: give one or more above 0"),
        ({"volumes": [0]}, "volumes 0: give one or more above 0"),
        ({"volumes": [0.2, 0.1]}, "volumes 0.2, 0.1: give"),
        ({"volumes": [-0.1, 0.1]}, "volumes -0.1, 0.1: give"),
        ({"volumes": [0.1, float("nan")]}, "volumes 0.1, nan: give"),
        ({"volumes": [0.1, 7]}, "volume 7: there is only"),
        ({"volumes": [0.1, 0.1001]}, "less than 8 bytes of text lie between two of them"),
        ({"memory": "100MiB"}, "a tree model takes 268.4 MB"),
        ({"model_depth": 40}, "depth"),
    ],
)
def test_invalid_arguments_are_rejected(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=message):
        learn_in_order(*corpora, **arguments)  # type: ignore[arg-type]


def test_a_corpus_of_one_document_is_rejected(write: Write) -> None:
    p, t = write("p"), write("t")
    a = write("q", texts=[b"alone", b""])
    with pytest.raises(ec.InvalidArgumentError, match=r"q: 1 document with text.*lines or para"):
        learn_in_order(p, a, t)


def test_more_text_than_memory_is_rejected(write: Write) -> None:
    p, a = write("p", texts=[bytes(3 << 20)] * 2), write("q")
    with pytest.raises(ec.InvalidArgumentError, match=r"p: more text than fits into 4.2 MB"):
        learn_in_order(p, a, a, memory="260MiB", threads=1)


# Splitting the texts

DOCUMENTS = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=50).map(lambda text: text * 300),
        st.text("aä€", min_size=1, max_size=50).map(lambda text: text.encode() * 300),
    ),
    min_size=2,
    max_size=4,
)


def spans(pieces: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Every byte in the pieces, as document number and position."""
    return [
        (document, place)
        for document, start, stop in pieces.tolist()
        for place in range(start, stop)
    ]


@given(DOCUMENTS, st.integers(0, 99))
def test_a_split_learns_every_byte_of_the_documents_not_held_out(
    documents: list[bytes], seed: int
) -> None:
    split = texts.Split.draw(documents, np.random.default_rng(seed))
    held_out = set(split.unseen[:, 0].tolist())
    learned = [number for number in range(len(documents)) if number not in held_out]
    assert len(held_out) == 1
    assert sorted(spans(split.learned)) == [
        (number, place) for number in learned for place in range(len(documents[number]))
    ]
    assert texts.sizes(split.learned).max() <= texts.PIECE
    assert split.size == sum(len(documents[number]) for number in learned)
    assert set(spans(split.sample)) <= set(spans(split.learned))
    again = texts.Split.draw(documents, np.random.default_rng(seed))
    assert np.array_equal(split.learned, again.learned)


@given(DOCUMENTS, st.lists(st.floats(0.01, 1), min_size=1, max_size=5, unique=True))
def test_volumes_are_nested(documents: list[bytes], shares: list[float]) -> None:
    split = texts.Split.draw(documents, np.random.default_rng(1))
    ends = [round(share * split.size) for share in sorted(shares)]
    parts = split.cut_at(ends, np.random.default_rng(2))
    assert len(parts) == len(ends)
    together = [span for part in parts for span in spans(part.learned)]
    assert together == spans(split.learned)[: len(together)]
    for part, end in zip(np.cumsum([part.size for part in parts]), ends, strict=True):
        assert 0 <= end - part <= 3
    assert all(np.array_equal(part.sample, parts[0].sample) for part in parts)
    assert set(spans(parts[0].sample)) <= set(spans(parts[0].learned))


@given(DOCUMENTS)
def test_text_is_cut_at_character_boundaries(documents: list[bytes]) -> None:
    split = texts.Split.draw(documents, np.random.default_rng(3))
    parts = split.cut_at([split.size // 3, split.size], np.random.default_rng(4))
    for pieces in (split.learned, split.unseen, *(part.learned for part in parts)):
        for text, (document, _, _) in zip(
            texts.texts(documents, pieces), pieces.tolist(), strict=True
        ):
            if is_utf8(documents[document]):
                assert is_utf8(text)


def is_utf8(text: bytes) -> bool:
    return text.decode(errors="replace").encode() == text


def test_an_additional_volume_keeps_the_order_of_the_others() -> None:
    draws = np.random.default_rng(0)
    one, other = (texts.Split.draw([kind * 9000] * 40, draws) for kind in (b"a", b"b"))
    parts = other.cut_at([other.size // 10, other.size // 2], draws)
    few = [text for batch in texts.batches([one, parts[0]]) for text in batch]
    more = [text for batch in texts.batches([one, *parts]) for text in batch]
    assert sum(map(len, few)) == one.size + parts[0].size
    remaining = iter(more)
    assert all(any(text == other for other in remaining) for text in few)
    for order in (few, more):
        positions = [place / len(order) for place, text in enumerate(order) if text[0] == ord("b")]
        assert min(positions) < 0.3
        assert max(positions) > 0.7


# Means and intervals


def test_intervals_of_changes_match_students_t(
    corpora: tuple[ec.Corpus, ec.Corpus, ec.Corpus],
) -> None:
    from scipy.stats import ttest_1samp

    rates = learn_in_order(*corpora, seeds=3, volumes=[0.5]).unseen
    values = rates.gamma[:, 1] - rates.gamma[:, 0]
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    # With three seeds Student's t is wider than the range of the resamples.
    changes = rates.shifts[0].change
    assert [change.low for change in changes] == pytest.approx(expected.low)
    assert [change.high for change in changes] == pytest.approx(expected.high)


@given(st.integers(0, 999))
def test_the_interval_of_a_ratio_inverts_the_t_test(seed: int) -> None:
    random = np.random.default_rng(seed)
    below = random.normal(1, 0.4, 5)
    above = random.normal(-3, 1, 5)
    (ratio,) = ratios_of_means(above[:, None], below[:, None])
    assert ratio.mean == pytest.approx(above.mean() / below.mean())
    if ratio.low is None or ratio.high is None:
        low, high = t_interval(below)
        assert low <= 0 <= high
        return
    assert ratio.low < ratio.mean < ratio.high
    for end in (ratio.low, ratio.high):
        assert min(map(abs, t_interval(above - end * below))) < 1e-9


def t_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Student's 95% interval of a mean."""
    from scipy.stats import ttest_1samp

    ends = ttest_1samp(values, 0).confidence_interval(0.95)
    return float(ends.low), float(ends.high)


def test_the_law_is_computed_from_the_rates() -> None:
    """Three seeds with balanced springs: gamma_a rises k times as much as gamma_p falls."""
    ends = [[1.9, 3.4, 3.0], [1.8, 3.8, 3.5], [1.85, 3.6, 3.25]]
    gamma = np.array([[[2, 3, 4], end] for end in ends])
    curve = RateCurve(np.array([0, 0.5]), np.full(3, 4.0), gamma)
    (shift,) = curve.shifts
    assert [change.mean for change in shift.change] == pytest.approx([-0.15, 0.6, -0.75])
    assert [force.mean for force in shift.forces] == pytest.approx([-0.6, 0.6])
    assert shift.net_force.mean == pytest.approx(0)
    assert shift.ratio.mean == pytest.approx(-4)
    assert shift.verdict == "holds"
    row = curve.to_dict()[1]
    assert row["change"]["align"] == {
        "mean": shift.change[1].mean, "low": shift.change[1].low, "high": shift.change[1].high,
    }  # fmt: skip
    assert row["law"] is True


@pytest.mark.parametrize(
    ("factor", "noise", "verdict", "law"),
    [
        (1, 0.01, "holds", True),
        (0.9, 0.01, "holds", True),
        (0.5, 0.01, "does not hold", False),
        (2, 0.01, "does not hold", False),
        (-1, 0.01, "does not hold", False),
        (0.8, 0.05, "open", None),
        (1, 0.5, "open", None),
    ],
)
def test_the_law_holds_if_forces_are_balanced(
    factor: float, noise: float, verdict: str, law: bool | None
) -> None:
    down = np.array([0.19, 0.2, 0.21, 0.2])
    up = factor * (4 * down + noise * np.array([1, 0, 0, -1]))
    zero = np.zeros(4)
    gamma = np.stack([np.stack([zero, zero, zero], 1), np.stack([-down, up, zero], 1)], axis=1)
    curve = RateCurve(np.array([0, 0.5]), np.full(4, 4.0), gamma)
    (shift,) = curve.shifts
    assert shift.verdict == verdict
    assert curve.to_dict()[1]["law"] is law
    assert shift.ratio.low is not None
    assert shift.ratio.high is not None
    assert shift.ratio.low < -4 * factor < shift.ratio.high


def test_noise_does_not_refute_the_law() -> None:
    """Three seeds whose gamma_p happens to fall: with k = 10 its noise outweighs gamma_a."""
    springs = SpringPair(np.full(3, 10.0), np.array([-0.1, -3, -9]), np.array([0.1, 0.2, 0.1]))
    assert (springs.imbalance < -0.7).all()
    assert springs.verdict() == "open"


def test_a_change_of_one_rate_alone_refutes_the_law() -> None:
    """The ratio of the changes is unbounded, because that of gamma_p may be 0."""
    springs = SpringPair(
        np.full(5, 4.0), 1e-3 * np.array([-2, -1, 0, 1, 2]), np.array([1, 1.1, 0.9, 1.05, 0.95])
    )
    assert springs.ratios()[0].low is None
    assert springs.verdict() == "does not hold"


def test_verdicts_are_right_in_most_simulated_studies() -> None:
    """Six seeds each: equal and opposite, on the bound, and in the same direction."""
    random = np.random.default_rng(0)
    counts = {}
    for ratio in (1.0, 1.25, -1.0):
        verdicts = []
        for _ in range(60):
            pretrain = -random.normal(1, 0.05, 6)
            align = -ratio * 4 * pretrain + 4 * random.normal(0, 0.05, 6)
            verdicts.append(SpringPair(np.full(6, 4.0), pretrain, align).verdict())
        counts[ratio] = Counter(verdicts)
    assert counts[1.0]["holds"] >= 57
    assert counts[-1.0]["does not hold"] == 60
    assert counts[1.25]["holds"] <= 6
    assert counts[1.25]["does not hold"] <= 6


def test_the_levels_of_a_curve_are_means_over_seeds() -> None:
    gamma = np.random.default_rng(0).normal(2, 0.1, (9, 3, 3))
    curve = RateCurve(np.array([0, 1, 2]), np.ones(9), gamma)
    for at, level in enumerate(curve.levels):
        assert [estimate.mean for estimate in level] == gamma.mean(axis=0)[at].tolist()
        assert level[0].low == interval(gamma[:, at, 0]).low
