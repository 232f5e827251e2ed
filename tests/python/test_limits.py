"""Limits of the system: open files, memory, sizes of files, folders that cannot be written."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROGRAM, CommandLine, Done, environment, mounted
from test_cli_errors import assert_error

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")

# Every command that writes a folder or a file, and what its errors name.
WRITING = {
    "measure": ("measure noise.txt --depth 2 --out out", "out"),
    "mass": ("mass noise.txt --depth 1 --bootstrap 0 --out out", "out"),
    "synth": ("synth out --leaves 1000", "out"),
    "language": ("synth language out --documents 2000 --rows 1000", "out"),
    "build": ("tree build noise.txt -o out", "out"),
    "export": ("tree export noise.parquet -o out", "out"),
    "merge": ("tree merge noise.parquet noise.parquet -o out", "out"),
    "compress": ("compress noise.txt -o out --model tree:1", "out"),
    "decompress": ("decompress noise.ec -o out", "out"),
}


def limited(
    arguments: str, folder: Path, limits: dict[int, int], **more: str
) -> tuple[Done, list[str]]:
    """Runs the command line under limits; also returns the names in the folder afterwards."""

    def apply() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        for limit, value in limits.items():
            resource.setrlimit(limit, (value, value))

    done = subprocess.run(
        [PROGRAM, *arguments.split()],
        cwd=folder,
        env=environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", **more),
        capture_output=True,
        text=True,
        preexec_fn=apply,
        timeout=120,
        check=False,
    )
    names = sorted(path.name for path in folder.iterdir())
    return Done(done.returncode, done.stdout, done.stderr), names


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 200 kB of noise, its tree, and the same compressed."""
    folder = tmp_path_factory.mktemp("noise")
    (folder / "noise.txt").write_bytes(os.urandom(200_000))
    for call in (
        "tree build noise.txt -o noise.parquet --depth 3",
        "compress noise.txt -o noise.ec --model tree:1",
    ):
        done, _ = limited(call, folder, {})
        assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("name", WRITING)
def test_a_file_that_may_not_grow_is_named(name: str, noise: Path) -> None:
    arguments, target = WRITING[name]
    before = sorted(path.name for path in noise.iterdir())
    done, after = limited(arguments, noise, {resource.RLIMIT_FSIZE: 4096})
    assert_error(done, 1, target, "too large")
    assert ".partial-" not in done.err
    assert after == before


@pytest.fixture
def read_only(noise: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written, even by root."""
    folder = tmp_path / "fixed"
    with mounted(folder, "ro"):
        (noise / "fixed").symlink_to(folder)
        yield folder
        (noise / "fixed").unlink()


@pytest.mark.parametrize("name", WRITING)
@pytest.mark.usefixtures("read_only")
def test_a_folder_that_is_read_only_is_named(name: str, noise: Path) -> None:
    arguments, target = WRITING[name]
    done, _ = limited(arguments.replace(f" {target}", f" fixed/{target}"), noise, {})
    if " -o " in arguments:
        assert_error(done, 2, f"fixed/{target}", "no permission to write to the folder fixed")
    else:
        assert_error(done, 1, f"fixed/{target}", "read-only")
    assert ".partial-" not in done.err


def test_too_many_open_files_are_reported(cli: CommandLine, tmp_path: Path, play: Path) -> None:
    assert cli("tree", "build", play.name, "-o", "t.parquet").code == 0
    trees = " ".join(["t.parquet"] * 40)
    done, names = limited(f"tree merge {trees} -o out", tmp_path, {resource.RLIMIT_NOFILE: 24})
    if done.code:
        assert_error(done, 1, "t.parquet", "too many open files")
    assert set(names) <= {"t.parquet", "play.txt", *(["out"] if done.code == 0 else [])}


@pytest.mark.parametrize("files", [8, 16])
def test_few_open_files_never_show_a_traceback(files: int, play: Path, tmp_path: Path) -> None:
    done, names = limited(
        "measure play.txt --depth 2 --out out", tmp_path, {resource.RLIMIT_NOFILE: files}
    )
    assert done.code in (0, 1)
    if done.code and "error: " in done.err:
        assert_error(done, 1)
        assert names == [play.name]


@pytest.mark.parametrize("size", [1 << 30, 3 << 29])
def test_a_limit_of_memory_is_respected_or_named(size: int, noise: Path) -> None:
    before = sorted(path.name for path in noise.iterdir())
    arguments = "measure noise.txt --segment window --depth 32 --threads 1"
    done, after = limited(arguments, noise, {resource.RLIMIT_AS: size})
    if done.code:
        assert_error(done, 1, "memory")
    assert after == before
