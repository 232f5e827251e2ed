"""Rendering of documents in every format."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from documents import BARS, FIGURE, LINES, PLAIN, SURE, TABLE, Page
from rich.console import Console

from elastic_core.report.cells import with_minus_signs
from elastic_core.report.csv import csv_text, data_of, table_csv
from elastic_core.report.document import (
    Code,
    Contents,
    Data,
    Document,
    Facts,
    Figure,
    Finding,
    Findings,
    Heading,
    List,
    Overview,
    Sample,
    Samples,
    Table,
    Text,
)
from elastic_core.report.html import page_text
from elastic_core.report.latex import table_latex
from elastic_core.report.markdown import markdown_text, table_markdown
from elastic_core.report.plot import draw, legend, short_number
from elastic_core.report.render import FORMATS, print_result, write_folder
from elastic_core.report.terminal import print_document

NAMES = Table("names", "Two names:", (("name", ""), ("size", "bits/segment")), (("a", "1"),))
DOCUMENT = Document(
    (
        Heading("Title", level=1),
        Contents(),
        Heading("One_1", "some settings", summary="2 documents"),
        NAMES,
        Text("A first line."),
        Text("A detail.", is_detail=True),
        Text("A second line."),
        Text("A note.", is_note=True),
        Heading("Two", level=2),
        Findings(
            (Finding("It moves.", "holds", "By 0.5."), Finding("It falls.", "cannot tell", "?"))
        ),
        Heading("Three", level=3),
        TABLE,
        replace(TABLE, rows=()),
        FIGURE,
        List(("first", "second")),
        Facts((("model", "tree:3"), ("cannot tell", "undecided"))),
        Code("Settings", "depth: 3\n"),
        Text("Made here.", is_note=True),
    ),
    Data(("name", "value"), (("a", 0.5), ("b", None))),
)


class SampleResult:
    """A result with a dictionary to print."""

    def to_dict(self) -> dict[str, str]:
        return {"name": "ä"}


def terminal(document: Document, width: int = 80) -> str:
    out = io.StringIO()
    print_document(document, Console(file=out, width=width))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def test_the_terminal_separates_blocks() -> None:
    assert (
        terminal(DOCUMENT)
        == """\
Title
One_1  some settings
2 documents

Two names:
name  size
      bits/seg
──────────────
a     1

A first line.
A second line.

A note.

Two
holds        It moves.
             By 0.5.
cannot tell  It falls.
             ?

Three
50% <both>
$x_1$.
model        rate_a   rows
          bits/byte
──────────────────────────
a|b & c  0.50 ±0.44  1,500
d                 -      -
e              2.00      -

± is half the width of the 95% interval over seeds.

first
second

model        tree:3
cannot tell  undecided

Settings
depth: 3

Made here.
"""
    )


def test_text_is_wrapped_between_words_except_section_headings() -> None:
    long = "a/" + 40 * "x"
    blocks = (Heading(f"{long} {long}"), Text(f"some words {long} more"))
    assert terminal(Document(blocks), 20) == f"{long} {long}\nsome words\n{long}\nmore\n"
    assert terminal(Document((Heading("three words", level=3),)), 8) == "three\nwords\n"


def test_a_wide_table_is_narrowed_but_never_truncated() -> None:
    def lines(cell: str, count: int) -> list[str]:
        rows = ((cell,) * count,)
        table = Table("wide", "", (("n", ""),) * count, rows)
        return terminal(Document((table, Text("word " * 20)))).splitlines()

    assert max(map(len, lines("1234567", 10))) <= 80
    assert lines("1234567", 10)[3] == " ".join(["1234567"] * 10)
    wide = lines("123456789", 12)
    assert wide[3] == " ".join(["123456789"] * 12)
    assert max(map(len, wide[4:])) <= 80


def test_half_widths_move_below_the_means_if_there_is_no_room() -> None:
    table = Table("wide", "", (("n", ""),) * 8, ((SURE,) * 8,))
    lines = terminal(Document((table,))).splitlines()
    assert lines[3].split() == ["0.500"] * 8
    assert lines[4].split() == ["±0.438"] * 8


def test_markdown_has_everything_but_figures() -> None:
    assert (
        markdown_text(DOCUMENT)
        == """\
# Title

## One\\_1

2 documents; some settings.

Two names:

| name | size, bits/segment |
| :-- | :-- |
| a | 1 |

A first line.

A detail.

A second line.

A note.

## Two

| claim | verdict | found |
| :-- | :-- | :-- |
| It moves. | holds | By 0.5. |
| It falls. | cannot tell | ? |

### Three

50% \\<both>

