"""The measurement as Markdown: a heading and tables for each corpus."""

from collections.abc import Iterable, Sequence

from elastic_core.report.words import (
    DEPTH_HEADINGS,
    MODEL_HEADINGS,
    RATE_HEADINGS,
    Headings,
    depth_cells,
    model_cells,
    normalized,
    notes,
    rate_cells,
    setting,
    summary,
)
from elastic_core.result import MeasureResult


def markdown_text(result: MeasureResult) -> str:
    """The measurement as Markdown, with a line end."""
    blocks = []
    for corpus in result.corpora:
        blocks += [
            f"## {_escaped(corpus.name)}",
            f"{summary(corpus)}; {_escaped(setting(result.config))}.",
            _table(_titles(DEPTH_HEADINGS), depth_cells(corpus)),
        ]
        if rates := rate_cells(corpus):
            blocks.append(_table(_titles(RATE_HEADINGS), rates, first=":--"))
        if rates := model_cells(corpus):
            blocks.append(_table(_titles(MODEL_HEADINGS), rates, first=":--"))
        blocks.append(f"{_escaped(normalized(corpus))}.")
    return "\n\n".join([*blocks, *notes(result)]) + "\n"


def _titles(headings: Headings) -> list[str]:
    return [f"{name}, {unit}" if unit else name for name, unit in headings]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], first: str = "--:") -> str:
    rules = [first] + ["--:"] * (len(titles) - 1)
    lines = [titles, rules, *([_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    for mark in "\\`*_|<":
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", " ")
