"""The report of a measurement in every format."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import elastic_core as ec
from elastic_core.common.folders import result_folder
from elastic_core.measuring import columns
from elastic_core.measuring.columns import DEPTH_COLUMNS, DepthColumn
from elastic_core.measuring.figure import draw
from elastic_core.measuring.report import document, write_files
from elastic_core.report.csv import csv_text
from elastic_core.report.markdown import markdown_text
from elastic_core.report.plot import save
from elastic_core.report.render import print_result
from elastic_core.report.terminal import print_document


@pytest.fixture
def result(play: Path, tmp_path: Path) -> ec.MeasureResult:
    (tmp_path / "poem.txt").write_text("shall I compare thee to a summer's day?")
    return ec.measure(play, tmp_path / "poem.txt", depth=4, compare=["zstd:3"])


def table(result: ec.MeasureResult, width: int = 80, *, explain: bool = False) -> str:
    out = io.StringIO()
    print_document(document(result, explain=explain), Console(file=out, width=width))
    return out.getvalue()


def single(result: ec.MeasureResult) -> ec.MeasureResult:
    """The measurement of the first corpus alone."""
    return replace(result, corpora=result.corpora[:1])


def test_the_table_fits_80_columns(result: ec.MeasureResult) -> None:
    path = result.corpora[0].name
    lines = table(single(result), explain=True).splitlines()
    assert max(len(line) for line in lines if not line.startswith(path)) <= 80


def test_the_table_has_units_and_all_rows(result: ec.MeasureResult) -> None:
    text = table(single(result))
    for word in ("bits/seg", "bits/sym", "Thm 3.4", "Huffman", "with codebook", "zstd:3"):
        assert word in text
    (corpus,) = single(result).corpora
    assert corpus.name in text
    for row in corpus.depths:
        assert f"{row.entropy_bits:.3f}" in text


def test_several_corpora_share_a_table_with_their_differences(result: ec.MeasureResult) -> None:
    play, poem, joint = result.corpora
    text = table(result)
    assert sum(set(line) == {"─"} for line in text.splitlines()) == 1, "there is one table"
    rows = [line.split() for line in text.splitlines()]
    values = [corpus.depths[1].conditional_entropy_bits for corpus in result.corpora]
    difference = _signed(values[1] - values[0], ".3f")
    wanted = ["conditional", "2", "bits/symbol", *(f"{value:.3f}" for value in values), difference]
    assert wanted in rows
    more = poem.compare[0].bytes / poem.bytes - play.compare[0].bytes / play.bytes
    (ratio,) = [row for row in rows if row[:2] == ["zstd:3", "ratio"]]
    assert ratio[-1] == _signed(more, ".4f")
    (leaves,) = [row for row in rows if row[:2] == ["leaves", "4"]]
    assert leaves[2:] == [
        *(str(corpus.depths[-1].leaves) for corpus in (play, poem, joint)),
        _signed(poem.depths[-1].leaves - play.depths[-1].leaves, "d"),
    ]


def test_every_column_is_explained(result: ec.MeasureResult) -> None:
    for column in DEPTH_COLUMNS:
        assert column.meaning or not column.name
    text = markdown_text(document(result, explain=True))
    for term in ("singletons, % of leaves", "ratio, with codebook", "normalized rate", "B - A"):
        assert f"- **{term}**: " in text
    assert "tokens**" not in text, "there is no model"
    assert "Distinct paths" not in markdown_text(document(result))


def test_wide_numbers_are_never_truncated(result: ec.MeasureResult) -> None:
    corpus = result.corpora[0]
    rows = tuple(replace(row, nodes=10**14, leaves=10**14) for row in corpus.depths)
    wide = replace(result, corpora=(replace(corpus, depths=rows),))
    for width in (40, 80, 200):
        assert table(wide, width).count("100,000,000,000,000") == 2 * len(rows) + 1
        assert "…" not in table(wide, width)


def test_brackets_in_names_are_not_markup(result: ec.MeasureResult) -> None:
    named = replace(result, corpora=(replace(result.corpora[0], name="[bold]a[/bold] :smile:"),))
    assert "[bold]a[/bold] :smile:" in table(named)


def test_the_table_explains_why_windows_have_no_rates(play: Path) -> None:
    text = table(ec.measure(play, segment="window"))
    assert "Windows overlap" in text
    assert "codebook" not in text
    assert "Windows overlap" in markdown_text(document(ec.measure(play, segment="window")))


def test_csv_has_a_row_per_corpus_and_depth(result: ec.MeasureResult) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(document(result)))))
    assert ",".join(rows[0]) == (
        "name,documents,bytes,symbols,bad_rows,depth,nodes,leaves,singletons,entropy_bits,"
        "conditional_entropy_bits,huffman_bits,theorem_bits,bits_per_symbol,bits_per_byte,ratio,"
        "with_codebook_ratio,normalized_rate,model,tokens,bits_per_token,bits_per_character"
    )
    assert [(row["name"], row["depth"]) for row in rows] == [
        (corpus.name, str(depth.depth)) for corpus in result.corpora for depth in corpus.depths
    ]
    assert float(rows[3]["ratio"]) == result.corpora[0].static_rate.ratio
    assert {row["ratio"] for row in rows[:3]} == {""}


def test_markdown_has_clean_tables(result: ec.MeasureResult) -> None:
    text = "".join(markdown_text(document(each)) for each in (result, single(result)))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 1 + 2
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1


def test_markdown_escapes_names(result: ec.MeasureResult) -> None:
    named = replace(result, corpora=(replace(result.corpora[0], name="a|b*c_d"),))
    assert r"## a\|b\*c\_d" in markdown_text(document(named))


def test_the_printed_json_is_the_result(
    result: ec.MeasureResult, capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(result, document(result), "json")
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(result.to_dict()))


def test_a_column_is_added_in_one_place(
    result: ec.MeasureResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = DepthColumn(
        "perplexity", "", "perplexity", "2^H", ".1f", lambda row: 2**row.entropy_bits
    )
    monkeypatch.setattr(columns, "DEPTH_COLUMNS", (*DEPTH_COLUMNS, column))
    perplexity = 2 ** result.corpora[0].depths[0].entropy_bits
    assert f"{perplexity:.1f}" in table(single(result))
    assert f" {perplexity:.1f} |" in markdown_text(document(single(result)))
    assert f" {2 ** result.corpora[0].depths[-1].entropy_bits:.1f} |" in markdown_text(
        document(result)
    )
    row = next(csv.DictReader(io.StringIO(csv_text(document(result)))))
    assert float(row["perplexity"]) == perplexity


def test_the_figure_is_deterministic(result: ec.MeasureResult, tmp_path: Path) -> None:
    named = replace(result, corpora=(replace(result.corpora[0], name="$5 and $6"),))
    for stem in ("one", "two"):
        save(draw(named), tmp_path, stem)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_result_folder_has_all_files(result: ec.MeasureResult, tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with result_folder(target) as folder:
        write_files(result, folder)
        assert not (target / "result.json").exists()
    names = sorted(path.name for path in target.iterdir())
    trees = [name for name in names if name.endswith(".parquet")]
    assert set(names) - set(trees) == {"depths.png", "depths.svg", "result.json"}
    assert len(trees) == 3
    assert "tree.parquet" in trees
    joint = ec.TokenTree.open(target / "tree.parquet")
    assert joint.documents == 2


def _signed(value: float, form: str) -> str:
    return f"{value:+{form}}".replace("-", "\N{MINUS SIGN}")
