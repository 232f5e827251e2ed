"""The test as Markdown: a heading, two tables and the verdicts for each corpus."""

from elastic_core.mass_law.result import MassResult
from elastic_core.report.mass.words import (
    NAMES,
    TAIL,
    TAIL_HEADINGS,
    WHOLE,
    WHOLE_HEADINGS,
    setting,
    summary,
    tail_cells,
    verdicts,
    whole_cells,
)
from elastic_core.report.tables import escaped, markdown_table


def markdown_text(result: MassResult) -> str:
    """The test as Markdown, with a line end."""
    blocks = []
    for corpus in result.corpora:
        blocks += [
            f"## {escaped(corpus.name)}",
            f"{summary(corpus)}; {escaped(setting(corpus, result.config))}.",
            escaped(WHOLE),
            markdown_table(WHOLE_HEADINGS, whole_cells(corpus, result.config), NAMES),
        ]
        if tails := tail_cells(corpus, result.config):
            blocks += [escaped(TAIL), markdown_table(TAIL_HEADINGS, tails, NAMES)]
        blocks.append("\n".join(f"- {verdict}" for verdict in verdicts(corpus)))
    return "\n\n".join(blocks) + "\n"
