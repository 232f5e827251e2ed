"""Signals and closed streams: the right exit code, no traceback, nothing left half-written."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PROGRAM, environment

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Runs a command line of bash in which `ec` is the program."""
    return subprocess.run(
        ["bash", "-c", command.replace("ec ", f"{PROGRAM} ", 1)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )


def job_that_writes(tmp_path: Path) -> subprocess.Popen[bytes]:
    """A job that has begun to write its result into the folder `out`."""
    (tmp_path / "big.txt").write_text("words that go on and on\n" * 400_000)
    call = [
        str(PROGRAM),
        "measure",
        "big.txt",
        "--segment",
        "window",
        "--depth",
        "16",
        "--out",
        "out",
    ]
    job = subprocess.Popen(call, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE)
    limit = time.monotonic() + 60
    while not list(tmp_path.rglob(".partial-*")) and time.monotonic() < limit:
        time.sleep(0.02)
    return job


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_ends_a_job_and_leaves_the_folder_as_it_was(
    number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text("old")
    job = job_that_writes(tmp_path)
    job.send_signal(number)
    _, err = job.communicate(timeout=120)
    assert (job.returncode, err.strip()) == (CODES[number], b"error: interrupted")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.json"]
    assert (tmp_path / "out" / "result.json").read_text() == "old"


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_while_the_program_loads_shows_no_traceback(
    number: signal.Signals, tmp_path: Path
) -> None:
    # The modules report when they are loaded: from the first of ours on, signals are handled.
    job = subprocess.Popen(
        [PROGRAM, "measure", "-"],
        cwd=tmp_path,
        env=environment(PYTHONVERBOSE="1"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert job.stderr
    for line in job.stderr:
        if b"import 'elastic_core._core'" in line:
            break
    job.send_signal(number)
    _, err = job.communicate(timeout=60)
    assert job.returncode == CODES[number]
    assert b"Traceback" not in err
    assert b"error: interrupted" in err


def test_a_job_that_was_killed_leaves_nothing_after_the_next(tmp_path: Path) -> None:
    job = job_that_writes(tmp_path)
    job.kill()
    job.communicate()
    assert list(tmp_path.rglob(".partial-*"))
    (tmp_path / "small.txt").write_text("to be or not to be")
    assert shell("ec measure small.txt --depth 2 --out out", tmp_path).returncode == 0
    assert not list(tmp_path.rglob(".partial-*"))


@pytest.mark.skipif(os.name != "posix", reason="shell syntax")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("ec measure ok.txt --depth 1 --format csv >&-", 1),
        ("ec measure ok.txt --depth 1 >&-", 1),
        ("ec compress ok.txt -o - >&-", 1),
        ("ec tree build ok.txt -o t.parquet >&-", 0),
        ("ec measure ok.txt --depth 1 2>&-", 0),
        ("ec tree build ok.txt -o t.parquet 2>&-", 0),
        ("ec measure none.txt 2>&-", 2),
        ("ec tree build ok.txt -o t.parquet >&- 2>&-", 0),
        ("ec measure ok.txt --depth 1 <&-", 0),
        ("ec tree build ok.txt -o t.parquet 2> /dev/full", 0),
        ("ec measure none.txt 2> /dev/full", 2),
        ("set -o pipefail; ec tree build ok.txt -o t.parquet 2>&1 >/dev/null | true", 0),
    ],
)
def test_closed_streams_never_show_a_traceback(command: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "ok.txt").write_text("to be or not to be")
    done = shell(command, tmp_path)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    assert done.stderr.count(b"\n") <= 1
