"""`elastic-core compress` and `decompress` on the command line."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import HAMLET, PROGRAM, CommandLine, environment
from test_cli_errors import assert_error


@pytest.mark.parametrize("model", ["tree:5", "static:2"])
def test_a_file_is_compressed_and_restored(
    model: str, cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    play.write_text(HAMLET * 20)
    done = cli("compress", play.name, "--model", model, "-o", "play.ec")
    assert (done.code, done.out) == (0, "")
    assert "bits/byte, ratio 0." in done.err
    assert f"{model} predicted" in done.err
    assert (tmp_path / "play.ec").stat().st_size < play.stat().st_size
    done = cli("decompress", "play.ec", "-o", "again.txt")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "again.txt").read_bytes() == play.read_bytes()


def test_pipes_are_supported() -> None:
    pipe = f"{PROGRAM} compress - -o - | {PROGRAM} decompress - -o -"
    text = bytes(range(256)) * 100
    done = subprocess.run(
        ["bash", "-c", pipe], input=text, capture_output=True, env=environment(), check=True
    )
    assert done.stdout == text


def test_the_default_model_is_tree_8(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    assert cli("compress", play.name, "-o", "one").code == 0
    assert cli("compress", play.name, "--model", "tree:8", "-o", "two").code == 0
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_result_does_not_depend_on_threads(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(1 << 10) * (17 << 10))  # two blocks
    for threads in ("1", "2"):
        done = cli("compress", "noise", "--model", "static:1", "--threads", threads, "-o", threads)
        assert done.code == 0, done.err
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert cli("decompress", "1", "--threads", "2", "-o", "back").code == 0
    assert (tmp_path / "back").read_bytes() == (tmp_path / "noise").read_bytes()


def test_an_existing_file_is_kept_without_force(
    cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("precious")
    assert_error(cli("compress", play.name, "-o", "there"), 2, "there", "--force")
    assert (tmp_path / "there").read_text() == "precious"
    assert cli("compress", play.name, "-o", "there", "--force").code == 0
    assert_error(cli("decompress", "there", "-o", play.name), 2, play.name, "--force")
    assert cli("decompress", "there", "-o", play.name, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        ("compress nowhere -o c", 2, ["nowhere", "no such file"]),
        ("compress play.txt", 2, ["--output"]),
        ("compress play.txt -o nowhere/c", 2, ["nowhere"]),
        ("compress folder -o c", 2, ["folder", "name a file"]),
        ("compress play.txt --model tree:0 -o c", 2, ["depth", "1 to 32"]),
        ("compress play.txt --model tree:deep -o c", 2, ["tree:deep", "tree:8"]),
        ("compress play.txt --model static:65 -o c", 2, ["static:65", "1 to 64"]),
        ("compress play.txt --model zip -o c", 2, ["zip", "tree:DEPTH"]),
        ("compress play.txt --model play.txt -o c", 1, ["play.txt", "not a saved tree model"]),
        ("compress play.txt --window 4 -o c", 2, ["tree:8", "window"]),
        ("compress play.txt --threads 0 -o c", 2, ["threads"]),
        ("decompress nowhere -o c", 2, ["nowhere", "no such file"]),
        (
            "decompress play.txt -o c",
            1,
            ["play.txt", "not a file written by elastic-core compress"],
        ),
        ("decompress empty -o c", 1, ["empty", "not a file written by elastic-core compress"]),
        ("decompress cut.ec -o c", 1, ["cut.ec", "ends early", "block 1"]),
        ("decompress flipped.ec -o c", 1, ["flipped.ec", "block 1 is damaged"]),
        ("decompress good.ec --model tree:4 -o c", 1, ["good.ec", "tree:5", "tree:4"]),
    ],
)
def test_errors_are_one_sentence(
    arguments: str, code: int, parts: list[str], cli: CommandLine, play: Path, tmp_path: Path
) -> None:
    assert cli("compress", play.name, "--model", "tree:5", "-o", "good.ec").code == 0
    good = (tmp_path / "good.ec").read_bytes()
    (tmp_path / "cut.ec").write_bytes(good[:-20])
    flipped = bytearray(good)
    flipped[-20] ^= 1
    (tmp_path / "flipped.ec").write_bytes(flipped)
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert_error(cli(*arguments.split()), code, *parts)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_checkpoint_compresses(
    cli: CommandLine, checkpoint: Path, play: Path, tmp_path: Path
) -> None:
    arguments = ["--model", f"hf:{checkpoint}", "--device", "cpu", "--window", "32"]
    done = cli("compress", play.name, *arguments, "-o", "play.ec")
    assert done.code == 0, done.err
    assert "bits/byte" in done.err
    assert_error(cli("decompress", "play.ec", "-o", "again"), 1, "--model", str(checkpoint))
    done = cli("decompress", "play.ec", "--model", f"hf:{checkpoint}", "-o", "again")
    assert (done.code, done.out) == (0, ""), done.err
    assert (tmp_path / "again").read_bytes() == play.read_bytes()


@pytest.mark.parametrize("source", ["noise", "-"])
def test_ctrl_c_leaves_no_files(source: str, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(os.urandom(1 << 25))
    with subprocess.Popen(
        [PROGRAM, "compress", source, "-o", "c"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 30
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        running.wait(timeout=20)
        assert running.stderr is not None
        assert running.stderr.read().strip() == "error: interrupted"
    assert running.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["noise"]
