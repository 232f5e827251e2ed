"""Runs and their tables as Markdown."""

from elastic_core.report.document import Table
from elastic_core.report.experiments.cells import names, texts, whole
from elastic_core.report.experiments.record import ExperimentReport
from elastic_core.report.experiments.words import setting
from elastic_core.report.tables import Headings, escaped, markdown_table

_FINDINGS: Headings = (("claim", ""), ("verdict", ""), ("found", ""))


def markdown_text(report: ExperimentReport) -> str:
    """All runs: the question, the findings, the tables, the notes."""
    blocks: list[str] = []
    for run in report.runs:
        analysis = run.analysis
        blocks += [f"## {escaped(run.name)}", f"{escaped(setting(run))}."]
        blocks += [escaped(analysis.question), escaped(analysis.protocol)]
        if analysis.findings:
            rows = [(each.claim, each.verdict, each.words) for each in analysis.findings]
            blocks.append(markdown_table(_FINDINGS, rows, [name for name, _ in _FINDINGS]))
        for table in analysis.tables:
            blocks += [f"### {escaped(table.title)}", *_parts(table)]
        if analysis.notes:
            blocks.append("### Notes")
            blocks.append("\n".join(f"- {escaped(note)}" for note in analysis.notes))
    return "\n\n".join(blocks) + "\n"


def table_markdown(table: Table) -> str:
    """A table below its title, the ends of intervals in brackets, with a line end."""
    return "\n\n".join([f"**{escaped(table.title)}**", *_parts(table)]) + "\n"


def _parts(table: Table) -> list[str]:
    found = [markdown_table(table.headings, texts(table, whole), names(table))]
    return [*found, escaped(table.note)] if table.note else found
