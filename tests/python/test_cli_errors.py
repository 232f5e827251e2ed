"""Errors on the command line: one sentence, the right exit code, no files left behind."""

import gzip
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from conftest import PROGRAM, CommandLine, Done, environment, mounted

from elastic_core.cli.errors import with_options

TEXT = "to be or not to be, that is the question\n"


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """A folder with a play and invalid corpora, trees and tokenizers."""
    rows = "".join(json.dumps({"text": f"{n} {TEXT}"}) + "\n" for n in range(2000)).encode()
    files = {
        "cut.txt.gz": gzip.compress(rows)[:-200],
        "cut.jsonl.zst": pa.compress(rows, codec="zstd", asbytes=True)[:-200],
        "nokey.jsonl": b'{"text": "to be"}\n{"body": "or not"}\n',
        "number.jsonl": b'{"text": "to be"}\n{"text": 42}\n',
        "broken.jsonl": b'{"text": "to be"}\n{"text": "or\n',
        "tokenizer.json": b'{"model": "none"}',
        "notree.parquet": b"PAR1 this is no tree PAR1",
        "empty.txt": b"",
        "play.txt": TEXT.encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "emptyfolder").mkdir()
    pl.DataFrame({"text": [TEXT] * 100}).write_parquet(tmp_path / "cut.parquet")
    whole = (tmp_path / "cut.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-40])
    return tmp_path


def assert_error(done: Done, code: int, *parts: str) -> None:
    """Asserts that the program failed with this code and one sentence with these parts."""
    assert done.code == code, done.err
    assert done.out == ""
    assert done.err.startswith("error: "), done.err
    assert len(done.err.splitlines()) == 1, done.err
    assert "Traceback" not in done.err
    for part in parts:
        assert part in done.err, done.err


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        ("measure nowhere.txt", 2, ["nowhere.txt", "no such file"]),
        ("measure nothing*.txt", 2, ["nothing*.txt"]),
        ("measure", 2, ["CORPUS", "--help"]),
        ("measure play.txt --depth 0", 2, ["depth", "0", "64"]),
        ("measure play.txt --depth 65", 2, ["depth", "65", "64"]),
        ("measure play.txt --depth deep", 2, ["depth", "deep"]),
        ("measure play.txt --segment word", 2, ["segment", "word", "chunk"]),
        ("measure play.txt --alphabet morse", 2, ["morse"]),
        ("measure play.txt --alphabet bpe:nowhere.json", 2, ["nowhere.json"]),
        ("measure play.txt --alphabet bpe:tokenizer.json", 1, ["tokenizer.json"]),
        ("measure play.txt --memory plenty", 2, ["plenty", "size"]),
        ("measure play.txt --memory 1kB", 2, ["memory"]),
        ("measure play.txt --threads 0", 2, ["threads"]),
        ("measure play.txt --sample 2", 2, ["sample", "2"]),
        ("measure play.txt --limit 0", 2, ["limit"]),
        (f"measure play.txt --limit {2**63}", 2, ["limit"]),
        ("measure play.txt --seed -1", 2, ["seed"]),
        (f"measure play.txt --seed {2**64}", 2, ["seed"]),
        ("measure play.txt --compare arj:9", 2, ["arj"]),
        ("measure play.txt --compare zstd:99", 2, ["zstd:99"]),
        ("measure play.txt --wrong", 2, ["--wrong"]),
        ("measure empty.txt", 1, ["empty.txt", "no documents"]),
        ("measure emptyfolder", 1, ["emptyfolder", "no documents"]),
        ("measure cut.txt.gz", 1, ["cut.txt.gz"]),
        ("measure cut.jsonl.zst", 1, ["cut.jsonl.zst"]),
        ("measure cut.parquet", 1, ["cut.parquet"]),
        ("measure nokey.jsonl", 1, ["nokey.jsonl", "line 2", "text", "skip"]),
        ("measure number.jsonl", 1, ["number.jsonl", "line 2", "text", "skip"]),
        ("measure broken.jsonl", 1, ["broken.jsonl", "line 2"]),
        ("measure play.txt --text-key answer", 2, ["play.txt", "text key", ".jsonl"]),
        ("measure number.jsonl --text-key txt", 1, ["did you mean `text`?", "--text-key text"]),
        ("measure play.txt --split line --split-on x", 2, ["split line", "choose one"]),
        ("measure . --include *.none", 2, ["include and exclude"]),
        ("measure nokey.jsonl --split line", 2, ["nokey.jsonl", "split", "rows"]),
        ("tree build play.txt --text-key answer -o t.parquet", 2, ["play.txt", "text key"]),
        ("measure - -", 2, ["standard input"]),
        ("measure play.txt --out empty.txt", 2, ["empty.txt", "folder"]),
        ("measure play.txt --out empty.txt/deeper", 2, ["empty.txt", "folder"]),
        ("tree build nowhere.txt -o t.parquet", 2, ["nowhere.txt"]),
        ("tree build play.txt", 2, ["--output"]),
        ("tree build play.txt -o emptyfolder", 2, ["emptyfolder", "directory"]),
        ("tree build play.txt -o nowhere/t.parquet", 2, ["nowhere"]),
        ("tree show nowhere.parquet", 2, ["nowhere.parquet"]),
        ("tree show notree.parquet", 1, ["notree.parquet"]),
        ("tree show play.txt", 1, ["play.txt"]),
        ("tree merge notree.parquet -o t.parquet", 2, ["two"]),
        ("tree merge notree.parquet notree.parquet -o t.parquet", 1, ["notree.parquet"]),
        ("tree export notree.parquet -o t.csv", 1, ["notree.parquet"]),
        ("tree", 2, ["missing command", "elastic-core tree --help"]),
        ("wrong", 2, ["wrong"]),
    ],
)
def test_errors_are_one_sentence(
    arguments: str, code: int, parts: list[str], corpora: Path, cli: CommandLine
) -> None:
    before = sorted(corpora.rglob("*"))
    assert_error(cli(*arguments.split()), code, *parts)
    assert sorted(corpora.rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_file_is_reported(cli: CommandLine, play: Path) -> None:
    play.chmod(0)
    assert_error(cli("measure", play.name), 1, "play.txt", "permission denied")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_an_output_folder_without_permission_is_reported(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert_error(cli("measure", play.name, "--out", "closed"), 1, "closed", "permission")
    assert_error(cli("tree", "build", play.name, "-o", "closed/t.parquet"), 2, "closed")


def test_an_output_folder_that_cannot_be_created_is_reported(cli: CommandLine, play: Path) -> None:
    done = cli("measure", play.name, "--out", "/proc/nowhere/out")
    assert done.code in (1, 2)
    assert "/proc/nowhere" in done.err


@pytest.mark.parametrize(
    ("options", "word"),
    [("--depth 5", "depth"), ("--segment window", "segment"), ("--alphabet bit", "alphabet")],
)
def test_trees_of_different_shapes_are_not_merged(
    options: str, word: str, cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    cli("tree", "build", play.name, "-o", "one.parquet")
    cli("tree", "build", play.name, "-o", "two.parquet", *options.split())
    done = cli("tree", "merge", "one.parquet", "two.parquet", "-o", "both.parquet")
    assert_error(done, 2, word)
    assert not (tmp_path / "both.parquet").exists()


def test_a_damaged_tree_is_reported(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    cli("tree", "build", play.name, "-o", "tree.parquet")
    file = tmp_path / "tree.parquet"
    file.write_bytes(file.read_bytes()[:-30])
    assert_error(cli("tree", "show", "tree.parquet"), 1, "tree.parquet")


def test_a_full_standard_output_is_reported(play: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, "measure", play], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error: standard output: the disk is full; free some space there\n"


def limit_files_to(size: int) -> Callable[[], None]:
    """A function that makes writes beyond `size` bytes of a file fail, as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize(
    "arguments",
    [["measure", "noise.txt", "--out", "out"], ["tree", "build", "noise.txt", "-o", "t"]],
)
def test_a_failed_write_leaves_no_files(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "noise.txt").write_bytes(os.urandom(1 << 20))
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=limit_files_to(100_000),
        check=False,
    )
    assert_error(Done(done.returncode, done.stdout, done.stderr), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["noise.txt"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    with mounted(folder, "size=2m"):
        yield folder


def test_a_full_temporary_disk_is_reported_and_cleaned(
    cli: CommandLine, small_disk: Path, tmp_path: Path
) -> None:
    (tmp_path / "noise.txt").write_bytes(os.urandom(4 << 20))
    options = ["--segment", "window", "--memory", "4MiB"]
    done = cli("measure", "noise.txt", *options, TMPDIR=str(small_disk))
    assert_error(done, 1, str(small_disk), "TMPDIR")
    assert not list(small_disk.iterdir())


def test_a_full_disk_keeps_the_old_tree(
    cli: CommandLine, small_disk: Path, tmp_path: Path, play: Path
) -> None:
    (tmp_path / "noise.txt").write_bytes(os.urandom(4 << 20))
    assert cli("tree", "build", play.name, "-o", small_disk / "t.parquet").code == 0
    old = (small_disk / "t.parquet").read_bytes()
    done = cli("tree", "build", "noise.txt", "-o", small_disk / "t.parquet", "--force")
    last = replace(done, err=done.err.splitlines()[-1])  # after lines of progress
    assert_error(last, 1, "t.parquet", "full")
    assert [path.name for path in small_disk.iterdir()] == ["t.parquet"]
    assert (small_disk / "t.parquet").read_bytes() == old


def test_a_long_name_is_abridged(cli: CommandLine) -> None:
    source, corpus = f"data.positive.source={'a' * 5000}", "pretrain.corpus=corpora"
    sides = (source, "data.negative.source=b")
    done = cli("experiment", "rebound", *sides, corpus, "model=tree:2", "--dry-run")
    assert_error(done, 1, "aaa...aaa", "aaa: file name too long")
    assert len(done.err) < 700


def test_control_characters_do_not_reach_the_terminal(cli: CommandLine, tmp_path: Path) -> None:
    name = "a\x1b[2J\u202e\x07.jsonl"
    escaped = "a\\x1b[2J\\u202e\\x07.jsonl"
    assert_error(cli("measure", name), 2, escaped)
    (tmp_path / name).write_text('{"\\u001b[2J": "to be", "n": "\\u001b"}\n')
    assert_error(cli("measure", name), 1, escaped, "\\x1b[2J`, `n`")
    (tmp_path / name).write_text('{"text": "to be"}\n')
    for output_format in ("table", "markdown", "json"):
        done = cli("measure", name, "--format", output_format, "--depth", "1")
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert "2J" in done.out


@pytest.mark.parametrize(
    ("corpus", "options"),
    [
        ("noise.txt", ["--segment", "window", "--memory", "8MiB", "--depth", "32"]),
        ("small.txt", ["--compare", "xz:9,xz:9,xz:9,xz:9"]),
        ("-", []),
        ("pipe.txt", []),
    ],
    ids=["spilling", "comparing", "waiting for standard input", "waiting for a writer"],
)
def test_ctrl_c_leaves_no_files(corpus: str, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "noise.txt").write_bytes(os.urandom(1 << 26))
    (tmp_path / "small.txt").write_bytes(os.urandom(1 << 24))
    with subprocess.Popen(
        [PROGRAM, "measure", corpus, "--out", "out", *options],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path / "temporary")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".partial-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.8)
        assert running.poll() is None, "the job was over before the signal"
        start = time.monotonic()
        running.send_signal(signal.SIGINT)
        running.wait(timeout=20)
        seconds = time.monotonic() - start
        assert running.stdout is not None
        assert running.stderr is not None
        out, err = running.stdout.read(), running.stderr.read()
    assert (running.returncode, out) == (130, "")
    assert err.strip() == "error: interrupted"
    assert seconds < 5
    assert not list((tmp_path / "temporary").iterdir())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"temporary", "pipe.txt", "noise.txt", "small.txt"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('skip such rows with `on_bad_row="skip"`', "skip such rows with --on-bad-row skip"),
        ("a: exists: overwrite it with `overwrite=True`", "a: exists: overwrite it with --force"),
        ('give `text_key="a.b"`, or more', "give --text-key a.b, or more"),
        ("name one with `models`", "name one with --model"),
        ('add `model="/my model"`', "add --model '/my model'"),
        ("give more `memory`, or compress", "give more --memory, or compress"),
        ('{"text": "use `ls`"} stays', '{"text": "use `ls`"} stays'),
    ],
)
def test_messages_name_options_in_place_of_arguments(message: str, expected: str) -> None:
    assert with_options(message) == expected