| model | rate_a, bits/byte | rows |
| :-- | --: | --: |
| a\\|b & c | 0.50 (-0.25 to 0.62) | 1,500 |
| d | - | - |
| e | 2.00 | - |

$x\\_1$.

- first
- second

- **model**: tree:3
- **cannot tell**: undecided

Settings:

```
depth: 3
```

Made here.
"""
    )


def test_a_page_has_everything() -> None:
    text = page_text(DOCUMENT)
    page = Page(text)
    words = " ".join(page.text.split())
    for part in (
        "2 documents",
        "A detail.",
        "It moves. By 0.5.",
        "In small type below each mean: its 95% interval over seeds.",
        "\u22120.25 to 0.62",
        "Two panels.",
        "model tree:3",
        "Settings depth: 3",
    ):
        assert part in words
    assert page.links[:2] == ["#One_1", "#Two"]
    assert {"One_1", "Two"} <= set(page.ids)
    assert page.badges == 2 + 2 + 2 + 1
    assert page.tags.count("table") == 2
    assert page.tags.count("footer") == 1
    assert "<title>Title</title>" in text


def test_a_page_includes_figures_drawn_by_a_subject() -> None:
    figure = Figure("own", "Drawn by hand.", draw=lambda: draw(FIGURE))
    page = Page(page_text(Document((figure,))))
    assert page.images == ["Drawn by hand."]
    assert page.tags.count("svg") == 1


OVERVIEW = Overview((Finding("It moves.", "holds", "By -0.5.", "p = 0.01."),), FIGURE)
SAMPLES = Samples("Once\nupon", (Sample("base", "a -1 <b>", 0.25), Sample("other", "c")), "score")


def test_an_overview_has_a_figure_beside_the_findings_on_a_page() -> None:
    page = Page(page_text(Document((Heading("Result", level=1, kicker="Today"), OVERVIEW))))
    words = " ".join(page.text.split())
    assert (
        words.index("Today") < words.index("Two panels.") < words.index("It moves. By \u22120.5.")
    )
    assert "p = 0.01" not in words
    assert len(page.images) == page.tags.count("svg") == 2
    assert terminal(Document((OVERVIEW,))) == "holds  It moves.\n       By \u22120.5.\n"
    assert "| It moves. | holds | By -0.5. |" in markdown_text(Document((OVERVIEW,)))


def test_samples_are_verbatim() -> None:
    document = Document((SAMPLES,))
    assert terminal(document) == (
        "prompt  Once upon\nbase   score 0.25  a -1 <b>\nother              c\n"
    )
    text = page_text(document)
    assert "<dd>a -1 &lt;b&gt;</dd>" in text
    assert "score 0.25" in text
    assert markdown_text(document) == (
        "**Once upon** ...\n\n| model | continuation | score |\n| :-- | :-- | --: |\n"
        "| base | a -1 \\<b> | 0.25 |\n| other | c | - |\n"
    )


def test_figures_with_the_same_lines_share_a_legend() -> None:
    other = replace(FIGURE, panels=(replace(LINES, title="other"),))
    parts = page_text(Document((FIGURE, other, replace(other, panels=(BARS,)))))
    assert parts.count('<ul class="legend">') == 2
    entries = [(entry.name, entry.mark) for entry in legend(FIGURE)]
    assert entries == [("few", "●"), ("many", "■"), ("base", "╌╌")]
    assert not draw(FIGURE, LINES, has_legend=False).legends


def test_figures_are_described_by_their_values() -> None:
    page = Page(page_text(Document((FIGURE,))))
    assert page.images[0] == (
        "Line chart, score: mean score, without unit against reverse rows. few: 0.5 at 0, 0.5 at "
        "1k; many: 2 at 0, 2 at 1k. A horizontal line marks base."
    )
    assert page.images[1] == (
        "Bar chart, losses: loss against pair. many: a long name of a place 0.5, another long "
        "name of one 2."
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-0.5 (-.25 to 3)", "\u22120.5 (\u2212.25 to 3)"),
        ("by -1.55e-03", "by \u22121.55e\u221203"),
        ("2026-01-02, seed-3, --seeds 3, a - 1", "2026-01-02, seed-3, --seeds 3, a - 1"),
        ("[-4, -2] ±-1", "[\u22124, \u22122] ±\u22121"),
    ],
)
def test_negative_numbers_have_minus_signs(text: str, shown: str) -> None:
    assert with_minus_signs(text) == shown


def test_files_for_programs_have_hyphens() -> None:
    table = Table("falls", "", (("change", ""),), ((-0.5,), ("-1",)))
    assert "-0.500" in markdown_text(Document((table,)))
    assert table_csv(table) == "change\n-0.5\n-1\n"
    assert "\u22120.500" in terminal(Document((table,)))
    assert "\u22120.500" in page_text(Document((table,)))


def test_missing_data_are_empty_in_csv() -> None:
    assert csv_text(DOCUMENT) == "name,value\na,0.5\nb,\n"
    data = data_of(("a", "b"), [{"b": 1}, {"a": "x,y"}])
    rows = csv.reader(io.StringIO(csv_text(Document((), data))))
    assert list(rows) == [["a", "b"], ["", "1"], ["x,y", ""]]
    with pytest.raises(ValueError, match="no columns for c"):
        data_of(("a", "b"), [{"c": 1}])


def test_every_format_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    starts = {
        "table": "Title",
        "json": '{\n  "name": "ä"\n}',
        "markdown": "# Title",
        "csv": "name,",
    }
    assert set(starts) == set(FORMATS)
    for output_format, start in starts.items():
        print_result(SampleResult(), DOCUMENT, output_format)
        assert capsys.readouterr().out.startswith(start)


def test_a_result_folder_has_json_and_figures(tmp_path: Path) -> None:
    own = Figure("curves", "Drawn by hand.", draw=lambda: draw(FIGURE))
    write_folder(SampleResult(), Document((FIGURE, own, Figure("empty", ""))), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("curves-2.png", "curves-2.svg", "curves.png", "curves.svg", "result.json"),
    ]
    assert (tmp_path / "curves.svg").read_bytes() == (tmp_path / "curves-2.svg").read_bytes()


def test_intervals_are_three_columns_in_csv() -> None:
    assert table_csv(TABLE) == (
        "model,rate_a (bits/byte) mean,rate_a (bits/byte) low,rate_a (bits/byte) high,rows\n"
        "a|b & c,0.5,-0.25,0.625,1500\n"
        "d,,,,\n"
        "e,2.0,,,\n"
    )


def test_intervals_are_in_brackets_in_markdown() -> None:
    assert table_markdown(TABLE) == (
        "**50% \\<both>**\n\n"
        "| model | rate_a, bits/byte | rows |\n"
        "| :-- | --: | --: |\n"
        "| a\\|b & c | 0.50 (-0.25 to 0.62) | 1,500 |\n"
        "| d | - | - |\n"
        "| e | 2.00 | - |\n\n"
        "$x\\_1$.\n"
    )
    assert table_markdown(PLAIN).endswith("| 0.500 |\n| 0.000 |\n")


def test_a_latex_table_uses_booktabs() -> None:
    assert (
        table_latex(TABLE)
        == r"""% \usepackage{booktabs}
