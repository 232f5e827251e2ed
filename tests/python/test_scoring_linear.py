"""The linear classifier: separable texts, random labels, seeds, rejected input."""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastic_core import InvalidArgumentError, ModelError
from elastic_core.scoring import Accuracy, LinearScorer, Scorer

SIGNS = {1: ("lovely", "superb", "charming"), 0: ("dreadful", "dull", "clumsy")}
THINGS = ("film", "play", "actor", "song", "scene", "ending", "book", "story")


def labelled_texts(count: int, seed: int = 0) -> tuple[list[str], list[int]]:
    """Texts that contain one of three words for their label among neutral words."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for number in range(count):
        label = number % 2
        words = [*random.choice(THINGS, 6), random.choice(SIGNS[label]), str(number)]
        texts.append(" ".join(random.permutation(words)))
        labels.append(label)
    return texts, labels


def test_separable_texts_are_classified() -> None:
    texts, labels = labelled_texts(400)
    scorer = LinearScorer.fit(texts, labels, seed=1)
    assert scorer.accuracy.correct == 1
    assert scorer.accuracy.texts == 40
    assert scorer.accuracy.high == 1
    # If all n are correct, the lower end is the n-th root of 0.025 (Clopper-Pearson).
    assert scorer.accuracy.low == pytest.approx(0.025 ** (1 / 40))
    scores = scorer(["a lovely and superb scene", "a dull and clumsy scene", "nothing known"])
    assert scores.dtype == np.float64
    assert scores[0] > 0.9
    assert scores[1] < 0.1
    assert 0.2 < scores[2] < 0.8
    assert scorer([]).shape == (0,)
    assert json.loads(json.dumps(scorer.settings))["accuracy"]["correct"] == 1
    plain: Scorer = scorer
    assert plain.name == "linear"


def test_random_labels_are_not_learned() -> None:
    texts, _ = labelled_texts(600)
    labels = np.random.default_rng(3).integers(0, 2, 600).tolist()
    accuracy = LinearScorer.fit(texts, labels, held_out=0.5).accuracy
    assert accuracy.texts == pytest.approx(300, abs=1)
    assert accuracy.low < 0.5 < accuracy.high


def test_the_scorer_depends_only_on_data_and_seed() -> None:
    texts, labels = labelled_texts(120)
    sample = texts[:10]
    one, again = (LinearScorer.fit(texts, labels, seed=4) for _ in range(2))
    assert np.array_equal(one(sample), again(sample))
    assert (one.settings, one.identity) == (again.settings, again.identity)
    flipped = [1 - label for label in labels]
    assert one.identity != LinearScorer.fit(texts, flipped, seed=4).identity
    assert not np.array_equal(one(sample), LinearScorer.fit(texts, labels, seed=5)(sample))
    assert one(sample)[3] == one(sample[3:4])[0], "a score depends only on its text"
    from_booleans = LinearScorer.fit(texts, [label == 1 for label in labels], seed=4)
    assert np.array_equal(one(sample), from_booleans(sample))


def test_repeated_texts_are_on_one_side_of_the_split() -> None:
    texts, labels = labelled_texts(60)
    scorer = LinearScorer.fit(texts * 5, labels * 5, held_out=0.25)
    assert scorer.accuracy.texts + scorer.settings["trained"] == 60


@pytest.mark.parametrize(
    ("texts", "labels", "options", "message"),
    [
        (["a b", "c d"], [1], {}, "labels: 1 for 2 texts; give one per text"),
        (["a b", "c d"], [1, 1], {}, "0 distinct texts are negative"),
        (["a b", "a b", "c d", "e f"], [1, 1, 0, 0], {}, "1 distinct text is positive"),
        (["a b", "c d"], [1, 2], {}, "labels must be 1"),
        (["a b", "c d"], [1, 0], {"held_out": 0.0}, "held out 0.0: must be between 0 and 1"),
        (["a b", "c d"], [1, 0], {"held_out": 1.0}, "held out 1.0"),
        ([], [], {}, "0 distinct texts are positive"),
        (["one two", "three", "four", "?"], [1, 1, 0, 0], {}, "share no word"),
    ],
)
def test_unsuitable_training_data_are_rejected(
    texts: list[str], labels: list[int], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        LinearScorer.fit(texts, labels, **options)


def test_the_interval_of_an_accuracy_is_clopper_pearson() -> None:
    # For 9 of 10: 0.5550 to 0.9975.
    accuracy = Accuracy.of(9, 10)
    assert (accuracy.correct, accuracy.texts) == (0.9, 10)
    assert [accuracy.low, accuracy.high] == pytest.approx([0.5550, 0.9975], abs=1e-4)


def test_without_scikit_learn_the_missing_extra_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("sklearn.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        ModelError, match=r"linear: sklearn.* pip install 'elastic-core\[experiments\]'"
    ):
        LinearScorer.fit(*labelled_texts(40))


@pytest.mark.data
def test_most_real_reviews_are_classified_correctly(data: Path) -> None:
    (source,) = (data / "imdb").glob("*.tar.xz")
    texts: list[str] = []
    labels: list[int] = []
    with tarfile.open(source) as archive:
        for entry in archive:
            for label, sign in enumerate(("neg", "pos")):
                if f"/train/{sign}/" in entry.name and labels.count(label) < 1500:
                    file = archive.extractfile(entry)
                    assert file is not None
                    texts.append(file.read().decode())
                    labels.append(label)
    assert len(texts) == 3000
    assert LinearScorer.fit(texts, labels).accuracy.correct > 0.86


def test_a_single_text_is_a_list_of_one() -> None:
    scorer = LinearScorer.fit(["good film", "good plot", "bad film", "bad plot"], [1, 1, 0, 0])
    single: Any = "good film"
    assert scorer(single).tolist() == scorer([single]).tolist()
    with pytest.raises(InvalidArgumentError, match="labels: 9 for 1 text; give one per text"):
        LinearScorer.fit(single, [1] * 9)
