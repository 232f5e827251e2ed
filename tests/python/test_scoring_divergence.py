"""KL divergences, compared with sums over all continuations."""

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import elastic_core as ec
from elastic_core.models import Document, Ids, LanguageModel
from elastic_core.models.protocol import DrawingModel, as_drawing
from elastic_core.scoring import Divergence, Drift, Reference
from elastic_core.scoring.divergence import divergences

END = 2


def load(spec: str, **options: Any) -> DrawingModel:
    return as_drawing(ec.load_model(spec, **options))


class Table:
    """A bigram model of the symbols a, b and the end; the key ^ is the start."""

    vocabulary = 3
    learns_online = reads_any_bytes = has_steps = has_weights = False
    has_distributions = True

    def __init__(self, rows: dict[str, list[float]], letters: str = "ab") -> None:
        self.spec = f"table of {letters}"
        self.identity: dict[str, str] = {}
        self.settings: dict[str, Any] = {}
        self.rows = rows
        self.letters = letters

    def after(self, text: str) -> NDArray[np.float64]:
        return np.array(self.rows[text[-1:] or "^"])

    def tokens(self, documents: Sequence[Document]) -> list[Ids]:
        return [
            np.array([self.letters.index(letter) for letter in str(document)], np.uint32)
            for document in documents
        ]

    def log_probs(self, documents: Sequence[Document], **_: Any) -> list[NDArray[np.float32]]:
        raise NotImplementedError

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        raise NotImplementedError

    def generate(self, *_: Any, **__: Any) -> list[bytes]:
        raise NotImplementedError

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        assert temperature == 1
        random = np.random.default_rng(seed)
        drawn = []
        for prompt in prompts:
            ids: list[int] = []
            while len(ids) < tokens and END not in ids:
                text = str(prompt) + "".join(self.letters[id_] for id_ in ids)
                ids.append(int(random.choice(3, p=self.after(text))))
            drawn.append(np.array(ids, np.uint32))
        return drawn

    def spell(self, drawn: Sequence[Ids], prompts: Sequence[Document]) -> list[bytes]:
        raise NotImplementedError

    def log_distributions(
        self, prompts: Sequence[Document], continuations: Sequence[Ids], *, tokens: int
    ) -> list[NDArray[np.float32]]:
        assert max(map(len, continuations)) <= tokens
        log_probs = []
        for prompt, ids in zip(prompts, continuations, strict=True):
            texts = [
                str(prompt) + "".join(self.letters[i] for i in ids[:k]) for k in range(len(ids))
            ]
            with np.errstate(divide="ignore"):
                log_probs.append(np.log([self.after(text) for text in texts]).astype(np.float32))
        return log_probs


ONE = Table({"^": [0.5, 0.3, 0.2], "a": [0.1, 0.6, 0.3], "b": [0.7, 0.2, 0.1]})
OTHER = Table({"^": [0.2, 0.5, 0.3], "a": [0.3, 0.3, 0.4], "b": [0.6, 0.1, 0.3]})


def drift(model: LanguageModel, reference: LanguageModel, prompts: Any, **options: Any) -> Drift:
    return Reference(reference, prompts, **options).drift(model)


def kl(one: LanguageModel, other: LanguageModel, prompts: Any, **options: Any) -> Divergence:
    return drift(one, other, prompts, **options).from_model


def texts(model: Table, prompt: str, tokens: int) -> dict[tuple[int, ...], float]:
    """The probability of every continuation of at most `tokens` tokens."""
    probabilities = {}
    for length in range(1, tokens + 1):
        for ids in itertools.product(range(3), repeat=length):
            if END in ids[:-1] or (length < tokens and ids[-1] != END):
                continue
            contexts = [prompt + "".join("ab"[i] for i in ids[:k]) for k in range(length)]
            probabilities[ids] = math.prod(
                float(model.after(text)[i]) for text, i in zip(contexts, ids, strict=True)
            )
    assert math.fsum(probabilities.values()) == pytest.approx(1)
    return probabilities


def exact(one: Table, other: Table, prompt: str, tokens: int) -> tuple[float, float]:
    """KL(one || other) of whole continuations, and their expected length."""
    p, q = texts(one, prompt, tokens), texts(other, prompt, tokens)
    return (
        math.fsum(p[ids] * math.log(p[ids] / q[ids]) for ids in p),
        math.fsum(p[ids] * len(ids) for ids in p),
    )


