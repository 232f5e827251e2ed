"""Memory and threads that the system does not provide are refused in one sentence."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import HAMLET

import elastic_core as ec
from elastic_core._core import Corpus, TokenTree, TreeModel, available_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")

# What a process needs besides its budget: its libraries, and stacks of threads.
BASE = """
import resource
from elastic_core._core import *

def room(kind, line):
    text = open("/proc/self/status", encoding="utf-8").read()
    used = int(text.split(line)[1].split()[0]) << 10
    resource.setrlimit(kind, (used + (200 << 20), resource.RLIM_INFINITY))
"""


def outcome(code: str, tmp_path: Path) -> str:
    """What a program prints that has the core and a corpus `a.txt`."""
    (tmp_path / "a.txt").write_text(HAMLET, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-c", BASE + code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "line"), [("resource.RLIMIT_AS", "VmSize:"), ("resource.RLIMIT_DATA", "VmData:")]
)
def test_a_limit_of_the_process_bounds_the_memory(kind: str, line: str, tmp_path: Path) -> None:
    text = outcome(f"room({kind}, '{line}'); print(available_memory() >> 20)", tmp_path)
    assert 180 <= int(text) <= 200


@pytest.mark.parametrize(
    "call",
    [
        "TokenTree.build(Corpus(['a.txt']), memory=512 << 20)",
        "TreeModel(4, memory=512 << 20)",
    ],
)
def test_memory_beyond_the_limit_of_the_process_is_refused(call: str, tmp_path: Path) -> None:
    text = outcome(
        f"""
room(resource.RLIMIT_AS, 'VmSize:')
try:
    {call}
except InvalidArgumentError as error:
    print(error)
""",
        tmp_path,
    )
    assert " of 512 MiB is more than the " in text
    assert text.endswith(" MiB of memory that this process can use: choose less")


def test_memory_within_the_limit_of_the_process_is_used(tmp_path: Path) -> None:
    code = """
room(resource.RLIMIT_AS, 'VmSize:')
print(len(TokenTree.build(Corpus(['a.txt']), depth=1, memory=16 << 20, threads=1)) > 20)
"""
    assert outcome(code, tmp_path) == "True"


def test_more_memory_than_the_machine_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(HAMLET, encoding="utf-8")
    huge = 1 << 60
    with pytest.raises(ec.InvalidArgumentError, match="a memory budget of 1099511627776 MiB is"):
        TokenTree.build(Corpus([tmp_path / "a.txt"]), memory=huge)
    with pytest.raises(ec.InvalidArgumentError, match="a tree model of 1099511627776 MiB is"):
        TreeModel(4, memory=huge)
    assert 0 < available_memory() < huge


def test_threads_that_cannot_start_are_reported() -> None:
    # Root may start any number of threads, so the program becomes somebody else.
    code = """
import os
if os.getuid() == 0:
    os.setuid(65534)
corpus = Corpus(['a.txt'])
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
for call in (
    lambda: TokenTree.build(corpus, depth=1),
    lambda: TreeModel(4).update(["to be"]),
    lambda: corpus.batches(),
):
    try:
        next(iter(call()))
    except ElasticCoreError as error:
        print(error)
"""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        lines = outcome(code, Path(folder)).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("cannot start a thread (Resource temporarily un") for line in lines)
