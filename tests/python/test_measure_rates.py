"""The rates of models: a toy model computed by hand, the adaptive rate, rejected input."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import elastic_core as ec
from elastic_core.common.progress import Step
from elastic_core.measuring import rates
from elastic_core.measuring.report import document
from elastic_core.models import Document, LanguageModel
from elastic_core.models import load_model as load_real_model
from elastic_core.report.render import print_result


class Toy:
    """A toy model whose tokens are pairs of bytes, with p = 2^-(1 + first % 4).

    A single last byte is a token, too. The model reads only UTF-8 and fails on a `?`.
    """

    spec = "hf:toy"
    vocabulary = 65536
    learns_online = reads_any_bytes = has_distributions = has_steps = has_weights = False
    settings: dict[str, Any] = {"eos": False}  # noqa: RUF012
    identity: dict[str, str] = {"weights": "00"}  # noqa: RUF012

    def tokens(self, documents: Sequence[Document]) -> list[NDArray[np.uint32]]:
        raise NotImplementedError

    def log_probs(self, documents: Sequence[Document], **_: Any) -> list[NDArray[np.float32]]:
        if any(b"?" in _bytes(document) for document in documents):
            raise ec.ModelError("document 1 asks")
        bits = [[1 + byte % 4 for byte in _bytes(document)[::2]] for document in documents]
        return [np.array(values, np.float32) * np.float32(-math.log(2)) for values in bits]

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        raise NotImplementedError

    def generate(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[bytes]:
        raise NotImplementedError


def _bytes(document: Document) -> bytes:
    return document.encode() if isinstance(document, str) else document


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_model(spec: str, **options: Any) -> LanguageModel:
        return Toy() if spec == "hf:toy" else load_real_model(spec, **options)

    monkeypatch.setattr(rates, "load_model", load_model)


def rows(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def measure_corpora(*corpora: Path, **options: Any) -> tuple[ec.CorpusResult, ...]:
    return ec.measure(*corpora, depth=2, **options).corpora


def test_rates_computed_by_hand(tmp_path: Path) -> None:
    # a = 97: 2 bits, c: 4, é = C3 A9: 4 bits. Tokens: ab c | é | (none), 2 + 4 + 4 bits.
    file = rows(tmp_path / "a.jsonl", ["abc", "é", ""])
    (corpus,) = measure_corpora(file, models=["hf:toy"])
    (rate,) = corpus.model_rates
    assert (rate.model, rate.tokens, rate.documents) == ("hf:toy", 3, 3)
    assert rate.bits_per_token == pytest.approx(10 / 3)
    assert rate.bits_per_character == pytest.approx(10 / 4)
    assert rate.bits_per_byte == pytest.approx(10 / 5)
    assert rate.ratio == pytest.approx(10 / 5 / 8)
    assert rate.settings == {"eos": False, "adaptive": False, "identity": {"weights": "00"}}
    assert not rate.adaptive


def test_rates_per_0_units_are_none(tmp_path: Path) -> None:
    (corpus,) = measure_corpora(rows(tmp_path / "a.jsonl", ["", ""]), models=["hf:toy", "tree:3"])
    toy, tree = corpus.model_rates
    assert toy.bits_per_token is toy.bits_per_byte is toy.bits_per_character is toy.ratio is None
    assert (tree.tokens, tree.bits_per_byte) == (2, None)
    assert tree.bits_per_token is not None


def test_characters_are_counted_only_in_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\xffb")
    (corpus,) = measure_corpora(tmp_path / "a.txt", models=["tree:3"])
    (rate,) = corpus.model_rates
    assert rate.bits_per_character is None
    assert rate.bits_per_byte is not None


@given(texts=st.lists(st.text("abé ", max_size=8), min_size=1, max_size=12))
def test_a_rate_is_the_code_length_per_unit(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    file = rows(tmp_path_factory.mktemp("rates") / "a.jsonl", texts)
    documents = [text.encode() for text in texts]
    (corpus,) = measure_corpora(file, models=["hf:toy", "tree:3"])
    toy, tree = corpus.model_rates
    by_hand = sum(1 + byte % 4 for document in documents for byte in document[::2])
    learned = math.fsum(ec.TreeModel(3).update(documents))
    for rate, bits in ((toy, by_hand), (tree, learned)):
        for figure, count in (
            (rate.bits_per_token, rate.tokens),
            (rate.bits_per_byte, sum(map(len, documents))),
            (rate.bits_per_character, sum(map(len, texts))),
        ):
            assert figure == (pytest.approx(bits / count, rel=1e-6) if count else None)
    assert toy.tokens == sum((len(document) + 1) // 2 for document in documents)
    assert tree.tokens == sum(len(document) + 1 for document in documents)


def test_the_adaptive_rate_starts_from_a_new_model(tmp_path: Path) -> None:
    one = rows(tmp_path / "a.jsonl", ["to be or not to be"] * 3)
    two = rows(tmp_path / "b.jsonl", ["that is the question"] * 2)
    corpora = measure_corpora(one, two, models=["tree:4"])
    first, again, joint = (corpus.model_rates[0] for corpus in corpora)
    model = ec.TreeModel(4)
    bits = model.update([b"to be or not to be"] * 3).sum()
    both = bits + model.update([b"that is the question"] * 2).sum()
    alone = ec.TreeModel(4).update([b"that is the question"] * 2).sum()
    assert first.bits_per_token == pytest.approx(bits / (3 * 19))
    assert again.bits_per_token == pytest.approx(alone / (2 * 21))
    assert joint.bits_per_token == pytest.approx(both / (3 * 19 + 2 * 21))
    assert joint.adaptive
    settings = {"depth": 4, "alphabet": "byte", "memory": 1 << 28, "eos": True, "adaptive": True}
    assert {key: first.settings[key] for key in settings} == settings


def test_the_adaptive_rate_of_a_saved_model_starts_from_its_state(tmp_path: Path) -> None:
    file = rows(tmp_path / "a.jsonl", ["to be or not to be"])
    model = ec.TreeModel(4)
    model.update([b"to be or not to be"])
    model.save(tmp_path / "saved")
    (corpus,) = measure_corpora(file, models=[str(tmp_path / "saved"), "tree:4"])
    saved, new = corpus.model_rates
    bits = model.copy().update([b"to be or not to be"])[0]
    assert saved.bits_per_token == pytest.approx(bits / 19)
    assert new.bits_per_token is not None
    assert saved.bits_per_token is not None
    assert saved.bits_per_token < new.bits_per_token
    assert saved.settings["identity"] != new.settings["identity"]


def test_the_joint_rate_of_other_models_is_the_sum(tmp_path: Path) -> None:
    one = rows(tmp_path / "a.jsonl", ["abc"])
    two = rows(tmp_path / "b.jsonl", ["é", "dd"])
    rate = measure_corpora(one, two, models=["hf:toy"])[-1].model_rates[0]
    assert (rate.tokens, rate.documents) == (4, 3)
    assert rate.bits_per_byte == pytest.approx((6 + 5) / 7)


def test_text_that_a_model_cannot_read_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good\nb\xffd\n")
    options: dict[str, Any] = {"split": "line", "models": ["hf:toy", "tree:3"]}
    with pytest.raises(ec.CorpusError, match=r"line 2: invalid UTF-8 .*on_bad_row=.skip.`$"):
        measure_corpora(tmp_path / "a.txt", **options)
    (corpus,) = measure_corpora(tmp_path / "a.txt", on_bad_row="skip", **options)
    toy, tree = corpus.model_rates
    assert (corpus.documents, toy.documents, tree.documents) == (2, 1, 2)


def test_the_table_reports_documents_that_a_model_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_bytes(b"good\nb\xffd\n")
    options: dict[str, Any] = {"split": "line", "on_bad_row": "skip", "models": ["hf:toy"]}
    result = ec.measure(tmp_path / "a.txt", **options)
    print_result(result, document(result))
    text = " ".join(capsys.readouterr().out.split())
    assert (
        f"hf:toy cannot read 1 document of {tmp_path / 'a.txt'}; its rate leaves them out." in text
    )
    assert "Model rate (hf:toy): the model learns nothing from this text." in text


def test_a_checkpoint_reads_only_utf8(tmp_path: Path, checkpoint: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good\nb\xffd\n")
    with pytest.raises(ec.CorpusError, match="line 2: invalid UTF-8 at byte 1"):
        measure_corpora(tmp_path / "a.txt", split="line", models=[str(checkpoint)])


def test_a_model_error_names_the_documents(tmp_path: Path) -> None:
    file = rows(tmp_path / "a.jsonl", ["fine", "what?"])
    with pytest.raises(
        ec.ModelError, match=r"hf:toy: document 1 asks \(.*a.jsonl, document 0 on\)"
    ):
        measure_corpora(file, models=["hf:toy"])


def test_progress_reports_the_rate_so_far(tmp_path: Path) -> None:
    file = rows(tmp_path / "a.jsonl", ["ab" * 100_000] * 3)
    steps: list[Step] = []
    ec.measure(file, models=["hf:toy"], progress=steps.append)
    assert [step for step in steps if step.phase == "score"] == [
        Step("score", f"{file} with hf:toy", 0, 600_000, "bytes"),
        Step("score", f"{file} with hf:toy", 200_000, 600_000, "bytes", "1.000 bits/byte"),
        Step("score", f"{file} with hf:toy", 400_000, 600_000, "bytes", "1.000 bits/byte"),
    ]


def test_new_tree_models_use_the_alphabet_of_the_measurement(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=20, show_progress=False)
    tokenizer.train_from_iterator(["to be or not to be"], trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    file = rows(tmp_path / "a.jsonl", ["to be or not to be"])
    alphabet = f"bpe:{tmp_path / 'tokenizer.json'}"
    (corpus,) = measure_corpora(file, alphabet=alphabet, models=["tree:3"])
    (rate,) = corpus.model_rates
    assert rate.settings["alphabet"].startswith("bpe:")
    assert rate.tokens == corpus.symbols + 1
    with pytest.raises(ec.InvalidArgumentError, match="cannot use the alphabet bit"):
        measure_corpora(file, alphabet="bit", models=["tree:3"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": ["nothing"]}, "unknown model 'nothing'"),
        ({"models": ["tree:0"]}, "tree:0: write the depth as a number from 1 to 32"),
        ({"models": ["tree:33"]}, "tree:33: write the depth"),
        ({"models": ["tree:x"]}, "tree:x: write the depth"),
        ({"models": ["tree:"]}, "tree:: write the depth"),
        ({"models": ["tree:3", "tree:3"]}, "name each model once"),
        (
            {"models": ["tree:3"], "model_options": {"window": 9}},
            "tree:3: a tree model has no window",
        ),
        ({"model_options": {"window": 9}}, "window: this needs a model"),
        ({"per_document": "scores.parquet"}, "scores of documents: this needs a model"),
    ],
)
def test_invalid_options_are_rejected_before_reading(
    play: Path, options: dict[str, Any], message: str
) -> None:
    steps: list[Any] = []
    with pytest.raises(ec.InvalidArgumentError, match=message):
        ec.measure(play, progress=steps.append, **options)
    assert not steps


def test_options_are_passed_to_the_models_that_have_them(
    play: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: dict[str, Any] = {}

    def load_model(spec: str, **options: Any) -> LanguageModel:
        received[spec] = options
        return Toy() if spec == "hf:toy" else load_real_model(spec, **options)

    monkeypatch.setattr(rates, "load_model", load_model)
    options = {"window": 9, "stride": None, "dtype": "auto"}
    result = ec.measure(play, models=["hf:toy", "tree:2"], model_options=options)
    assert received == {"hf:toy": {"window": 9}, "tree:2": {"alphabet": "byte"}}
    assert result.to_dict()["config"]["models"] == ["hf:toy", "tree:2"]
    assert result.to_dict()["config"]["model_options"] == {"window": 9}


def test_a_string_is_one_name_and_not_its_letters(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "to be"}\n')
    options: dict[str, Any] = {"models": "tree:4", "compare": "zstd:19", "text_key": "prompt"}
    single = ec.measure(tmp_path / "rows.jsonl", depth=1, **options)
    several: dict[str, Any] = {name: [value] for name, value in options.items()}
    assert single.corpora[0].bytes == 5
    assert single.to_dict() == ec.measure(tmp_path / "rows.jsonl", depth=1, **several).to_dict()
