"""The report of an elasticity study in every format."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import elastic_core as ec
from elastic_core.elastic_law.figures import draw_curves, draw_ratios, draw_springs
from elastic_core.elastic_law.report import COLUMNS, conclusions, document
from elastic_core.report.csv import csv_text
from elastic_core.report.markdown import markdown_text
from elastic_core.report.render import write_folder
from elastic_core.report.terminal import print_document


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ec.ElasticityResult:
    folder = tmp_path_factory.mktemp("synth")
    ec.synth(leaves=200, out=folder)
    names = ("pretrain", "align", "perturb", "novel")
    pretrain, align, *perturb = (folder / f"{name}.jsonl" for name in names)
    study = ec.elasticity(pretrain, align, perturb, bootstrap=4)
    # Short names, as if the user had called it from within the folder.
    return replace(
        study,
        datasets=tuple(
            replace(dataset, name=Path(dataset.name).name) for dataset in study.datasets
        ),
        perturbations=tuple(replace(one, name=Path(one.name).name) for one in study.perturbations),
    )


def table(result: ec.ElasticityResult, width: int = 80) -> str:
    out = io.StringIO()
    print_document(document(result), Console(file=out, width=width))
    return out.getvalue()


def test_the_table_fits_80_columns(result: ec.ElasticityResult) -> None:
    assert max(map(len, table(result).splitlines())) <= 80


def test_the_table_has_all_parts(result: ec.ElasticityResult) -> None:
    text = table(result)
    for word in ("coverage", "identity", "-k", "verdict", "spring", "95% intervals", "k = |D_p|"):
        assert word in text
    for perturbation in result.perturbations:
        assert text.count(perturbation.name) >= 1


def test_a_tree_model_adds_a_table_and_findings(tmp_path: Path) -> None:
    ec.synth(corpora=["p=1+2+3:400", "a=2:100", "t=3:100"], leaves=20, out=tmp_path)
    paths = [tmp_path / f"{name}.jsonl" for name in "pat"]
    result = ec.elasticity(*paths, depth=3, order="sequential", seeds=2)
    text = table(result)
    assert "A tree model of depth 3, 2 seeds, sequential at rate 1" in text
    assert "Signs of the alignment's rate on unseen text:" in " ".join(text.split())
    assert "| sequential | seen |" in markdown_text(document(result))


def test_conclusions_state_the_verdict_and_the_reason(result: ec.ElasticityResult) -> None:
    covered, novel = map(conclusions, result.perturbations)
    assert covered[0] == (
        "At depths 1 to 8, the law holds: the ratio of the slopes is within 10% of -k."
    )
    assert any("signs are those of the theorem" in sentence for sentence in covered)
    assert any("too large for the law" in sentence for sentence in covered)
    assert any("there can be no elasticity" in sentence for sentence in novel)
    assert any("law breaks" in sentence and "is new to both" in sentence for sentence in novel)


def test_csv_has_a_row_per_depth(result: ec.ElasticityResult) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(document(result)))))
    assert len(rows) == 2 * 8
    assert tuple(rows[0]) == COLUMNS
    law = result.perturbations[0].law[0]
    assert float(rows[0]["ratio"]) == law.ratio
    assert law.intervals is not None
    assert float(rows[0]["ratio_low"]) == law.intervals["ratio"].low
    assert rows[-1]["verdict"] == "uncovered"


def test_markdown_has_the_tables(result: ec.ElasticityResult) -> None:
    text = markdown_text(document(result))
    assert text.count("\n## ") == 2
    assert text.count("| depth |") == 2 * 3
    assert text.endswith("\n")


def test_the_figures_are_deterministic(result: ec.ElasticityResult, tmp_path: Path) -> None:
    one = replace(result, perturbations=result.perturbations[:1])
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_folder(one, document(one), tmp_path / folder)
    names = ["curves", "ratios", "springs"]
    for name in names:
        for ending in ("png", "svg"):
            files = [tmp_path / folder / f"{name}.{ending}" for folder in ("one", "two")]
            assert files[0].read_bytes() == files[1].read_bytes()
    for draw in (draw_curves, draw_ratios, draw_springs):
        assert len(draw(result).axes) == 4


def test_a_study_of_depth_1_can_be_drawn(tmp_path: Path, play: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("or not to be")
    result = ec.elasticity(play, other, other, depth=1)
    (tmp_path / "out").mkdir()
    write_folder(result, document(result), tmp_path / "out")
    assert (tmp_path / "out" / "springs.png").exists()