@pytest.mark.parametrize("direction", ["from_model", "from_reference"])
def test_the_estimate_matches_the_exact_divergence(direction: str) -> None:
    prompts = ["", "a", "ab"]
    divergence: Divergence = getattr(drift(ONE, OTHER, prompts * 2000, tokens=4, seed=3), direction)
    one, other = (ONE, OTHER) if direction == "from_model" else (OTHER, ONE)
    nats, lengths = np.mean([exact(one, other, prompt, 4) for prompt in prompts], axis=0)
    for estimate, true in (
        (divergence.nats_per_text, nats),
        (divergence.nats_per_token, nats / lengths),
    ):
        assert estimate.standard_error is not None
        assert abs(estimate.value - true) < 4 * estimate.standard_error
        assert estimate.standard_error < 0.02 * true
    assert divergence.tokens == pytest.approx(6000 * lengths, rel=0.02)


def test_the_divergence_of_a_single_token_is_exact() -> None:
    divergence = kl(ONE, OTHER, ["a"], tokens=1)
    assert divergence.nats_per_token.value == pytest.approx(exact(ONE, OTHER, "a", 1)[0])
    assert (divergence.tokens, divergence.prompts) == (1, 1)
    assert divergence.nats_per_token.standard_error is None


def test_the_estimator_has_less_variance_than_the_log_ratio() -> None:
    drawn = ONE.draw(["a"] * 3000, tokens=4, seed=1)
    rows = [model.log_distributions(["a"] * 3000, drawn, tokens=4) for model in (ONE, OTHER)]
    ratios = [
        float((p - q)[np.arange(len(ids)), ids].sum())
        for p, q, ids in zip(*rows, drawn, strict=True)
    ]
    estimate = kl(ONE, OTHER, ["a"] * 3000, tokens=4, seed=1).nats_per_text
    assert estimate.standard_error is not None
    assert estimate.standard_error < 0.5 * np.std(ratios) / np.sqrt(3000)
    assert np.mean(ratios) == pytest.approx(estimate.value, abs=4 * np.std(ratios) / np.sqrt(3000))


ROWS = arrays(np.float64, (3, 5), elements=st.floats(-30, 0))


@given(one=ROWS, other=ROWS)
def test_divergences_follow_the_definition(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> None:
    p, q = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)) for logits in (one, other))
    values = divergences(p, q)
    assert (values >= 0).all()
    assert values == pytest.approx((np.exp(p) * (p - q)).sum(axis=1), abs=1e-9)
    assert not divergences(p, p).any()
    # In float32, as models return them, the rows do not add up to exactly 1.
    rounded = divergences(p.astype(np.float32), q.astype(np.float32))
    assert (rounded >= 0).all()
    assert rounded == pytest.approx(values, abs=1e-4)


def test_the_divergence_from_probability_0_is_infinite() -> None:
    with np.errstate(divide="ignore"):
        sure, open_ = np.log([[1.0, 0.0]]), np.log([[0.5, 0.5]])
    assert divergences(sure, open_) == pytest.approx([math.log(2)])
    assert divergences(open_, sure) == [math.inf]


def tree(spec: str, *documents: str) -> LanguageModel:
    model: Any = ec.load_model(spec)
    model.update(documents)
    trained: LanguageModel = model
    return trained


def test_a_tree_model_drifts_as_it_learns() -> None:
    reference = tree("tree:4", "to be or not to be " * 20)
    before = reference.identity
    model: Any = reference.copy()  # type: ignore[attr-defined]
    same = drift(model, reference, ["to be", "", "or"], tokens=20)
    assert same.from_model == same.from_reference
    assert same.from_model.nats_per_token.value == 0
    model.update(["to sleep, perchance to dream " * 20])
    far = drift(model, reference, ["to be", "", "or"], tokens=20, seed=1)
    assert far.from_model.nats_per_token.value > 0.1
    assert far.from_reference.nats_per_token.value > 0.1
    assert far.from_model != far.from_reference
    assert far == drift(model, reference, ["to be", "", "or"], tokens=20, seed=1)
    assert far.from_model != kl(model, reference, ["to be", "", "or"], tokens=20, seed=2)
    assert reference.identity == before, "the reference is not updated"


def test_the_row_budget_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drift(ONE, OTHER, ["a", "b", ""] * 3, tokens=5)
    monkeypatch.setattr("elastic_core.scoring.divergence.ROW_BUDGET", 2 * 5 * 3)
    assert drift(ONE, OTHER, ["a", "b", ""] * 3, tokens=5) == whole


