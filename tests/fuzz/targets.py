"""What is fuzzed: for each format a good input, and what reading a mutated one must give.

A target mutates its input in an empty folder and reads it. It returns `right` if the result is that
of the undamaged input or of another library, and `accepted` if the mutated input is a valid other
input, so that nothing can tell. `WrongResultError` says that something else was read silently.
"""

import bz2
import gzip
import json
import lzma
import os
import random
import shutil
import sys
import traceback
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mutations import BINARY, TEXT, mutated, mutated_value
from supervisor import Case, Outcome

import elastic_core as ec

_WORDS = ["the", "tyger", "burns", "bright", "in", "forests", "été", "naïve", "東京", "🐯"]
_LONGEST_MESSAGE = 2000
_LINES = "".join(f"{word} {number}\n" for number, word in enumerate(_WORDS * 4))


class WrongResultError(Exception):
    """A damaged input was read as something else than was saved."""


@dataclass(frozen=True, slots=True)
class Target:
    """One format.

    Attributes:
        read: Mutates and reads it, given a source of randomness and an empty folder.
        cases: The usual number of cases.
    """

    read: Callable[[random.Random, Path], str]
    cases: int


def _write(file: Path, data: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


@cache
def _rows() -> bytes:
    draw = random.Random(1)
    rows = [
        {
            "text": " ".join(draw.choices(_WORDS, k=draw.randrange(3, 12))),
            "id": n,
            "meta": {"a": [n]},
        }
        for n in range(30)
    ]
    lines = (json.dumps(row, ensure_ascii=bool(n % 2)) + "\n" for n, row in enumerate(rows))
    return "".join(lines).encode()


def _made(name: str, make: Callable[[Path], None]) -> bytes:
    """The bytes of a file that `make` writes, kept for the next case."""
    if name not in _kept:
        file = _scratch / name
        make(file)
        _kept[name] = file.read_bytes()
    return _kept[name]


_kept: dict[str, bytes] = {}
_scratch = Path()


# Corpora


def _texts(file: Path, on_bad_row: str) -> list[bytes]:
    """The documents, after a check that `measure` counts the same."""
    corpus = ec.Corpus(file, on_bad_row=on_bad_row)
    texts = [text for batch in corpus.batches() for text in batch.texts]
    (measured,) = ec.measure(file, depth=3, on_bad_row=on_bad_row).corpora
    if (measured.documents, measured.bytes) != (len(texts), sum(map(len, texts))):
        raise WrongResultError(f"measure: {measured.documents} documents, batches: {len(texts)}")
    return texts


def _texts_by_python(lines: bytes, *, skip: bool) -> list[bytes] | None:
    """The texts of JSON lines by Python's parser; None if a row is bad and bad rows are errors."""
    texts = []
    for line in lines.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if not line.strip(b" \t\r\n\x0c"):
            continue
        try:
            row = json.loads(line, parse_int=str)  # Python refuses numbers of 4,300 digits.
            texts.append(row["text"].encode())
        except (ValueError, KeyError, TypeError, AttributeError):
            if not skip:
                return None
    return texts


def _json_lines(draw: random.Random, folder: Path) -> str:
    skip = draw.random() < 0.5
    data = mutated(draw, _rows(), kinds=TEXT)
    file = _write(folder / "rows.jsonl", data)
    texts = _texts(file, "skip" if skip else "error")
    try:
        expected = _texts_by_python(data, skip=skip)
    except RecursionError:
        return "accepted"
    if expected is None or texts != expected:
        # A row counts as bad for one parser and not for the other, as with a lone surrogate.
        if skip and expected is not None and abs(len(texts) - len(expected)) <= 2:
            return "accepted"
        found = "an error" if expected is None else f"{len(expected)} documents"
        raise WrongResultError(f"{len(texts)} documents, by Python: {found}")
    return "right"


_CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "gz": (lambda data: gzip.compress(data, mtime=0), gzip.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "xz": (lzma.compress, lzma.decompress),
}


def _compressed(draw: random.Random, folder: Path) -> str:
    name = draw.choice(list(_CODECS))
    compress, decompress = _CODECS[name]
    data = mutated(draw, compress(_rows()))
    texts = _texts(_write(folder / f"rows.jsonl.{name}", data), "error")
    if texts == _texts_by_python(_rows(), skip=False):
        return "right"
    try:
        expected = _texts_by_python(decompress(data), skip=False)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise WrongResultError(
            f"{name}: {len(texts)} documents; Python refuses: {error}"
        ) from error
    if texts != expected:
        raise WrongResultError(f"{name}: other documents than by Python")
    return "right"


def _write_parquet(file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([json.loads(line) for line in _rows().splitlines()])
    pq.write_table(table, file, row_group_size=12, write_page_checksum=True)


def _parquet(draw: random.Random, folder: Path) -> str:
    data = mutated(draw, _made("rows.parquet", _write_parquet))
    texts = _texts(_write(folder / "rows.parquet", data), "error")
    if texts != _texts_by_python(_rows(), skip=False):
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(folder / "rows.parquet", columns=["text"])
            expected = [text.encode() for text in table["text"].to_pylist()]
        except Exception as error:
            raise WrongResultError(
                f"other documents than were saved; pyarrow refuses: {error}"
            ) from error
        if texts != expected:
            raise WrongResultError("other documents than were saved, and than pyarrow reads")
        return "accepted"
    return "right"


# Tokenizers, trees, models and coded files


def _write_tokenizer(file: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=290, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([_LINES], trainer)
    tokenizer.save(str(file))


def _tokenizer(draw: random.Random, folder: Path) -> str:
    good = _made("tokenizer.json", _write_tokenizer)
    if draw.random() < 0.5:
        data = json.dumps(mutated_value(draw, json.loads(good))).encode()
    else:
        data = mutated(draw, good, kinds=TEXT)
    file = _write(folder / "tokenizer.json", data)
    text = _write(folder / "text.txt", _LINES.encode())
    ec.measure(text, depth=2, alphabet=f"bpe:{file}")
    model = ec.TreeModel(3, alphabet=f"bpe:{file}")
    model.update([b"the tyger burns"])
    model.save(folder / "model")
    if ec.TreeModel.load(folder / "model").identity() != model.identity():
        raise WrongResultError("the model that is saved and loaded is another one")
    return "accepted"


_Facts = tuple[Any, ...]


def _facts(tree: ec.TokenTree) -> _Facts:
    shape = (tree.depth, tree.segment, tree.alphabet, tree.vocabulary)
    counts = (tree.documents, tree.bytes, tree.symbols, tree.bad_rows, tree.segments)
    return (*shape, *counts, tree.paths.tolist(), tree.counts.tolist())


def _tree(draw: random.Random, folder: Path) -> str:
    segment = draw.choice(["chunk", "prefix", "window"])

    def save(file: Path) -> None:
        text = _write(_scratch / "text.txt", _LINES.encode())
        ec.TokenTree.build(text, depth=4, segment=segment).save(file)

    good = _made(f"{segment}.parquet", save)
    file = _write(folder / "tree.parquet", mutated(draw, good))
    tree = ec.TokenTree.open(file)
    if _facts(tree) != _facts(ec.TokenTree.open(_scratch / f"{segment}.parquet")):
        raise WrongResultError("another tree than was saved")
    ec.measure_tree(file)
    return "right"


def _model(draw: random.Random, folder: Path) -> str:
    def save(file: Path) -> None:
        model = ec.TreeModel(4)
        model.update([_LINES.encode()])
        model.save(file)

    file = _write(folder / "model", mutated(draw, _made("model", save)))
    model = ec.TreeModel.load(file)
    if model.identity() != ec.TreeModel.load(_scratch / "model").identity():
        raise WrongResultError("another model than was saved")
    return "right"


def _coded(draw: random.Random, folder: Path) -> str:
    model = draw.choice(["tree:4", "static:2"])

    def compress(file: Path) -> None:
        ec.compress(_write(_scratch / "text.txt", _LINES.encode()), file, model=model)

    name = f"{model.replace(':', '-')}.ec"
    file = _write(folder / "file.ec", mutated(draw, _made(name, compress)))
    ec.decompress(file, folder / "text.txt")
    if (folder / "text.txt").read_bytes() != _LINES.encode():
        raise WrongResultError("decompressed to another text")
    return "right"


# Configurations, runs and training rows


def _reviews() -> dict[str, Any]:
    """The configuration of a small rebound study on reviews that are written first."""
    for side, word in (("positive", "lovely"), ("negative", "dreadful")):
        rows = ({"text": f"film {n} was a {word} one and number {n} too"} for n in range(60))
        _write(_scratch / f"{side}.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
    return {
        "study": "rebound",
        "model": "tree:3",
        "pretrain": {"corpus": str(_scratch / "positive.jsonl")},
        "data": {
            side: {"source": str(_scratch / f"{side}.jsonl")} for side in ("positive", "negative")
        },
        "held_out": {"prompts": 4, "tokens": 4, "texts": 4},
        "scorer": {"rows": 10},
        "align": [10],
        "reverse": [5],
        "seeds": 2,
    }


def _configuration(draw: random.Random, folder: Path) -> str:
    from elastic_core.experiments.run import describe_plan, read_config

    good = _reviews()
    if draw.random() < 0.5:
        data = json.dumps(mutated_value(draw, good)).encode()
    else:
        lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in good.items())
        data = mutated(draw, lines.encode(), kinds=TEXT)
    config = read_config("rebound", _write(folder / "config.yaml", data))
    describe_plan(config, folder / "run")
    return "accepted"


def _override(draw: random.Random, folder: Path) -> str:
    from elastic_core.experiments.run import describe_plan, read_config

    file = _write(folder / "config.yaml", json.dumps(_reviews()).encode())
    keys = ["seeds", "align", "model", "recipe", "recipe.learning_rate", "data", "scorer.kind"]
    value = mutated(draw, draw.choice([b"1", b"[1,2]", b"{a: 1}", b"0.5", b"x"]), kinds=TEXT)
    override = f"{draw.choice(keys)}={value.decode('utf-8', 'replace')}"
    describe_plan(read_config("rebound", file, [override]), folder / "run")
    return "accepted"


def _run_folder(draw: random.Random, folder: Path) -> str:
    """A finished run is opened, after its rows or its configuration were damaged."""
    from elastic_core.experiments.config import parse_config
    from elastic_core.experiments.run import experiment, open_run
    from elastic_core.experiments.studies.registry import find_study

    good = _scratch / "run"
    if not good.exists():
        config = parse_config(_reviews(), find_study("rebound").config, "fuzz")
        experiment(config, good, jobs=1)
    names = ("metrics.jsonl", "completions.jsonl", "config.yaml")
    for name in names:
        _write(folder / "run" / name, (good / name).read_bytes())
    name = draw.choice(["metrics.jsonl", *names])
    data = mutated(draw, (good / name).read_bytes(), kinds=TEXT)
    _write(folder / "run" / name, data)
    analysis = open_run(folder / "run").analysis
    if repr(analysis.tables) == repr(open_run(good).analysis.tables):
        return "right"
    if any(note.startswith("These are not the final results") for note in analysis.notes):
        return "accepted"  # It says that rows are missing.
    raise WrongResultError("other tables than those of the run")


def _training_rows(draw: random.Random, folder: Path) -> str:
    from elastic_core.data.load import load_examples

    rows = [{"prompt": f"question {n} é", "completion": f" answer {n}"} for n in range(12)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    table = "prompt,completion\n" + "".join(f"question {n},answer {n}\n" for n in range(12))
    name, data = draw.choice(
        [
            ("rows.jsonl", lines),
            ("rows.json", json.dumps(rows).encode()),
            ("rows.csv", table.encode()),
            ("rows.jsonl.gz", gzip.compress(lines, mtime=0)),
        ]
    )
    is_text = not name.endswith("gz")
    data = mutated(draw, data, kinds=TEXT if is_text else BINARY)
    file = _write(folder / name, data)
    examples = load_examples(file)
    if is_text:
        return "accepted"
    expected = [json.loads(line) for line in gzip.decompress(data).splitlines() if line.strip()]
    if [dict(row) for row in examples.rows] != expected:
        raise WrongResultError("other rows than by Python")
    return "right"


TARGETS = {
    "json-lines": Target(_json_lines, 250),
    "compressed": Target(_compressed, 400),
    "parquet": Target(_parquet, 400),
    "tokenizer": Target(_tokenizer, 150),
    "tree": Target(_tree, 400),
    "model": Target(_model, 100),
    "coded": Target(_coded, 400),
    "config": Target(_configuration, 150),
    "override": Target(_override, 150),
    "run": Target(_run_folder, 150),
    "rows": Target(_training_rows, 250),
}


def run_worker(folder: Path) -> None:
    """Runs the cases that standard input names and answers each with a line on standard output."""
    global _scratch
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _scratch = folder / f"good-{os.getpid()}"
    _scratch.mkdir()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        outcome = _outcome(Case(**json.loads(line)), folder / f"case-{os.getpid()}")
        print(json.dumps(asdict(outcome)), file=answers, flush=True)


def _outcome(case: Case, folder: Path) -> Outcome:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        return Outcome(TARGETS[case.target].read(random.Random(case.seed), folder), "")
    except WrongResultError as error:
        return Outcome("wrong", str(error))
    except (ec.ElasticCoreError, OSError) as error:
        message = str(error)
        # An error of the operating system has the path as it is; the command line escapes it.
        is_one_sentence = isinstance(error, OSError) or (
            len(message) <= _LONGEST_MESSAGE and message.isprintable()
        )
        return Outcome("refused" if is_one_sentence else "ugly", message)
    except BaseException:
        return Outcome("traceback", traceback.format_exc(limit=-3))
