"""Lossless compression from Python: round trips, predicted sizes, damaged files, wrong models."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import HAMLET
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import elastic_core as ec
from elastic_core import _core
from elastic_core._core import CategoricalDecoder, CategoricalEncoder
from elastic_core.compression.header import Header
from elastic_core.compression.streams import StreamCoder, cut
from elastic_core.models import Document, ModelError


class FakeSteps:
    """Steps of a bigram model: one row per preceding token, and one for the start."""

    def __init__(self, rows: NDArray[np.float32], texts: int) -> None:
        self._rows = rows
        self._texts = texts

    def next(self, ids: NDArray[np.uint32] | None) -> NDArray[np.float32]:
        before = np.full(self._texts, 128) if ids is None else ids
        return np.ascontiguousarray(self._rows[before])


class FakeModel:
    """A bigram model of ASCII characters in numpy."""

    spec = "fake"
    vocabulary = 128
    learns_online = reads_any_bytes = has_distributions = False
    has_steps = True
    has_weights = False

    def __repr__(self) -> str:
        return self.spec

    def __init__(self, seed: int = 0) -> None:
        logits = np.random.default_rng(seed).normal(0, 3, (129, 128))
        powers = np.exp(logits)
        self.rows = (powers / powers.sum(1, keepdims=True)).astype(np.float32)
        self.settings: dict[str, Any] = {"window": 1, "stride": 1}
        self.identity = {"weights": hashlib.sha256(self.rows.tobytes()).hexdigest()}

    def tokens(self, documents: Sequence[Document]) -> list[NDArray[np.uint32]]:
        texts = [
            document.encode() if isinstance(document, str) else document for document in documents
        ]
        if not all(text.isascii() for text in texts):
            raise ModelError("not ASCII")
        return [np.frombuffer(text, np.uint8).astype(np.uint32) for text in texts]

    def decode(self, ids: NDArray[np.uint32]) -> bytes:
        return ids.astype(np.uint8).tobytes()

    def steps(self, texts: int) -> FakeSteps:
        return FakeSteps(self.rows, texts)

    def log_probs(self, documents: Sequence[Document], **_: Any) -> list[NDArray[np.float32]]:
        log_probs = []
        for ids in self.tokens(documents):
            before = np.concatenate([[128], ids])[: len(ids)].astype(np.intp)
            log_probs.append(np.log(self.rows[before, ids]))
        return log_probs

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        raise NotImplementedError

    def generate(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[bytes]:
        raise NotImplementedError


def round_trip(
    text: bytes, folder: Path, model: Any, lanes: int = 16, **options: Any
) -> ec.CodingResult:
    """Compresses a text; asserts that it decompresses and that the size is as predicted."""
    source, coded, back = folder / "text", folder / "text.ec", folder / "back"
    source.write_bytes(text)
    result = ec.compress(source, coded, model=model, lanes=lanes, overwrite=True, **options)
    ec.decompress(coded, back, model=None if isinstance(model, str) else model, overwrite=True)
    assert back.read_bytes() == text
    assert (result.raw_bytes, result.coded_bytes) == (len(text), coded.stat().st_size)
    predicted = result.predicted_bits / 8
    excess = abs(result.coded_bytes - result.description_bytes - predicted)
    assert excess <= 0.001 * predicted + 64
    return result


CORNERS = [
    b"",
    b"x",
    bytes(range(256)),
    bytes(10**6),
    b"not \xff\xfe UTF-8 \xc3",
    np.random.default_rng(0).bytes(50_000),
    HAMLET.encode() * 300,
]
CORNER_NAMES = ["empty", "one", "all", "zeros", "no-utf8", "random", "text"]


@pytest.mark.parametrize("text", CORNERS, ids=CORNER_NAMES)
@pytest.mark.parametrize("model", ["tree:6", "static:2", FakeModel()], ids=str)
def test_texts_round_trip(text: bytes, model: Any, tmp_path: Path) -> None:
    result = round_trip(text, tmp_path, model)
    if isinstance(model, str):
        assert abs(result.coded_bytes - result.predicted_bits / 8) <= (
            0.001 * result.predicted_bits / 8 + 64
        )


@given(text=st.binary(max_size=300))
def test_random_bytes_round_trip(text: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    for model in ("static:3", FakeModel()):
        round_trip(text, folder, model)


@given(text=st.text("ab c\n", min_size=1, max_size=60000), lanes=st.integers(1, 5))
def test_predicted_bits_are_the_sum_of_log_probs(
    text: str, lanes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = FakeModel()
    result = round_trip(text.encode(), tmp_path_factory.mktemp("bits"), model, lanes)
    pieces = cut(text.encode(), min(lanes, max(1, len(text) // 8192)))
    bits = -sum(
        float(log_probs.sum(dtype=float)) for log_probs in model.log_probs(pieces)
    ) / np.log(2)
    assert result.predicted_bits == pytest.approx(bits, rel=1e-5)


@given(text=st.text(max_size=400), pieces=st.integers(1, 9))
def test_texts_are_cut_at_character_boundaries(text: str, pieces: int) -> None:
    parts = cut(text.encode(), pieces)
    assert len(parts) == pieces
    assert b"".join(parts) == text.encode()
    for part in parts:
        part.decode()


def test_a_tree_model_predicts_the_bits_of_update(tmp_path: Path) -> None:
    text = HAMLET.encode() * 20
    result = round_trip(text, tmp_path, "tree:5")
    assert result.predicted_bits == pytest.approx(float(ec.TreeModel(5).update([text])[0]))


def test_a_saved_tree_model_keeps_learning(tmp_path: Path) -> None:
    text = HAMLET.encode()
    model = ec.TreeModel(5, memory=1 << 24)
    model.update([text])
    model.save(tmp_path / "model.ectm")
    (tmp_path / "text").write_bytes(text)
    result = ec.compress(tmp_path / "text", tmp_path / "c", model=str(tmp_path / "model.ectm"))
    assert result.predicted_bits == pytest.approx(float(model.update([text])[0]))
    assert result.coded_bytes <= result.predicted_bits / 8 * 1.001 + 64
    ec.decompress(tmp_path / "c", tmp_path / "back", model=str(tmp_path / "model.ectm"))
    assert (tmp_path / "back").read_bytes() == text
    with pytest.raises(ec.CodedFileError, match="pass that model with `model`"):
        ec.decompress(tmp_path / "c", tmp_path / "again")
    model.save(tmp_path / "other.ectm")
    with pytest.raises(ec.CodedFileError, match="SHA-256"):
        ec.decompress(tmp_path / "c", tmp_path / "again", model=str(tmp_path / "other.ectm"))
    with pytest.raises(ec.CodedFileError, match="not tree:5"):
        ec.decompress(tmp_path / "c", tmp_path / "again", model="tree:5")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("model", ["tree:3", "static:1", FakeModel()], ids=str)
def test_every_flipped_byte_and_truncation_is_detected(model: Any, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(HAMLET.encode()[:100])
    ec.compress(tmp_path / "text", tmp_path / "good", model=model)
    good = (tmp_path / "good").read_bytes()
    other = None if isinstance(model, str) else model
    bad, back = tmp_path / "bad", tmp_path / "back"
    for at in range(len(good)):
        bad.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises(ec.CodedFileError, match="bad"):
            ec.decompress(bad, back, model=other)
        bad.write_bytes(good[:at])
        with pytest.raises(ec.CodedFileError, match="bad"):
            ec.decompress(bad, back, model=other)
    assert not back.exists()


def test_decompressing_with_another_model_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HAMLET)
    ec.compress(tmp_path / "text", tmp_path / "c", model=FakeModel(0))
    with pytest.raises(ec.CodedFileError, match="weights"):
        ec.decompress(tmp_path / "c", tmp_path / "back", model=FakeModel(1))
    other = FakeModel(0)
    other.settings["window"] = 2
    with pytest.raises(ec.CodedFileError, match="window 1"):
        ec.decompress(tmp_path / "c", tmp_path / "back", model=other)
    assert not (tmp_path / "back").exists()


def test_different_probabilities_are_detected(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HAMLET)
    ec.compress(tmp_path / "text", tmp_path / "c", model=FakeModel(0))
    other = FakeModel(1)
    other.identity = FakeModel(0).identity
    with pytest.raises(ec.CodedFileError, match=r"c: block 1"):
        ec.decompress(tmp_path / "c", tmp_path / "back", model=other)


def test_nan_probabilities_are_reported(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HAMLET)
    broken = FakeModel(0)
    broken.rows[ord("t")] = np.nan
    with pytest.raises(ec.InvalidArgumentError, match=r"row 13 .* not a number"):
        ec.compress(tmp_path / "text", tmp_path / "c", model=broken)
    assert not (tmp_path / "c").exists()


def test_unsupported_models_and_lanes_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HAMLET)
    with pytest.raises(ec.InvalidArgumentError, match="step by step"):
        ec.compress(tmp_path / "text", tmp_path / "c", model=ec.load_model("tree:4"))
    with pytest.raises(ec.InvalidArgumentError, match="lanes 0"):
        ec.compress(tmp_path / "text", tmp_path / "c", model=FakeModel(), lanes=0)


def test_mismatched_rows_and_symbols_are_rejected() -> None:
    encoder = CategoricalEncoder()
    rows = np.full((2, 4), 0.25, np.float32)
    with pytest.raises(ec.InvalidArgumentError, match="3 symbols for 2 rows"):
        encoder.encode(rows, np.zeros(3, np.uint32))
    with pytest.raises(ec.InvalidArgumentError, match="contiguous"):
        encoder.encode(rows[:, ::2], np.zeros(2, np.uint32))
    with pytest.raises(ec.InvalidArgumentError, match=r"row 0 .* id 4"):
        encoder.encode(rows, np.full(2, 4, np.uint32))
    encoder.encode(rows, np.array([1, 3], np.uint32))
    assert encoder.bits == 4
    assert CategoricalDecoder(encoder.finish()).decode(rows).tolist() == [1, 3]


def test_a_transformer_round_trips(checkpoint: Path, tmp_path: Path) -> None:
    text = HAMLET * 30 + "\N{SNOWMAN} ça"
    (tmp_path / "text").write_text(text)
    result = ec.compress(tmp_path / "text", tmp_path / "c", model=str(checkpoint), device="cpu")
    ec.decompress(tmp_path / "c", tmp_path / "back", model=str(checkpoint))
    assert (tmp_path / "back").read_text() == text
    model = ec.load_model(str(checkpoint), stride=result.settings["window"])
    log_probs = np.concatenate(model.log_probs([text]))
    predicted = -float(log_probs.sum(dtype=float)) / np.log(2) / 8
    assert result.predicted_bits / 8 == pytest.approx(predicted, rel=1e-4)
    excess = abs(result.coded_bytes - result.description_bytes - predicted)
    assert excess <= 0.001 * predicted + 64


def test_a_file_loads_no_model_by_itself(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HAMLET)
    folder = tmp_path / "my checkpoint"
    folder.symlink_to(checkpoint)
    ec.compress(tmp_path / "text", tmp_path / "c", model=str(folder), device="cpu", window=32)
    with pytest.raises(ec.ModelError, match=r'if you trust it, add `model=".*my checkpoint"`'):
        ec.decompress(tmp_path / "c", tmp_path / "back")
    folder.rename(tmp_path / "elsewhere")
    ec.decompress(tmp_path / "c", tmp_path / "back", model=str(tmp_path / "elsewhere"))
    assert (tmp_path / "back").read_text() == HAMLET


HEADER = Header.of(FakeModel(), 1, {})


@pytest.mark.parametrize(
    "change",
    [
        {"lanes": 0},
        {"lanes": 1 << 40},
        {"lanes": "1"},
        {"lanes": True},
        {"model": 5},
        {"options": [1]},
        {"options": {"trust_remote_code": True}},
        {"options": {"window": "8"}},
        {"identity": None},
        {"made": "here"},
    ],
)
def test_a_hostile_header_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ec.CodedFileError, match="the header was written by another version"):
        Header.parse(json.dumps({**json.loads(HEADER.to_json()), **change}))


def test_deeply_nested_settings_are_those_of_another_model() -> None:
    nested = "[" * 500 + "]" * 500
    text = HEADER.to_json().replace('"stride":1', f'"stride":{nested}')
    text = text.replace('"window":1', f'"window":{nested}')
    with pytest.raises(ec.CodedFileError, match="it was coded with window"):
        Header.parse(text).check(FakeModel())


@pytest.mark.parametrize("counts", [[1] * 5, [1] * 60_000])
def test_more_streams_than_a_block_has_are_refused(counts: list[int]) -> None:
    with pytest.raises(ec.CodedFileError, match="streams, more than its header allows"):
        StreamCoder(FakeModel(), 4).decode(counts, CategoricalDecoder(b""))
    with pytest.raises(ec.CodedFileError, match="streams, more than its header allows"):
        StreamCoder(FakeModel(), 1 << 16).decode(counts * 30, CategoricalDecoder(b""))


@pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 100_000, '{"lanes": ' + "9" * 5000 + "}"])
def test_a_header_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ec.CodedFileError, match="the header was written by another version"):
        Header.parse(text)


def test_a_file_says_which_model_it_was_coded_with(tmp_path: Path) -> None:
    (tmp_path / "text").write_text(HAMLET)
    ec.compress(tmp_path / "text", tmp_path / "c", model=FakeModel())
    text = _core.describe_file(tmp_path / "c")
    assert text is not None
    assert Header.parse(text).model == "fake"
    ec.compress(tmp_path / "text", tmp_path / "c", model="tree:2", overwrite=True)
    assert _core.describe_file(tmp_path / "c") is None
    assert _core.describe_file("-") is None
    with pytest.raises(ec.CodedFileError):
        _core.describe_file(tmp_path / "text")


def test_a_header_does_not_choose_weights() -> None:
    written = json.loads(HEADER.to_json())
    written["options"] = {"revision": "refs/pr/1", "adapter": "/tmp/x", "window": 8}
    assert Header.parse(json.dumps(written)).options == {"window": 8}
    assert Header.parse(HEADER.to_json()) == HEADER


def test_lanes_are_decoded_in_text_order() -> None:
    coder = StreamCoder(FakeModel(), 3)
    text = (HAMLET * 300).encode()
    encoder = CategoricalEncoder()
    counts = coder.encode(text, encoder)
    assert counts is not None
    assert sum(counts) == len(text)
    assert len(counts) == 3
    assert coder.decode(counts, CategoricalDecoder(encoder.finish())) == text
