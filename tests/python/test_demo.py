"""The demo: an aligned model on its way back and the law behind it, on text that it generates."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import CommandLine, environment

from elastic_core.common import extras
from elastic_core.common.desktop import has_desktop
from elastic_core.common.yaml import parse_yaml_file
from elastic_core.demo import story
from elastic_core.demo.story import Size, run_demo
from elastic_core.experiments import executors

SMALL = Size(
    documents=400,
    rows=60,
    tokens=4096,
    tree_bytes=20_000,
    align=16,
    dose=(16,),
    texts=4,
    seeds=1,
)
FINDINGS = (
    "Neutral data undo the alignment.",
    "Under neutral data the distribution returns, not only the margin.",
    "Data like the pre-training undo more of the alignment than novel data do.",
)


@pytest.fixture(autouse=True)
def _one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "default_jobs", lambda _: 1)  # Tests run on every core.


def check(folder: Path, printed: str) -> None:
    """Checks the output of the demo and its page."""
    order = ["$ elastic-core synth language", "$ elastic-core experiment reversion", FINDINGS[0]]
    places = [printed.index(text) for text in (*order, "What is in the text")]
    assert places == sorted(places)
    assert all(claim in " ".join(printed.split()) for claim in FINDINGS)
    page = folder / "reversion" / "report" / "report.html"
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert (folder / "reversion" / "report" / "figures" / "reversion.png").exists()


@pytest.mark.usefixtures("one_thread")
def test_the_demo_pre_trains_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story, "_show_the_law", lambda *_: None)  # It needs no network.
    page = run_demo(tmp_path / "demo", echo=print, size=SMALL)
    printed = capsys.readouterr().out
    check(tmp_path / "demo", printed)
    assert page == tmp_path / "demo" / "reversion" / "report" / "report.html"
    assert "$ elastic-core pretrain " in printed
    config = parse_yaml_file(tmp_path / "demo" / "reversion.yaml")
    assert config["model"] == str(tmp_path / "demo" / "base")


def test_without_torch_a_tree_model_takes_its_place(
    cli: CommandLine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The help examples continue the demo."""
    with monkeypatch.context() as patch:
        patch.setattr(
            extras, "find_spec", lambda name: None if name == "torch" else find_spec(name)
        )
        run_demo(tmp_path / "demo", echo=print, size=SMALL)
    printed = capsys.readouterr().out
    check(tmp_path / "demo", printed)
    for command in ("synth", "measure", "elasticity"):
        assert (
            f"$ elastic-core {command} {'--' if command == 'elasticity' else tmp_path}" in printed
        )
    assert "Thm 3.4" in printed
    extra = "torch is not installed; pip install 'elastic-core[train]'"
    assert f"scratch:0.3M: {extra}.\nUntil then a tree model takes its place" in printed
    assert parse_yaml_file(tmp_path / "demo" / "reversion.yaml")["model"] == "tree:4"
    for command in ("demo", "experiment", "report", "runs"):
        done = cli(command, "--help")
        assert done.code == 0
        assert max(map(len, done.out.splitlines())) <= 80
        _, example = done.out.split("Example:\n")
        first, rest = example.strip().split("\n", 1)
        assert first == "elastic-core demo --no-open"
        if command in ("report", "runs"):  # The other examples are the beginning of these.
            run(rest, tmp_path)
    assert (tmp_path / "both" / "report.html").exists()


def run(script: str, folder: Path) -> None:
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(),
        check=True,
        capture_output=True,
    )


def test_files_of_ones_own_are_not_overwritten(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    done = cli("demo", "mine", "--no-open")
    assert done.code == 2
    assert done.err == "error: mine: not empty, nor the folder of a demo; name another\n"
    (tmp_path / "mine" / story.CONFIGURATION).write_text("seeds: 9")
    done = cli("demo", "mine", "--no-open")
    assert done.code == 2
    assert "mine/reversion.yaml: it was changed, or written without torch" in done.err
    assert {path.name: path.read_text() for path in (tmp_path / "mine").iterdir()} == {
        "notes.txt": "mine", "reversion.yaml": "seeds: 9",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("display", "terminal", "opens"), [(":0", True, True), ("", True, False), (":0", False, False)]
)
def test_a_page_opens_on_a_desktop_only(
    display: str, terminal: bool, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert has_desktop() == opens


def test_the_command_rejects_a_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = cli("demo", "taken", "--no-open")
    assert done.code == 2
    assert "a file is in the way" in done.err
