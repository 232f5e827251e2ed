"""Transformers models, compared with a plain loop over tokens."""

import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma2Config, Gemma2ForCausalLM

from elastic_core import InvalidArgumentError, ModelError, load_model
from elastic_core.models import Document, Ids
from elastic_core.models.protocol import as_drawing, as_online, as_stepped
from elastic_core.models.transformers.forward import Forward, generate
from elastic_core.models.transformers.model import TransformersModel

BOS, EOS, VOCABULARY = 0, 1, 300
DOCUMENTS: list[Document] = [
    "to be or not to be",
    b"",
    "x" * 90,
    "é",
    b"that is the question\n" * 5,
    "t",
]

Plain = Callable[[list[int]], torch.Tensor]


def load(spec: str, **options: Any) -> TransformersModel:
    model = load_model(spec, **options)
    assert isinstance(model, TransformersModel)
    return model


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> TransformersModel:
    return load(str(checkpoint), window=16, stride=5)


@pytest.fixture(scope="module")
def plain(checkpoint: Path) -> Plain:
    """A function from ids to the log-probabilities of the next id, by transformers alone."""
    network: Any = AutoModelForCausalLM.from_pretrained(checkpoint)

    def log_probs(ids: list[int]) -> torch.Tensor:
        with torch.no_grad():
            return torch.log_softmax(network(torch.tensor([ids])).logits[0, -1].float(), 0)

    return log_probs


def by_token(plain: Plain, ids: Ids, window: int, stride: int, bos: int | None) -> list[float]:
    """The definition in `docs/models.md`, one token at a time."""
    log_probs = []
    for at, token in enumerate(ids.tolist()):
        start = 0 if at < window else math.ceil((at + 1 - window) / stride) * stride
        context = ids[start:at].tolist()
        if bos is not None:
            context = [bos, *context]
        elif start > 0:
            context = [int(ids[start - 1]), *context]
        log_probs.append(float(plain(context)[token]) if context else -math.log(VOCABULARY))
    return log_probs


@pytest.mark.parametrize("bos", ["auto", "eos", "none"])
@pytest.mark.parametrize(("window", "stride"), [(64, 32), (16, 5), (16, 16), (16, 1), (1, 1)])
def test_log_probs_match_a_loop_over_tokens(
    bos: str, window: int, stride: int, checkpoint: Path, plain: Plain
) -> None:
    model = load(str(checkpoint), window=window, stride=stride, bos=bos, batch=50)
    computed = model.log_probs(DOCUMENTS)
    for ids, log_probs in zip(model.tokens(DOCUMENTS), computed, strict=True):
        expected = by_token(plain, ids, window, stride, {"eos": EOS, "none": None}.get(bos, BOS))
        np.testing.assert_allclose(log_probs, expected, rtol=1e-4, atol=1e-5)
    assert [values.dtype for values in computed] == [np.float32] * len(DOCUMENTS)


def test_progress_counts_tokens_inside_a_document(checkpoint: Path) -> None:
    model = load(str(checkpoint), window=8, batch=8)
    steps: list[Any] = []
    (row,) = model.log_probs(["to be or not to be " * 5], progress=steps.append)
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert len(done) > 5
    assert (done[-1], steps[-1].total, steps[-1].unit) == (len(row), len(row), "tokens")


def test_the_soft_cap_on_logits_is_applied(checkpoint: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        final_logit_softcapping=0.5,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
    )
    network: Any = Gemma2ForCausalLM(config).eval()
    network.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(tmp_path)
    capped = load(str(tmp_path))
    ids = capped.tokens(DOCUMENTS[:1])[0].astype(np.int64)
    with torch.no_grad():
        logits = network(torch.tensor([[BOS, *ids]])).logits[0, :-1].float()
    expected = logits.log_softmax(1)[torch.arange(len(ids)), torch.from_numpy(ids)]
    np.testing.assert_allclose(capped.log_probs(DOCUMENTS[:1])[0], expected.numpy(), rtol=1e-4)