def test_log_distributions_of_a_tree_match_its_draws() -> None:
    model: Any = tree("tree:3", "to be or not to be " * 20, "to sleep")
    prompts: list[Document] = ["to be or", b"", *["to sleep"] * 20]
    drawn = model.draw(prompts, tokens=12, seed=5)
    assert model.generate(prompts, tokens=12, seed=5) == [
        ids[ids < 256].astype(np.uint8).tobytes() for ids in drawn
    ]
    assert any(256 in ids[-1:] for ids in drawn), "some texts end early"
    for prompt, ids, rows in zip(
        prompts, drawn, model.log_distributions(prompts, drawn, tokens=12), strict=True
    ):
        start = prompt.encode() if isinstance(prompt, str) else prompt
        whole = [start + bytes(ids[:at].tolist()) for at in range(len(ids))]
        np.testing.assert_array_equal(rows, np.log(model.next_distribution(whole)))


def test_the_drift_of_a_transformer_matches_forward_passes(
    checkpoint: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
    perturbed: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in perturbed.parameters():
            weight += 0.1 * torch.randn_like(weight)
    perturbed.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(tmp_path)
    model, reference = load(str(tmp_path)), load(str(checkpoint), batch=40)
    prompts = ["to be", "or not", "that is the question " * 9]
    result = drift(model, reference, prompts, tokens=7, seed=2)

    def naive(one: Any, other: Any, drawn: list[Ids]) -> list[float]:
        sums = []
        for prompt, ids in zip(prompts, drawn, strict=True):
            context = [0, *model.tokens([prompt])[0][-(64 - 7) :].tolist(), *ids[:-1].tolist()]
            with torch.no_grad():
                p, q = (
                    network_(torch.tensor([context])).logits[0, -len(ids) :].double().log_softmax(1)
                    for network_ in (one, other)
                )
            sums.append(float((p.exp() * (p - q)).sum()))
        return sums

    for divergence, expected in (
        (result.from_model, naive(perturbed, network, model.draw(prompts, tokens=7, seed=2))),
        (
            result.from_reference,
            naive(network, perturbed, reference.draw(prompts, tokens=7, seed=2)),
        ),
    ):
        assert divergence.nats_per_text.value == pytest.approx(np.mean(expected), rel=1e-4)
    assert kl(model, model, prompts, tokens=7).nats_per_token.value == 0


def test_the_record_is_json() -> None:
    result = drift(ONE, OTHER, ["a", "b"], tokens=3)
    record = json.loads(json.dumps(result.to_dict()))
    assert record["from_model"]["prompts"] == 2
    nats, bits = (record["from_model"][f"{unit}_per_token"] for unit in ("nats", "bits"))
    assert nats["value"] == pytest.approx(bits["value"] * math.log(2))
    assert nats["standard_error"] == pytest.approx(bits["standard_error"] * math.log(2))
    assert isinstance(result.from_model, Divergence)


def test_models_that_cannot_be_compared_are_reported(checkpoint: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="no held-out prompt"):
        kl(ONE, OTHER, [])
    with pytest.raises(ec.InvalidArgumentError, match="tokens 0: must be at least 1"):
        kl(ONE, OTHER, ["a"], tokens=0)
    with pytest.raises(ec.InvalidArgumentError, match="tree:4 has 257 symbols and table of ab has"):
        kl(ec.load_model("tree:4"), OTHER, ["a"])
    with pytest.raises(ec.InvalidArgumentError, match="read prompt 1 as different symbols"):
        kl(ONE, Table(ONE.rows, "ba"), ["", "a"])
    tokenizer = checkpoint / "tokenizer.json"
    words = ec.load_model("tree:2", alphabet=f"bpe:{tokenizer}")
    with pytest.raises(ec.ModelError, match="does not report the ids that it samples"):
        kl(words, words, ["to be"])
    narrow = load(str(checkpoint), window=6)
    with pytest.raises(ec.InvalidArgumentError, match="tokens 7: must be from 1 to the model's"):
        kl(load(str(checkpoint)), narrow, ["to be"], tokens=7)
    blind = load(str(checkpoint), bos="none")
    with pytest.raises(ec.ModelError, match="prompt 1 is empty, and the model has no token"):
        kl(load(str(checkpoint)), blind, ["to be", ""], tokens=7)

    class Silent(Table):
        has_distributions = False

    silent = Silent(ONE.rows)
    with pytest.raises(ec.InvalidArgumentError, match="table of ab: this model does not report"):
        kl(silent, ONE, ["a"])
