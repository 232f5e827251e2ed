"""Results and models in an interpreter and in a notebook, and the names of the package."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import CommandLine
from reviews import write_reviews

import elastic_core as ec
from elastic_core.common import notebook
from elastic_core.common.progress import Progress, Step
from elastic_core.models.spec import load_tree
from elastic_core.report import presented

TEXTS = ec.Texts(["to be or not to be", "that is the question"] * 5, name="<hamlet>")


@pytest.fixture(scope="module")
def result() -> ec.MeasureResult:
    return ec.measure(TEXTS, depth=2)


def test_a_result_prints_itself_as_the_command_line_does(play: Path, cli: CommandLine) -> None:
    printed = str(ec.measure(play, depth=2))
    done = cli("measure", play, "--depth", "2")
    assert [line.rstrip() for line in printed.splitlines()] == [
        line.rstrip() for line in done.out.splitlines()
    ]


def test_a_notebook_shows_tables_and_a_figure(result: ec.MeasureResult) -> None:
    html = result._repr_html_()
    assert "<h4>&lt;hamlet&gt;</h4>" in html
    assert html.count("<table>") == 2
    assert re.search(r'<img alt="[^"]+" style="[^"]+" src="data:image/png;base64,', html)
    assert "<script" not in html
    assert repr(result) == "MeasureResult(<hamlet>; chunk, byte, depth 2)"


def test_a_notebook_without_matplotlib_says_so(
    result: ec.MeasureResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elastic_core.report.fragment.can_draw", lambda: False)
    html = result._repr_html_()
    assert "<img" not in html
    assert "No figures: matplotlib is not installed; run pip install" in html


def test_results_become_tables_of_other_libraries(result: ec.MeasureResult) -> None:
    frames = (result.to_polars().to_dicts(), result.to_pandas().to_dict("records"))
    for rows in (*frames, pa.table(result).to_pylist()):
        assert [row["depth"] for row in rows] == [1, 2]
        assert rows[1]["leaves"] == result.corpora[0].depths[1].leaves


def test_a_missing_library_is_named(
    result: ec.MeasureResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presented, "find_spec", {}.get)
    with pytest.raises(ec.InvalidArgumentError, match="to_pandas: pandas is not installed; pip"):
        result.to_pandas()
    with pytest.raises(ec.InvalidArgumentError, match="polars is not installed"):
        result.__arrow_c_stream__()


def test_a_study_runs_in_one_call(tmp_path: Path) -> None:
    config = write_reviews(tmp_path) | {"align": [20], "dose": [10]}
    result = ec.experiment("rebound", config, tmp_path / "run", jobs=1, seeds=1)
    assert repr(result).startswith("ExperimentResult(run, ")
    assert (tmp_path / "run" / "report" / "report.html").is_file()
    assert len(result.findings) == len(result.runs[0].analysis.findings) > 0
    assert all("No verdict." in finding for finding in result.findings)
    assert "<img" in result._repr_html_()
    assert set(result.to_polars()["run"]) == {"run"}
    with pytest.raises(ec.InvalidArgumentError, match="config: unknown key sedes; did you mean"):
        ec.experiment("rebound", config, tmp_path / "run", sedes=1)


def test_mass_and_language_results_are_short(tmp_path: Path) -> None:
    mass = ec.mass(TEXTS, depth=2, bootstrap=0)
    assert repr(mass) == "MassResult(<hamlet>; depths 1 to 2)"
    assert mass.findings
    language = ec.synth_language(documents=20, rows=5, out=tmp_path / "language")
    trained = ec.train("tree:2", [{"text": "to be"}], ec.Recipe(), tmp_path / "trained")
    assert max(len(repr(shown)) for shown in (language, trained)) < 2000


def test_models_print_themselves_and_decode_what_they_write() -> None:
    model = load_tree("tree:3")
    assert repr(model) == "TreeLanguageModel('tree:3', depth 3, byte)"
    (written,) = model.generate(["a"], tokens=4)
    assert model.generate(["a"], tokens=4, decode=True) == [written.decode("utf-8", "replace")]


def test_only_public_names_are_listed() -> None:
    assert dir(ec) == sorted(ec.__all__)
    assert all(hasattr(ec, name) for name in ec.__all__)


# Messages


def test_an_error_of_the_api_names_its_argument(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": 1}\n')
    with pytest.raises(ec.CorpusError, match=r'skip such rows with `on_bad_row="skip"`$'):
        ec.measure(file)
    with pytest.raises(ec.CorpusError, match=r'skip such rows with `on_bad_row="skip"`$'):
        ec.TokenTree.build(file, depth=1)


# Progress in a notebook


def test_a_notebook_shows_a_bar_unless_it_gets_a_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            shown.append(html)

    class Display:
        HTML = str

        @staticmethod
        def display(html: str, *, display_id: bool) -> Handle:
            assert display_id
            shown.append(html)
            return Handle()

    monkeypatch.setitem(sys.modules, "IPython.display", Display())
    monkeypatch.setattr(notebook, "in_notebook", lambda: True)
    ec.measure(TEXTS, depth=1, progress=lambda _: None)
    assert shown == []
    ec.measure(TEXTS, depth=1)
    assert shown == ["", ""]
    ec.synth(corpora=["a=1:10"], leaves=5)  # It has no progress.
    assert shown == ["", ""]

    @notebook.shows_progress
    def job(*, progress: Progress | None = None) -> None:
        assert progress
        progress(Step("read", "play", 1_000_000, 2_000_000, "bytes"))

    job()
    bar = '<progress value="1000000" max="2000000"></progress> read play: 1.0 MB of 2.0 MB'
    assert shown[2:] == ["", f"<div>{bar}</div>", ""]


def test_a_step_is_escaped_and_needs_no_total() -> None:
    step = Step("read", "<a>", 5, 0, "leaves", "note")
    assert notebook.bar_html(step) == "<div>read &lt;a&gt;: 5 leaves, note</div>"
    assert not notebook.in_notebook()


def test_importing_the_package_loads_no_large_library() -> None:
    script = "import sys, elastic_core; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    names: set[Any] = {name.partition(".")[0] for name in loaded.stdout.split()}
    for library in (
        "IPython",
        "matplotlib",
        "pandas",
        "polars",
        "pydantic",
        "rich",
        "scipy",
        "torch",
    ):
        assert library not in names
        assert library == "IPython" or find_spec(library)
