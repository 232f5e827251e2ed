"""Folders of results: their files appear together, and nothing else in them is lost."""

import os
import stat
from pathlib import Path

import pytest

from elastic_core import InvalidArgumentError
from elastic_core._core import partial_prefix, remove_leftovers
from elastic_core.common import folders
from elastic_core.common.folders import result_folder


def write(path: Path, content: str, *names: str) -> None:
    """Writes a result of some files, with the same content in all."""
    with result_folder(path) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)


def contents(path: Path) -> dict[str, str]:
    """The text of every file below a folder."""
    return {
        file.relative_to(path).as_posix(): file.read_text()
        for file in path.rglob("*")
        if file.is_file()
    }


def test_a_failed_job_keeps_the_old_result(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("old")

    def fail() -> None:
        with result_folder(tmp_path) as folder:
            (folder / "result.json").write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "old"


def test_a_failed_job_leaves_no_new_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), result_folder(tmp_path / "a" / "b"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_newer_result_replaces_the_older_and_leaves_the_rest(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "old", "a", "b", "sub/a", "sub/b")
    (out / "notes").mkdir()
    (out / "notes" / "mine").write_text("mine")
    out.chmod(0o2750)
    write(out, "new", "a", "c", "sub/a")
    expected = {"a": "new", "b": "old", "c": "new", "notes/mine": "mine"}
    assert contents(out) == {**expected, "sub/a": "new", "sub/b": "old"}
    assert stat.S_IMODE(out.stat().st_mode) == 0o2750
    assert list(tmp_path.iterdir()) == [out]


def test_parts_of_an_older_result_go_with_it(tmp_path: Path) -> None:
    write(tmp_path / "out", "old", "page", "tables/one", "tables/two", "mine")
    with result_folder(tmp_path / "out", ("page", "tables")) as folder:
        (folder / "tables").mkdir()
        (folder / "tables" / "two").write_text("new")
    assert contents(tmp_path / "out") == {"tables/two": "new", "mine": "old"}


@pytest.mark.parametrize("reason", ["many files", "no exchange", "working directory"])
def test_a_folder_that_stays_is_filled_file_by_file(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError

    out = tmp_path / "out"
    write(out, "old", "a", "tables/one", "tables/two", "mine")
    match reason:
        case "many files":
            monkeypatch.setattr(folders, "_MOST_CARRIED", 0)
        case "no exchange":
            monkeypatch.setattr(folders, "_exchange", fail)
        case _:
            monkeypatch.chdir(out)
    before = out.stat().st_ino
    with result_folder(out, ("tables",)) as folder:
        (folder / "tables").mkdir()
        for name in ("a", "tables/two"):
            (folder / name).write_text("new")
    assert contents(out) == {"a": "new", "tables/two": "new", "mine": "old"}
    assert out.stat().st_ino == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_to_a_folder_stays(tmp_path: Path) -> None:
    write(tmp_path / "real", "old", "a")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "new", "a")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real") == {"a": "new"}


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidArgumentError, match="a file is in the way"):
            write(path, "new", "a")


def test_files_that_are_there_or_appear_are_kept(tmp_path: Path) -> None:
    def write_new(path: Path, content: str, *meanwhile: str) -> None:
        with result_folder(path, overwrite=False) as folder:
            (folder / "a").write_text(content)
            write(path, "old", *meanwhile)

    (tmp_path / "out").mkdir()
    with result_folder(tmp_path / "out", overwrite=False) as folder:
        (folder / "a").write_text("old")
    for name, meanwhile in (("out", []), ("below/new", ["b"])):
        with pytest.raises(InvalidArgumentError, match=rf"{name} is not empty: .*=True`$"):
            write_new(tmp_path / name, "new", *meanwhile)
    assert contents(tmp_path) == {"out/a": "old", "below/new/b": "old"}


def test_errors_name_the_folder_of_the_result(tmp_path: Path) -> None:
    def fail(number: int, reason: str, name: str | None) -> None:
        with result_folder(tmp_path / "out") as folder:
            if name is None:
                raise OSError(number, reason)
            raise OSError(number, reason, str(folder / name))

    full = os.strerror(28)
    for name, named in (("a", "out/a"), (None, "out"), ("/elsewhere", "/elsewhere")):
        with pytest.raises(OSError, match=full) as caught:
            fail(28, full, name)
        assert str(caught.value.filename).removeprefix(f"{tmp_path}/") == named
    with pytest.raises(OSError, match="standard input is gone") as caught:
        fail(5, "standard input is gone", None)
    assert caught.value.filename is None


def test_leftovers_of_dead_processes_are_removed(tmp_path: Path) -> None:
    live = f"{partial_prefix()}0"
    dead = live.replace(live.split("-")[2], "999999999")
    elsewhere = live.replace(live.split("-")[1], "0" * 8)
    kept = [live, elsewhere, ".partial-other", f"{dead}-more"]
    for name in (dead, *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / f"{dead}1").touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