def test_the_batch_size_changes_only_rounding(checkpoint: Path) -> None:
    one, many = (load(str(checkpoint), window=16, batch=batch) for batch in (1, 10_000))
    for a, b in zip(one.log_probs(DOCUMENTS), many.log_probs(DOCUMENTS), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_no_documents_give_empty_results(model: TransformersModel) -> None:
    assert model.log_probs([]) == []
    assert model.log_probs(["", b""])[1].shape == (0,)
    assert model.next_distribution([]).shape == (0, VOCABULARY)
    assert model.generate([], tokens=3) == []


@given(text=st.text(max_size=40))
def test_encode_and_decode_round_trip(text: str, model: TransformersModel) -> None:
    assert model.decode(model.encode(text)) == text.encode()


def test_text_never_becomes_a_special_token(model: TransformersModel) -> None:
    ids = model.encode("<s> and </s>")
    assert not {BOS, EOS} & set(ids.tolist())
    assert model.decode(ids) == b"<s> and </s>"
    assert model.decode(np.array([BOS, *ids], np.uint32)) == b"<s><s> and </s>"


@given(context=st.text("to be", max_size=30), following=st.sampled_from("to be"))
def test_next_distribution_agrees_with_log_probs(
    context: str, following: str, checkpoint: Path
) -> None:
    model = load(str(checkpoint), bos="eos")
    ids = model.encode(context + following)
    if ids[:-1].tolist() != model.encode(context).tolist():
        return  # The last token includes part of the context.
    distribution = model.next_distribution([context, "other"])
    assert distribution.shape == (2, VOCABULARY)
    np.testing.assert_allclose(distribution.sum(1), 1, rtol=1e-5)
    expected = math.exp(model.log_probs([context + following])[0][-1])
    assert distribution[0, ids[-1]] == pytest.approx(expected, rel=1e-4)


def test_the_end_of_a_long_context_is_used(model: TransformersModel, plain: Plain) -> None:
    ids = model.encode("that is the question\n" * 5)
    expected = plain([BOS, *ids[-15:].tolist()]).exp()
    np.testing.assert_allclose(
        model.next_distribution(["that is the question\n" * 5])[0], expected, rtol=1e-4, atol=1e-7
    )


def test_without_bos_the_first_token_is_uniform(checkpoint: Path) -> None:
    model = load(str(checkpoint), bos="none")
    assert model.next_distribution([""]).tolist() == [[np.float32(1 / VOCABULARY)] * VOCABULARY]
    with pytest.raises(ModelError, match="prompt 1 is empty"):
        model.generate(["to be", ""], tokens=2)


@pytest.mark.parametrize("bos", ["bos", "none"])
def test_steps_agree_with_log_probs_in_disjoint_windows(bos: str, checkpoint: Path) -> None:
    model = load(str(checkpoint), window=7, stride=7, bos=bos)
    texts = ["to be or not to be, that", "question? question? question?", "x" * 40]
    length = min(map(len, map(model.encode, texts)))
    ids = np.stack([model.encode(text)[:length] for text in texts])

    def all_steps() -> list[NDArray[np.float32]]:
        steps = model.steps(len(texts))
        return [steps.next(ids[:, at - 1] if at else None) for at in range(length)]

    rows = all_steps()
    assert all(row.shape == (3, VOCABULARY) and row.dtype == np.float32 for row in rows)
    picked = [row[np.arange(3), ids[:, at]] for at, row in enumerate(rows)]
    expected = np.stack([log_probs[:length] for log_probs in model.log_probs(texts)])
    np.testing.assert_allclose(np.log(picked).T, expected, rtol=1e-3, atol=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(rows, all_steps(), strict=True))


def test_invalid_steps_are_rejected(model: TransformersModel) -> None:
    with pytest.raises(InvalidArgumentError, match="texts 0"):
        model.steps(0)
    with pytest.raises(InvalidArgumentError, match="first step takes no ids"):
        model.steps(1).next(np.zeros(1, np.uint32))
    steps = model.steps(2)
    steps.next(None)
    with pytest.raises(InvalidArgumentError, match="first step takes no ids"):
        steps.next(None)
    with pytest.raises(InvalidArgumentError, match=r"shape \(3,\)"):
        steps.next(np.zeros(3, np.uint32))
    with pytest.raises(InvalidArgumentError, match="id 300"):
        steps.next(np.array([2, 300], np.uint32))


def test_temperature_0_chooses_the_likeliest_tokens(model: TransformersModel, plain: Plain) -> None:
    ids = [BOS, *model.encode("to be").tolist()]
    for _ in range(8):
        ids.append(int(plain(ids).argmax()))
    expected = model.decode(np.array(ids[-8:], np.uint32))
    (text,) = model.generate(["to be"], tokens=8, temperature=0)
    assert EOS not in ids
    assert text == expected


def test_generated_text_depends_only_on_the_seed(checkpoint: Path) -> None:
    prompts = ["to be", "", "question", "to be"]
    one, many = (load(str(checkpoint), batch=batch) for batch in (1, 10_000))
    torch.manual_seed(5)
    before = torch.get_rng_state(), random.getstate()
    texts = many.generate(prompts, tokens=6, seed=3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert texts == one.generate(prompts, tokens=6, seed=3)
    assert texts == many.generate([*prompts, "more"], tokens=6, seed=3)[:4]
    assert texts != many.generate(prompts, tokens=6, seed=4)
    assert texts[0] != texts[3], "equal prompts have independent draws"


def test_tokens_are_drawn_with_their_probabilities(model: TransformersModel) -> None:
    row = np.array([BOS, *model.encode("to be")], np.uint32)
    expected = np.exp(np.log(model.next_distribution(["to be"])[0].astype(float)) / 2)
    expected *= 4000 / expected.sum()
    draws = np.random.default_rng(0).random((4000, 1), np.float32)
    drawn = [ids[0] for ids in generate(model._model, [row] * 4000, draws, 2.0) if len(ids)]
    counts = np.bincount(drawn, minlength=VOCABULARY)
    likely = np.flatnonzero(expected > 10)
    assert len(likely) > 50
    assert (np.abs(counts[likely] - expected[likely]) < 5 * np.sqrt(expected[likely])).all()


def test_the_largest_draw_selects_a_token(model: TransformersModel) -> None:
    row = np.array([BOS], np.uint32)
    draws = np.array([[np.nextafter(np.float32(1), np.float32(0))]])
    (ids,) = generate(model._model, [row], draws, 1.0)
    assert ids[0] < VOCABULARY


def test_generation_stops_at_the_end_token(checkpoint: Path) -> None:
    model = load(str(checkpoint))
    rows, draws = [np.array([BOS, 70], np.uint32)] * 2, np.zeros((2, 8), np.float32)
    whole, _ = generate(model._model, rows, draws, 0)
    model._model.generation_config.eos_token_id = [int(whole[2])]
    assert whole[2] not in whole[:2]
    assert [ids.tolist() for ids in generate(model._model, rows, draws, 0)] == [
        whole[:3].tolist()
    ] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokens": 0}, "tokens 0: must be from 1 to the model's window, 16"),
        ({"tokens": 17}, "tokens 17"),
        ({"tokens": 2, "temperature": -1.0}, "temperature -1.0"),
        ({"tokens": 2, "temperature": math.nan}, "temperature nan"),
        ({"tokens": 2, "seed": -1}, "seed -1"),
    ],
)
def test_invalid_generation_options_are_rejected(
    options: dict[str, Any], message: str, model: TransformersModel
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        model.generate(["to be"], **options)


def test_a_batch_that_exceeds_memory_is_halved(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load(str(checkpoint), window=8).log_probs(DOCUMENTS)
    log_probs = Forward.log_probs

    def small_device(self: Forward, rows: list[Ids], targets: list[Ids]) -> Any:
        if len(rows) > 2:
            raise torch.OutOfMemoryError
        return log_probs(self, rows, targets)

    monkeypatch.setattr(Forward, "log_probs", small_device)
    for a, b in zip(load(str(checkpoint), window=8).log_probs(DOCUMENTS), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_damaged_weights_are_reported_with_the_document(checkpoint: Path) -> None:
    model = load(str(checkpoint))
    embeddings: Any = model._model.get_input_embeddings().weight
    with torch.no_grad():
        embeddings[int(model.encode("t")[0])] = torch.nan
    with pytest.raises(ModelError, match="document 2: the model gives no usable"):
        model.log_probs(["x", "is", "t?"])
    with pytest.raises(ModelError, match="context 1: the model gives no usable"):
        model.next_distribution(["x", "t"])
    with pytest.raises(ModelError, match="generated text: the model gives no usable"):
        model.generate(["x", "t"], tokens=3)
    steps = model.steps(1)
    steps.next(None)
    with pytest.raises(ModelError, match="token 1: the model gives no usable"):
        steps.next(model.encode("t"))


@pytest.mark.parametrize("document", [b"to \xff be", "to \ud800 be"])
def test_invalid_utf8_is_reported_with_its_position(
    document: bytes | str, model: TransformersModel
) -> None:
    with pytest.raises(ModelError, match="document 1 is not UTF-8 at position 3"):
        model.log_probs(["to be", document])


def test_an_id_beyond_the_vocabulary_is_reported(checkpoint: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.add_tokens(["question"])
    network: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
    tokenizer.save_pretrained(tmp_path)
    network.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"document 1 has the token id 300, .* only 300 ids"):
        load(str(tmp_path)).log_probs(["to be", "the question"])


def test_capabilities(model: TransformersModel) -> None:
    assert not model.learns_online
    assert not model.reads_any_bytes
    assert as_drawing(model).spec == as_stepped(model).spec == model.spec
    with pytest.raises(InvalidArgumentError, match="this model does not learn"):
        as_online(model)


def test_settings_have_everything_that_a_rate_depends_on(
    checkpoint: Path, model: TransformersModel
) -> None:
    assert model.spec == str(checkpoint)
    assert model.settings == {
        "window": 16,
        "stride": 5,
        "bos": "<s>",
        "eos_for_bos": False,
        "dtype": "float32",
        "device": "cpu",
        "revision": None,
        "adapter": None,
    }
    defaults = load(f"hf:{checkpoint}", bos="none", dtype="bfloat16").settings
    assert (defaults["window"], defaults["stride"], defaults["bos"]) == (64, 32, None)
    assert defaults["dtype"] == "bfloat16"


def test_the_identity_depends_on_weights_tokenizer_and_configuration(
    checkpoint: Path, model: TransformersModel, tmp_path: Path
) -> None:
    again = load(str(checkpoint))
    assert again.identity == model.identity
    assert {len(digest) for digest in again.identity.values()} == {64}
    other = load(str(checkpoint), dtype="bfloat16").identity
    assert other["weights"] != model.identity["weights"]
    assert other["tokenizer"] == model.identity["tokenizer"]
    edited = shutil.copytree(checkpoint, tmp_path / "edited")
    config = json.loads((edited / "config.json").read_text("utf-8"))
    config |= {"rms_norm_eps": 0.5, "layer_norm_epsilon": 0.5, "transformers_version": "9"}
    (edited / "config.json").write_text(json.dumps(config), "utf-8")
    other = load(str(edited)).identity
    assert other["weights"] == model.identity["weights"]
    assert other["config"] != model.identity["config"]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_is_merged(checkpoint: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    network: Any = AutoModelForCausalLM.from_pretrained(checkpoint)
    adapted = get_peft_model(network, LoraConfig(init_lora_weights=False, task_type="CAUSAL_LM"))
    adapted.save_pretrained(str(tmp_path))
    model = load(str(checkpoint), adapter=str(tmp_path))
    ids = torch.tensor([[BOS, *model.encode("to be or not").tolist()]])
    with torch.no_grad():
        log_probs = adapted(ids).logits[0, :-1].log_softmax(1)
    expected = log_probs[torch.arange(ids.shape[1] - 1), ids[0, 1:]]
    np.testing.assert_allclose(model.log_probs(["to be or not"])[0], expected, rtol=1e-3)
    assert model.identity != load(str(checkpoint)).identity


def test_a_single_text_is_a_list_of_one(model: TransformersModel) -> None:
    for text in ("to be", b"to be"):
        single: Any = text
        for name in ("tokens", "log_probs", "next_distribution"):
            method = getattr(model, name)
            assert np.array_equal(method(single)[0], method([text])[0])
            assert len(method(single)) == 1
        assert model.generate(single, tokens=4) == model.generate([text], tokens=4)
