"""Symbols of a BPE tokenizer: the same ids as in the `tokenizers` package."""

import json
from pathlib import Path

import oracle
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from elastic_core import CorpusError, TokenizerError, TokenTree, measure

TEXTS = [
    "to be or not to be, that is the question",
    "whether 'tis nobler in the mind to suffer",
    "the slings and arrows of outrageous fortune",
    "ὦ ξεῖνε 🦉 naïve café",
    "",
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        show_progress=False,
        special_tokens=["<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    trained.train_from_iterator(TEXTS, trainer)
    return trained


@pytest.fixture
def path(tokenizer: Tokenizer, tmp_path: Path) -> Path:
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return file


@pytest.mark.parametrize("segment", ["chunk", "prefix", "window"])
def test_ids_match_the_tokenizers_package(
    segment: str, tokenizer: Tokenizer, path: Path, corpus: Path
) -> None:
    tree = TokenTree.build(corpus, depth=4, segment=segment, alphabet=f"bpe:{path}")
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    eos = max(tokenizer.get_vocab().values()) + 1
    paths = oracle.segments(ids, 4, segment, eos)
    table = sorted(oracle.leaves(paths, 4).items())
    assert (tree.vocabulary, tree.eos) == (eos, eos)
    assert tree.symbols == sum(map(len, ids))
    assert tree.bytes == sum(len(text.encode()) for text in TEXTS)
    assert tree.paths.tolist() == [[*path, *[eos] * (4 - len(path))] for path, _ in table]
    assert tree.counts.tolist() == [count for _, count in table]


def test_long_documents_have_the_same_ids(tokenizer: Tokenizer, path: Path, tmp_path: Path) -> None:
    text = " ".join(TEXTS) * 2000
    (tmp_path / "long.txt").write_text(text)
    tree = TokenTree.build(tmp_path / "long.txt", depth=1, alphabet=f"bpe:{path}")
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    counts = oracle.leaves(oracle.segments([ids], 1, "chunk", tree.eos), 1)
    leaf_counts = zip(tree.paths[:, 0].tolist(), tree.counts.tolist(), strict=True)
    assert dict(leaf_counts) == {symbol: count for (symbol,), count in counts.items()}


def test_trees_of_a_copied_tokenizer_can_be_merged(
    path: Path, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "copy.json").write_bytes(path.read_bytes())
    here = TokenTree.build(corpus, alphabet=f"bpe:{path}")
    there = TokenTree.build(corpus, alphabet=f"bpe:{tmp_path / 'copy.json'}")
    assert here.merge(there).segments == 2 * here.segments


def test_invalid_utf8_is_reported(path: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(CorpusError, match="UTF-8"):
        TokenTree.build(tmp_path / "latin.txt", alphabet=f"bpe:{path}")


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", "no json"])
def test_an_invalid_tokenizer_is_reported(content: str, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text(content)
    with pytest.raises(TokenizerError, match=r"wrong\.json"):
        TokenTree.build(corpus, alphabet=f"bpe:{tmp_path / 'wrong.json'}")


def test_a_missing_tokenizer_raises_file_not_found(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        TokenTree.build(corpus, alphabet=f"bpe:{tmp_path / 'nowhere.json'}")


def test_compressors_get_only_text_that_the_tokenizer_reads(path: Path, tmp_path: Path) -> None:
    good, mixed = tmp_path / "good.txt", tmp_path / "mixed.txt"
    good.write_bytes(b"text that is good\n")
    mixed.write_bytes(b"text that is good\nand \xff what is not\n")
    results = [
        measure(
            text,
            split="line",
            alphabet=f"bpe:{path}",
            depth=2,
            on_bad_row="skip",
            compare=["gzip:6"],
        ).corpora[0]
        for text in (good, mixed)
    ]
    assert [corpus.bad_rows for corpus in results] == [0, 1]
    assert results[0].compare == results[1].compare


def test_the_string_of_a_special_token_is_plain_text(
    tokenizer: Tokenizer, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "special.txt").write_text("to <s> be")
    tree = TokenTree.build(tmp_path / "special.txt", depth=1, alphabet=f"bpe:{path}")
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.encode_special_tokens = True
    assert tree.symbols == len(plain.encode("to <s> be", add_special_tokens=False).ids)
    assert tree.symbols > len(tokenizer.encode("to <s> be", add_special_tokens=False).ids)


def test_a_tokenizer_whose_library_panics_is_reported(corpus: Path, tmp_path: Path) -> None:
    """The library reads such a decoder in two steps, of which the second does not expect errors."""
    broken = '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "decoder": '
    (tmp_path / "broken.json").write_text(broken + '{"type":"ByteFallback" x}}')
    with pytest.raises(TokenizerError, match=r"broken\.json: not a usable tokenizer\.json"):
        TokenTree.build(corpus, alphabet=f"bpe:{tmp_path / 'broken.json'}")


def test_an_id_beyond_32_bits_is_reported(path: Path, corpus: Path, tmp_path: Path) -> None:
    record = json.loads(path.read_text())
    record["model"]["vocab"]["to"] = 2**32 - 1
    (tmp_path / "high.json").write_text(json.dumps(record))
    with pytest.raises(TokenizerError, match=r"high\.json: .*does not fit in 32 bits"):
        TokenTree.build(corpus, alphabet=f"bpe:{tmp_path / 'high.json'}")
