"""The measurement as Markdown: a heading and tables for each corpus."""

from elastic_core.measuring.result import MeasureResult
from elastic_core.report.measure.words import (
    DEPTH_HEADINGS,
    MODEL_HEADINGS,
    NAMES,
    RATE_HEADINGS,
    depth_cells,
    model_cells,
    normalized,
    notes,
    rate_cells,
    setting,
    summary,
)
from elastic_core.report.tables import escaped, markdown_table


def markdown_text(result: MeasureResult) -> str:
    """The measurement as Markdown, with a line end."""
    blocks = []
    for corpus in result.corpora:
        blocks += [
            f"## {escaped(corpus.name)}",
            f"{summary(corpus)}; {escaped(setting(result.config))}.",
            markdown_table(DEPTH_HEADINGS, depth_cells(corpus)),
        ]
        if rates := rate_cells(corpus):
            blocks.append(markdown_table(RATE_HEADINGS, rates, NAMES))
        if rates := model_cells(corpus):
            blocks.append(markdown_table(MODEL_HEADINGS, rates, NAMES))
        blocks.append(f"{escaped(normalized(corpus))}.")
    return "\n\n".join([*blocks, *notes(result)]) + "\n"
