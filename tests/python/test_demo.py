"""The demo: every command once, on text that it generates itself."""

import json
import subprocess
from pathlib import Path

import pytest
from conftest import CommandLine, environment

from elastic_core import ModelError
from elastic_core.common import extras
from elastic_core.demo.reviews import review, write_reviews
from elastic_core.demo.story import Size, run_demo
from elastic_core.experiments import executors
from elastic_core.scoring import LinearScorer

SMALL = Size(reviews=90, tokens=4096, align=(8,), reverse=(8,), tree_seeds=2, seeds=1)


def test_reviews_are_distinct_and_reveal_their_sign(tmp_path: Path) -> None:
    write_reviews(tmp_path, 100)
    files = {path.stem: path.read_text().splitlines() for path in tmp_path.iterdir()}
    rows = {name: [json.loads(line)["text"] for line in lines] for name, lines in files.items()}
    assert {name: len(lines) for name, lines in rows.items()} == {
        "positive": 100,
        "negative": 100,
        "pretrain": 400,
    }
    assert not set(rows["pretrain"]) & {*rows["positive"], *rows["negative"]}
    assert review("positive", 3) == rows["positive"][3]
    labels = [True] * 100 + [False] * 100
    assert LinearScorer.fit(rows["positive"] + rows["negative"], labels).accuracy.correct > 0.9


@pytest.mark.usefixtures("one_thread")
def test_the_demo_and_the_help_examples_that_continue_it_run(
    cli: CommandLine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(executors, "default_jobs", lambda _: 1)  # Tests run on every core.
    _check_the_demo_without_torch(tmp_path / "demo", monkeypatch)
    lines: list[str] = []
    page = run_demo(tmp_path / "demo", echo=lines.append, size=SMALL)
    assert page.read_text().startswith("<!DOCTYPE html>")
    printed = "\n".join(lines)
    for command in ("synth", "measure", "elasticity", "experiment rebound", "report"):
        assert f"$ elastic-core {command}" in printed
    assert "Alignment moves the model." in printed
    assert "Thm 3.4" in capsys.readouterr().out
    for name in ("rebound-tree", "rebound-scratch"):
        assert (tmp_path / "demo" / name / "metrics.jsonl").exists()
    for command in ("demo", "experiment", "report"):
        done = cli(command, "--help")
        assert done.code == 0
        assert max(map(len, done.out.splitlines())) <= 80
        _, example = done.out.split("Example:\n")
        first, rest = example.strip().split("\n", 1)
        assert first == "elastic-core demo --no-open"
        if command != "demo":  # Its example is part of the one of `experiment`.
            subprocess.run(
                ["bash", "-euo", "pipefail", "-c", rest],
                cwd=tmp_path,
                env=environment(),
                check=True,
                capture_output=True,
            )
    assert (tmp_path / "both" / "report.html").exists()


def _check_the_demo_without_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install, and the report on the tree model is there."""
    lines: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(extras, "find_spec", {"torch": None}.get)
        with pytest.raises(ModelError) as caught:
            run_demo(folder, echo=lines.append, size=SMALL)
    extra = "torch is not installed; pip install 'elastic-core[train]'"
    assert str(caught.value) == f"scratch:0.3M: {extra}"
    assert lines[-1] == f"The report on what was finished is in {folder / 'report'}."
    result = json.loads((folder / "report" / "result.json").read_text())
    assert [run["config"]["model"] for run in result["runs"]] == ["tree:6"]


def test_the_command_rejects_a_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = cli("demo", "taken", "--no-open")
    assert done.code == 2
    assert "a file is in the way" in done.err
