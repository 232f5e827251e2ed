"""The report of experiment runs in every format."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import CommandLine
from documents import FIGURE, PLAIN, SURE, TABLE, Page
from rich.console import Console

from elastic_core import InvalidArgumentError
from elastic_core.common import schemas
from elastic_core.common.files import append_json_line
from elastic_core.experiments.analysis import Analysis, Story
from elastic_core.experiments.folder import RunFolder
from elastic_core.experiments.report import (
    COLUMNS,
    certainty,
    document,
    headline,
    page,
    print_report,
    report_folder,
    write_report,
)
from elastic_core.experiments.result import ExperimentResult
from elastic_core.experiments.run import Run, open_run
from elastic_core.experiments.studies.rebound import ReboundConfig
from elastic_core.report.csv import csv_text
from elastic_core.report.document import Document, Figure, Finding, Table
from elastic_core.report.html import page_text
from elastic_core.report.markdown import markdown_text
from elastic_core.report.terminal import print_document

ANALYSIS = Analysis(
    study="rebound",
    question="Does it <spring> back?",
    protocol="It was tried.",
    findings=(
        Finding("It moves.", "holds", "By 0.5."),
        Finding("It falls.", "does not hold", "By -0.5."),
        Finding("It is fast.", "cannot tell", "By 0.0."),
    ),
    tables=(TABLE, PLAIN),
    figures=(FIGURE, Figure("empty", "Nothing.", ())),
    notes=("One cell diverged.",),
    claims_sha256="cafe",
)

CONFIG = ReboundConfig.model_validate(
    {
        "model": "tree:3",
        "data": {"positive": {"source": "good.txt"}, "negative": {"source": "bad.txt"}},
        "align": [10, 20],
        "dose": [5, 10, 20],
        "seeds": 2,
        "reverse_recipe": {"weight": 2.0},
    }
)


def write_run(folder: Path) -> RunFolder:
    """Writes the folder of a run with all cells and a torn last line."""
    run_folder = RunFolder(folder)
    run_folder.begin(CONFIG, "cafe")
    labels: list[dict[str, str | int]] = [{"stage": "base"}]
    for align in CONFIG.align:
        start: dict[str, str | int] = {"stage": "align", "first": "positive", "align": align}
        labels += [start, *({**start, "stage": "arm", "dose": n} for n in CONFIG.dose)]
    for seed in CONFIG.seed_range:
        for number, row_labels in enumerate(labels):
            append_json_line(
                run_folder.metrics,
                {
                    "key": f"{seed}-{number}",
                    "time": f"2026-01-02T03:04:{number:02}+00:00",
                    "name": f"cell {number}",
                    "labels": {**row_labels, "seed": seed},
                    "seed": seed,
                    "score": 0.5 + 0.01 * number + 0.001 * seed,
                    "rate_positive": 2.0,
                    "seconds": 4.0,
                },
            )
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"key": "half')
    return run_folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(write_run(tmp_path / "run"), CONFIG, ANALYSIS)


def report(runs: Sequence[Run]) -> Document:
    return document(ExperimentResult.of(runs))


def web_page(runs: Sequence[Run]) -> str:
    return page_text(page(ExperimentResult.of(runs)))


def test_csv_has_the_cells_of_all_tables(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(report([run])))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 9 + 2
    assert rows[1] == {
        "run": "run",
        "table": "scores",
        "row": "1",
        "column": "rate_a",
        "unit": "bits/byte",
        "value": "0.5",
        "low": "-0.25",
        "high": "0.625",
        "seeds": "5",
    }
    assert [rows[4]["value"], rows[4]["seeds"], rows[5]["value"]] == ["", "0", ""]


def test_an_unfinished_run_says_so_at_once(run: Run) -> None:
    text = markdown_text(report([replace(run, missing=6)]))
    assert text.startswith("## run\n\nrebound, tree:3, 2 seeds, not finished: 18 of 24 cells done")
    unknown = markdown_text(report([replace(run, missing=None)]))
    assert "2 seeds, 18 cells done" in unknown


def test_markdown_has_findings_tables_and_notes(run: Run) -> None:
    text = markdown_text(report([run]))
    assert text.startswith(
        "## run\n\nrebound, tree:3, 2 seeds, 18 cells done, 2 January 2026.\n\nIt moves.\n\n"
        "Does it \\<spring>"
    )
    assert "| It falls. | does not hold | By -0.5. |" in text
    assert "### Plain\n\n| n |" in text
    assert text.endswith("### Notes\n\n- One cell diverged.\n")


def printed(run: Run, *tables: Table) -> str:
    out = io.StringIO()
    shown_report = report([replace(run, analysis=replace(ANALYSIS, tables=tables))])
    print_document(shown_report, Console(file=out, width=80))
    return out.getvalue()


def test_the_terminal_has_means_and_half_intervals(run: Run) -> None:
    text = printed(run, TABLE, PLAIN)
    for words in (
        "0.50 ±0.44",
        "does not hold  It falls.",
        "1,500",
        "half the width",
        "diverged.",
    ):
        assert words in text
    assert "half the width" not in printed(run, PLAIN)


def test_half_widths_move_below_the_means_if_there_is_no_room(run: Run) -> None:
    count = 8
    headings = (("model", ""), *((f"{n}", "rows") for n in range(count)))
    wide = Table("wide", "Wide", headings, (("a model", *[SURE] * count),))
    text = printed(run, wide)
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("a model"))
    assert lines[at].split() == ["a", "model", *["0.500"] * count]
    assert lines[at + 1].split() == ["±0.438"] * count


def test_the_json_follows_the_schema(run: Run) -> None:
    record = ExperimentResult.of([run]).to_dict()
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["schema"] == "elastic-core/experiment/1"
    [run_record] = record["runs"]
    assert set(run_record) == {"name", "analysis", "config", "provenance"}
    assert run_record["config"]["align"] == [10, 20]
    assert run_record["provenance"] == {
        "cells": 18,
        "missing": 0,
        "diverged": 0,
        "seconds": 72.0,
        "estimated": None,
        "took": None,
        "last": "2026-01-02T03:04:08+00:00",
        "elastic_core": record["versions"]["elastic_core"],
        "data_sha256": "cafe",
    }
    table = run_record["analysis"]["tables"][0]
    assert table["rows"][0][1] == {"mean": 0.5, "low": -0.25, "high": 0.625, "count": 5}
    assert table["rows"][1][1]["mean"] is None
    assert table["rows"][2][2] is None


def test_the_page_is_self_contained(run: Run, tmp_path: Path) -> None:
    other = replace(run, folder=write_run(tmp_path / "other"))
    for runs in ([run], [run, other]):
        text = web_page(runs)
        parsed = Page(text)
        assert parsed.lang == "en"
        assert not {"script", "link", "img", "iframe", "metadata"} & set(parsed.tags)
        assert all(link.startswith("#") for link in parsed.links)
        assert {link[1:] for link in parsed.links} <= set(parsed.ids)
        assert len(parsed.ids) == len(set(parsed.ids))
        assert parsed.tags.count("svg") == len(parsed.images) == 2 * len(runs)
        assert all(parsed.images)
        assert "url(http" not in text
        assert "@import" not in text


def test_heading_levels_are_not_skipped(run: Run, tmp_path: Path) -> None:
    other = replace(run, folder=write_run(tmp_path / "other"))
    for runs in ([run], [run, other]):
        levels = Page(web_page(runs)).levels
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_page_has_findings_tables_and_provenance(run: Run) -> None:
    text = web_page([run])
    assert "Does it &lt;spring&gt; back?" in text
    parsed = Page(text)
    assert parsed.badges == 3 + 5
    words = " ".join(parsed.text.split())
    for part in (
        "elastic-core · rebound · 2 January 2026",
        "It falls. By \u22120.5.",
        "One cell diverged.",
        "with Student's 95% confidence interval",
        "\u22120.25 to 0.62",
        "Two panels.",
        "positive data good.txt",
        "epochs 1, weight 1",
        "reverse recipe weight 2",
        "cells done 18",
        "1 min 12 s",
        "2026-01-02 03:04 UTC",
        "model: tree:3",
    ):
        assert part in words
    assert "&lt;svg" not in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("holds", "It moves"),
        ("does not hold", "Contradicted: it moves"),
        ("cannot tell", "Undecided: it moves"),
        ("", "No results of rebound yet"),
    ],
)
def test_without_a_headline_the_first_claim_is_one(run: Run, verdict: str, words: str) -> None:
    findings = (Finding("It moves.", verdict, "By 0.5."),) if verdict else ()
    other = replace(run, analysis=replace(ANALYSIS, findings=findings))
    [reported] = ExperimentResult.of([other]).runs
    assert headline(reported) == words
    own = replace(reported, analysis=replace(ANALYSIS, story=Story("All is well")))
    assert headline(own) == "All is well"


def test_tests_are_reported_apart_from_the_findings(run: Run) -> None:
    finding = Finding("It moves.", "holds", "By 0.5.", "5 seeds; p = 0.01.")
    other = replace(run, analysis=replace(ANALYSIS, findings=(finding,)))
    for text in (markdown_text(report([other])), Page(web_page([other])).text):
        assert text.index("By 0.5.") < text.index("It moves. 5 seeds; p = 0.01.")


def test_the_page_explains_the_verdicts_of_its_study(run: Run) -> None:
    findings = (Finding("It moves.", "no difference beyond ±0.1", "By 0.0."),)
    claims = replace(run, analysis=replace(ANALYSIS, findings=findings))
    text = web_page([claims])
    assert "A precondition is not met" in text
    assert Page(text).badges == 1 + 5


def test_a_single_seed_has_no_intervals() -> None:
    [sentence] = certainty(1)
    assert "no intervals" in sentence


def test_a_report_has_all_files_and_replaces_an_older_one(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert write_report([run], out) == ()
    assert names(out) == [
        *("figures/curves.png", "figures/curves.svg", "report.html", "result.json"),
        *(f"tables/{name}.{ending}" for name in ("plain", "scores") for ending in ENDINGS),
    ]
    assert (out / "figures" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (out / "figures" / "curves.svg").read_text()
    before = {name: (out / name).read_bytes() for name in names(out)}
    write_report([run], out)
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    write_report([replace(run, analysis=replace(ANALYSIS, tables=(PLAIN,), figures=()))], out)
    assert names(out) == [
        *("report.html", "result.json"),
        *(f"tables/plain.{ending}" for ending in ENDINGS),
    ]


def test_unrelated_files_in_the_folder_are_kept(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "work"
    (out / "tables").mkdir(parents=True)
    (out / "tables" / "mine.csv").write_text("a\n")
    write_report([run], out)
    assert (out / "tables" / "mine.csv").read_text() == "a\n"
    assert (out / "tables" / "plain.csv").exists()


def test_a_damaged_older_report_is_no_reason_to_fail(run: Run, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("[" * 100_000)
    write_report([run], tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["schema"] == schemas.EXPERIMENT


def test_files_of_several_runs_are_prefixed_with_run_names(run: Run, tmp_path: Path) -> None:
    other = replace(run, folder=write_run(tmp_path / "other" / "run"))
    out = tmp_path / "report"
    write_report([run, other], out)
    assert {path.name for path in (out / "figures").glob("*.png")} == {
        "run-curves.png",
        "run-2-curves.png",
    }
    assert (out / "tables" / "run-2-scores.tex").exists()
    assert [record["name"] for record in json.loads((out / "result.json").read_text())["runs"]] == [
        "run",
        "run-2",
    ]


def test_tables_are_written_without_the_optional_libraries(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(_: str) -> None:
        return None

    for module in ("html", "plot"):
        monkeypatch.setattr(f"elastic_core.report.{module}.find_spec", find)
    warnings = write_report([run], tmp_path / "report")
    assert [warning.partition(": ")[0] for warning in warnings] == ["no figures", "no page"]
    assert all("pip install 'elastic-core[experiments]'" in warning for warning in warnings)
    assert "result.json" in names(tmp_path / "report")
    assert "tables/scores.md" in names(tmp_path / "report")
    assert not (tmp_path / "report" / "figures").exists()
    assert "matplotlib is not installed" in web_page([run])


def test_a_failed_report_leaves_no_folder(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Document) -> str:
        raise OSError("no")

    out = tmp_path / "report"
    monkeypatch.setattr("elastic_core.experiments.report.page_text", fail)
    with pytest.raises(OSError, match="no"):
        write_report([run], out)
    assert not out.exists()


def test_the_default_report_folder_is_in_the_run(run: Run) -> None:
    assert report_folder([run], None) == run.folder.path / "report"
    assert report_folder([run, run], Path("out")) == Path("out")
    with pytest.raises(InvalidArgumentError, match="2 runs, but no folder"):
        report_folder([run, run], None)


ENDINGS = ("csv", "md", "tex")


def names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def test_a_run_without_rows_is_reported(tmp_path: Path) -> None:
    RunFolder(tmp_path / "new").begin(CONFIG, "cafe")
    run = open_run(tmp_path / "new")
    write_report([run], run.folder.report)
    text = (tmp_path / "new" / "report" / "report.html").read_text()
    assert "not finished: 0 of" in text


def test_damaged_files_are_reported(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").write_text("{}\n{\n")
    with pytest.raises(InvalidArgumentError, match="line 2 is damaged"):
        open_run(tmp_path / "run")
    (tmp_path / "run" / "config.yaml").write_text("a: [")
    with pytest.raises(InvalidArgumentError, match="not YAML"):
        open_run(tmp_path / "run")


def test_all_formats_are_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    starts = {"markdown": "## run", "csv": ",".join(COLUMNS), "json": "{", "table": "run  rebound"}
    for output_format, start in starts.items():
        print_report([run], output_format)
        assert capsys.readouterr().out.startswith(start)


def test_the_command_reports_a_run(cli: CommandLine, tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    done = cli("report", "run")
    assert (done.code, done.err) == (0, "")
    assert "run  rebound, tree:3, 2 seeds, not finished: 18 of 40 cells done" in done.out
    assert "Reverse data undo the alignment." in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    written = {"figures/positive-first.png", "figures/positive-first.svg"}
    assert written | {"report.html", "result.json"} <= set(names(tmp_path / "run" / "report"))


def test_the_command_reports_several_runs(cli: CommandLine, tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    done = cli("report", "run", "run", "--out", "out", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.out == (tmp_path / "out" / "result.json").read_text()
    assert [run["name"] for run in json.loads(done.out)["runs"]] == ["run", "run-2"]
    assert (tmp_path / "out" / "tables" / "run-2-left.csv").exists()


def test_an_invalid_call_is_reported(cli: CommandLine, tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    done = cli("report", "run", "run")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: 2 runs, but no folder for their report; name one with --out\n"
    done = cli("report", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: nowhere: no run in it; name the folder of a run\n"
