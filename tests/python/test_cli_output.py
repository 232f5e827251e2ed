"""`-o` on the command line: what is replaced, what is written through, what is refused."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
from conftest import PROGRAM, CommandLine, environment
from test_cli_errors import assert_error

from elastic_core import TokenTree

COMMANDS = {
    "build": "tree build play.txt",
    "merge": "tree merge play.parquet play.parquet",
    "export": "tree export play.parquet",
    "compress": "compress play.txt --model tree:2",
    "decompress": "decompress play.ec",
}


@pytest.fixture(autouse=True)
def inputs(cli: CommandLine, play: Path, tmp_path: Path) -> None:
    """A tree and a compressed file of the play."""
    TokenTree.build(play, depth=2).save(tmp_path / "play.parquet")
    assert cli("compress", play.name, "--model", "tree:2", "-o", "play.ec").code == 0


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> list[str]:
    """A command that writes a file, without its `-o`."""
    return COMMANDS[request.param].split()


@pytest.fixture
def expected(command: list[str], cli: CommandLine, tmp_path: Path) -> bytes:
    """What the command writes."""
    assert cli(*command, "-o", "expected").code == 0
    return (tmp_path / "expected").read_bytes()


def test_an_existing_file_is_replaced_only_with_force(
    command: list[str], expected: bytes, cli: CommandLine, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_text("precious")
    there.chmod(0o640)
    assert_error(cli(*command, "-o", "there"), 2, "there exists", "--force")
    assert there.read_text() == "precious"
    assert cli(*command, "-o", "there", "--force").code == 0
    assert there.read_bytes() == expected
    assert stat.S_IMODE(there.stat().st_mode) == 0o640


def test_a_new_file_follows_the_umask(cli: CommandLine, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert cli(*COMMANDS["build"].split(), "-o", "new").code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_dash_is_standard_output(command: list[str], expected: bytes, tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, *command, "-o", "-"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == expected
    assert not (tmp_path / "-").exists()


def test_a_fifo_is_written_through(
    command: list[str], expected: bytes, cli: CommandLine, tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    done = cli(*command, "-o", "fifo")
    reader.join(timeout=20)
    assert (done.code, done.out, read) == (0, "", [expected]), done.err
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_link_is_followed(
    command: list[str], expected: bytes, cli: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to("folder/target")
    assert cli(*command, "-o", "link").code == 0  # The target does not exist yet.
    assert_error(cli(*command, "-o", "link"), 2, "link exists", "--force")
    (folder / "target").write_text("old")
    assert cli(*command, "-o", "link", "--force").code == 0
    assert (tmp_path / "link").is_symlink()
    assert (folder / "target").read_bytes() == expected
    assert [file.name for file in folder.iterdir()] == ["target"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs the devices of Linux")
def test_a_device_stays_a_device(command: list[str], cli: CommandLine, tmp_path: Path) -> None:
    for device in ("null", "full"):
        (tmp_path / device).symlink_to(f"/dev/{device}")
    assert cli(*command, "-o", "null").code == 0
    assert_error(cli(*command, "-o", "full"), 1, "full", "disk is full")
    for device in ("null", "full"):
        assert (tmp_path / device).is_symlink()
        assert stat.S_ISCHR((tmp_path / device).stat().st_mode)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/stdout")
def test_redirected_standard_output_is_appended_to(
    command: list[str], expected: bytes, tmp_path: Path
) -> None:
    arguments = " ".join(command)
    subprocess.run(
        ["bash", "-c", f"{{ printf head; {PROGRAM} {arguments} -o /dev/stdout; }} >> log"],
        cwd=tmp_path,
        env=environment(),
        check=True,
    )
    assert (tmp_path / "log").read_bytes() == b"head" + expected


def test_an_endless_link_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert_error(cli(*COMMANDS["build"].split(), "-o", "loop"), 1, "loop", "symbolic links")


def test_scores_of_documents_are_replaced_only_with_force(cli: CommandLine, tmp_path: Path) -> None:
    command = ["measure", "play.txt", "--depth", "2", "--model", "tree:2", "--per-document"]
    (tmp_path / "there").write_text("precious")
    assert_error(cli(*command, "there"), 2, "there exists", "--force")
    assert_error(cli(*command, "-"), 2, "--per-document", "standard output")
    assert cli(*command, "there", "--force").code == 0
    assert pl.read_parquet(tmp_path / "there").height == 1