\begin{table}
  \centering
  \caption{50\% \textless{}both\textgreater{}. \$x\_1\$. In brackets: the 95\% interval over seeds.}
  \label{tab:scores}
  \begin{tabular}{lrr}
    \toprule
    model & rate\_a & rows \\
     & bits/byte &  \\
    \midrule
    a\textbar{}b \& c & 0.50 & 1,500 \\
     & {\scriptsize ($-$0.25, 0.62)} &  \\
    d & -- & -- \\
    e & 2.00 & -- \\
    \bottomrule
  \end{tabular}
\end{table}
"""
    )
    assert "brackets" not in table_latex(PLAIN)
    odd = replace(PLAIN, name="a b_c", title="\\~^{}#")
    assert r"\caption{\textbackslash{}\textasciitilde{}\textasciicircum{}\{\}\#.}" in table_latex(
        odd
    )
    assert r"\label{tab:a-b-c}" in table_latex(odd)


def test_a_figure_has_bands_bars_and_a_level() -> None:
    figure = draw(FIGURE)
    lines, bars = figure.axes
    assert lines.get_xscale() == "symlog"
    assert [label.get_text() for label in lines.get_xticklabels()] == ["0", "10", "1k"]
    assert lines.get_ylabel() == "mean score, without unit"
    assert len(bars.patches) == 2
    assert [label.get_text() for label in bars.get_xticklabels()] == list(BARS.ticks)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["few", "many", "base"]


def test_a_series_has_one_colour_in_all_panels() -> None:
    figure = FIGURE
    whole, alone = draw(figure), draw(figure, BARS)
    assert len(alone.axes) == 1
    colours = {drawn.axes[-1].patches[0].get_facecolor() for drawn in (whole, alone)}
    assert len(colours) == 1
    assert whole.axes[0].lines[1].get_color() != whole.axes[0].lines[0].get_color()


def test_unused_panels_are_hidden() -> None:
    figure = draw(Figure("five", "", (LINES,) * 5))
    assert [axes.axison for axes in figure.axes] == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (500, "500"), (2000, "2k"), (2048, "2.05k"), (3e5, "300k")],
)
def test_axis_labels_are_short(value: float, text: str) -> None:
    assert short_number(value) == text
