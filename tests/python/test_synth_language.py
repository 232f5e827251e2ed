"""The language with a latent style: its texts and its truth against naive enumeration."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_language import TINY, naive_log_prob, symbols, table
from scipy.stats import chisquare

import elastic_core as ec

DEFAULT = ec.Language.create()


def test_the_language_is_a_distribution_over_documents() -> None:
    texts, probabilities = table(TINY)
    assert probabilities.sum(axis=0) == pytest.approx(np.ones(3), abs=1e-12)
    assert TINY.log_probs(texts) == pytest.approx(np.log(probabilities), abs=1e-10)


def test_entropy_and_lengths_by_brute_force() -> None:
    texts, probabilities = table(TINY)
    for style in range(3):
        p = probabilities[:, style]
        assert -(p @ np.log(p)) == pytest.approx(TINY.entropy, abs=1e-10)
        lengths = TINY.lengths
        assert p @ [len(symbols(text)) for text in texts] == pytest.approx(lengths.symbols)
        assert p @ [len(text) for text in texts] == pytest.approx(lengths.bytes)
        assert p @ [text.count(".") for text in texts] == pytest.approx(lengths.sentences)
        styled = [len(symbols(text)) - 2 - text.count(".") for text in texts]
        assert p @ styled == pytest.approx(lengths.styled)
    assert TINY.entropy_rate == TINY.entropy / TINY.lengths.symbols


def test_bayes_loss_by_brute_force() -> None:
    _, probabilities = table(TINY)
    mixture = probabilities @ [0.6, 0.4, 0]
    loss = -(mixture @ np.log(mixture))
    assert TINY.bayes_loss * TINY.lengths.symbols == pytest.approx(loss, abs=1e-10)
    assert TINY.information == pytest.approx(loss - TINY.entropy, abs=1e-10)


@pytest.mark.parametrize("shares", [None, "negative", [0.2, 0.3, 0.5]])
def test_the_posterior_is_that_of_naive_enumeration(shares: str | list[float] | None) -> None:
    texts, probabilities = table(TINY)
    joint = probabilities * TINY.weights(shares)
    expected = joint / joint.sum(axis=1, keepdims=True)
    assert TINY.posterior(texts, shares) == pytest.approx(expected, abs=1e-12)


def test_bayes_log_probs_are_those_of_all_continuations() -> None:
    texts, probabilities = table(TINY)
    mixture = dict(zip(texts, probabilities @ TINY.weights(None), strict=True))
    starts: dict[tuple[str, ...], float] = {}
    for text, probability in mixture.items():
        for end in range(len(symbols(text)) + 1):
            start = tuple(symbols(text)[:end])
            starts[start] = starts.get(start, 0) + probability
    for text, values in zip(texts[::97], TINY.bayes_log_probs(texts[::97]), strict=True):
        read = symbols(text)
        masses = [starts[tuple(read[:end])] for end in range(len(read) + 1)]
        assert values == pytest.approx(np.diff(np.log(masses)), abs=1e-10)
        assert values.sum() == pytest.approx(math.log(mixture[text]), abs=1e-10)


@given(
    styles=st.integers(2, 4),
    classes=st.integers(1, 5),
    words=st.integers(1, 3),
    opening=st.integers(1, 3),
    last=st.integers(1, 6),
    end=st.sampled_from([0.1, 0.5, 1.0]),
    seed=st.integers(0, 2**70),
)
def test_log_probs_of_any_language_are_those_of_a_naive_reader(
    styles: int, classes: int, words: int, opening: int, last: int, end: float, seed: int
) -> None:
    language = ec.Language.create(
        shares=[1 / styles] * styles,
        classes=classes,
        words=words,
        opening=opening,
        sentences=last,
        end=end,
        seed=seed,
    )
    texts = language.sample(20, seed=seed).texts
    expected = [
        [naive_log_prob(language, text, style) for style in range(styles + 1)] for text in texts
    ]
    log_probs = language.log_probs(texts)
    assert log_probs == pytest.approx(np.array(expected), abs=1e-9)
    assert ec.Language.from_dict(language.to_dict()) == language
    for shares in (None, "novel"):
        with np.errstate(divide="ignore"):
            priors = np.log(language.weights(shares))
        mixed = [values.sum() for values in language.bayes_log_probs(texts, shares)]
        expected_mixed = np.logaddexp.reduce(log_probs + priors, axis=1)
        assert mixed == pytest.approx(expected_mixed, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "hello world.",
        "{start}",
        "{start} {word}",
        "{start} {word}..",
        "{start}  {word}.",
        "{start} {word}.\n",
        " {start} {word}.",
        "{word} {start}.",
        "{start} {word} {word}.",
        "{start} {word}. {word}. {word}.",
        "{start} {word}\0.",
        "{start} {word}é.",
    ],
)
def test_other_texts_have_no_probability(text: str) -> None:
    start, word = TINY.grammar.opening[0][0], TINY.grammar.body[0][0][0]
    filled = text.format(start=start, word=word)
    texts = [f"{start} {word}.", filled, f"{start} {word}. {word}."]
    log_probs = TINY.log_probs(texts)
    assert np.isfinite(log_probs[[0, 2]]).all()
    assert (log_probs[1] == -np.inf).all()
    read = TINY.bayes_log_probs(texts)
    assert [values.sum() == -np.inf for values in read] == [False, True, False]
    # Any text has a posterior: its words of the language count, whatever their order.
    words = filled.replace(".", " ").replace("\0", "x").split().count(word)
    odds = 0.6 * 3**words / 0.4
    assert TINY.posterior(texts)[1] == pytest.approx([odds / (1 + odds), 1 / (1 + odds), 0])


def test_nothing_to_read_is_no_error() -> None:
    assert TINY.log_probs([]).shape == TINY.posterior([]).shape == (0, 3)
    assert TINY.bayes_log_probs([]) == []


def test_all_styles_have_exactly_the_same_probabilities() -> None:
    grammar = DEFAULT.grammar
    words = grammar.style_probabilities[:, :, None] * np.array(grammar.ranks)
    each = [sorted(style.ravel().tolist()) for style in words]
    assert each[0] == each[1] == each[2] == each[3]
    assert len({tuple(row.tolist()) for row in grammar.style_probabilities}) == 4


def test_losses_are_those_of_a_large_sample() -> None:
    drawn = DEFAULT.sample(8_000, seed=5)
    log_probs = DEFAULT.log_probs(drawn.texts)
    own = log_probs[np.arange(len(log_probs)), drawn.styles]
    mixed = np.array([values.sum() for values in DEFAULT.bayes_log_probs(drawn.texts)])
    symbols_of_each = np.array([len(symbols(text)) for text in drawn.texts])
    for values, expected in (
        (-own, DEFAULT.entropy),
        (-mixed, DEFAULT.bayes_loss * DEFAULT.lengths.symbols),
        (own - mixed, DEFAULT.information),
        (symbols_of_each, DEFAULT.lengths.symbols),
    ):
        error = values.std() / math.sqrt(len(values))
        assert abs(values.mean() - expected) < 4 * error
    assert DEFAULT.information < -sum(share * math.log(share) for share in (0.3, 0.3, 0.4))


def test_a_tree_model_comes_near_the_entropy_rate() -> None:
    texts = DEFAULT.sample(6_500, "novel", seed=1).texts
    model = ec.TreeModel(8)
    model.update(texts[:6_000])
    held_out = texts[6_000:]
    nats = -sum(values.sum() for values in model.log_probs(held_out))
    own = -DEFAULT.log_probs(held_out)[:, 3].sum()
    assert own < nats < 1.05 * own


def test_the_shares_are_recovered() -> None:
    drawn = DEFAULT.sample(12_000, seed=2)
    counts = np.bincount(drawn.styles, minlength=4)
    assert counts[3] == 0
    assert chisquare(counts[:3], 12_000 * DEFAULT.weights(None)[:3]).pvalue > 1e-3
    posterior = DEFAULT.posterior(drawn.texts)
    errors = posterior[:, :3].std(axis=0) / math.sqrt(len(posterior))
    assert (abs(posterior.mean(axis=0)[:3] - DEFAULT.weights(None)[:3]) < 4 * errors).all()
    # The posterior is calibrated: so often the likeliest style is the right one.
    right = posterior.argmax(axis=1) == drawn.styles
    sure = posterior.max(axis=1)
    assert abs((right - sure).mean()) < 4 * (right - sure).std() / math.sqrt(len(right))


def test_a_larger_sample_begins_with_the_same_documents() -> None:
    small, large = DEFAULT.sample(10), DEFAULT.sample(5000)
    assert large.texts[:10] == small.texts
    assert large.styles[:10].tolist() == small.styles.tolist()
    assert len(large.texts) == len(large.styles) == 5000
    assert DEFAULT.sample(10, seed=1).texts != small.texts
    assert set(DEFAULT.sample(50, "novel").styles.tolist()) == {3}
    assert ec.Language.create(seed=1) != DEFAULT == ec.Language.create(seed=0)


def test_a_tokenizer_gives_each_symbol_a_token() -> None:
    from elastic_core.models.scratch import train_tokenizer

    texts = DEFAULT.sample(500).texts
    tokenizer = train_tokenizer(texts, 1024)
    for text, ids in zip(texts, tokenizer(texts)["input_ids"], strict=True):
        assert len(ids) == len(symbols(text)) - 1


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"shares": [0.5, 0.4]}, "sum to 0.9, not to 1"),
        ({"shares": [1.5, -0.5]}, "share -0.5 is not above 0"),
        ({"shares": [1, 0]}, "share 0 is not above 0"),
        ({"shares": [1]}, "at least two styles"),
        ({"shares": []}, "at least two styles"),
        ({"shares": [math.nan, 1]}, "share nan is not above 0"),
        ({"classes": 0}, "classes: 0 is not from 1"),
        ({"words": 0}, "words: 0 is not from 1"),
        ({"opening": 8}, "opening: 8 is not from 1 to 7"),
        ({"sentences": 0}, "sentences: 0 is not from 1"),
        ({"contrast": 1}, "contrast of 1"),
        ({"end": 0}, "end: the probability 0"),
        ({"end": math.nan}, "end: the probability nan"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"classes": 20, "words": 100}, "only 525"),
    ],
)
def test_a_language_that_cannot_be_is_rejected(choices: dict[str, object], words: str) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=words):
        ec.Language.create(**choices)


def test_wrong_calls_are_rejected() -> None:
    def curve(**changes: Any) -> None:
        ec.mixture_curve(
            TINY, **{"documents": 9, "aligned": 1, "arm": "same", "rows": [1], **changes}
        )

    for call, words in (
        (lambda: DEFAULT.sample(0), "0 documents cannot be drawn"),
        (lambda: DEFAULT.sample(5, seed=-1), "seed -1 is negative"),
        (lambda: DEFAULT.sample(5, "rude"), "no style 'rude'; the styles are positive, neg"),
        (lambda: DEFAULT.sample(5, [0.5, 0.5]), "not a share for each of the styles"),
        (lambda: DEFAULT.sample(5, [1, 0, 0, 0.1]), "do not sum to 1"),
        (lambda: DEFAULT.sample(5, [2, -1, 0, 0]), "negative or do not sum"),
        (lambda: ec.Language.create(classes=20, words=1, sentences=99).bayes_loss, "fewer sent"),
        (lambda: curve(documents=0), "documents: 0 is not above 0"),
        (lambda: curve(aligned=-1), "numbers from 0"),
        (lambda: curve(rows=[]), "rows at least one"),
        (lambda: curve(rows=[5, -1]), "numbers from 0"),
        (lambda: curve(arm="none"), "no arm 'none'; the arms are neutral"),
        (
            lambda: ec.exponential_average_curve(TINY, aligned=0, arm="same", rows=[1], memory=0.5),
            "memory: 0.5 rows are not at least 1",
        ),
    ):
        with pytest.raises(ec.InvalidArgumentError, match=words):
            call()
