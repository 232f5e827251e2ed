"""Documents as Markdown."""

from collections.abc import Iterable, Sequence

from elastic_core.report.cells import fixed, text_columns, texts, with_bounds
from elastic_core.report.document import (
    Block,
    Code,
    Document,
    Facts,
    Findings,
    Heading,
    Headings,
    List,
    Overview,
    Samples,
    Table,
    Text,
)

_FINDINGS: Headings = (("claim", ""), ("verdict", ""), ("found", ""))


def markdown_text(document: Document) -> str:
    """A document as Markdown, ending with a line break.

    Figures and contents are left out.
    """
    parts = (part for block in document.blocks for part in _block(block))
    return "\n\n".join(parts) + "\n"


def table_markdown(table: Table) -> str:
    """One table below its title in bold, ending with a line break."""
    return "\n\n".join([f"**{escaped(table.title)}**", *_table(table)]) + "\n"


def markdown_table(
    headings: Headings, rows: Iterable[Sequence[str]], left: Sequence[str] = ()
) -> str:
    """A Markdown table without the line break at its end.

    Args:
        headings: The columns.
        rows: The cells of each row.
        left: Names of the left-aligned columns.
    """
    titles = [f"{name}, {unit}" if unit else name for name, unit in headings]
    titles = [title.replace("|", "\\|") for title in titles]
    rules = [":--" if name in left else "--:" for name, _ in headings]
    lines = [titles, rules, *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text on one line, in which Markdown sees no markup."""
    for mark in "\\`*_|<":
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", " ")


def _block(block: Block) -> list[str]:
    match block:
        case Heading():
            remarks = "; ".join(filter(None, [block.summary, block.detail]))
            heading = f"{'#' * block.level} {escaped(block.text)}"
            return [heading, f"{escaped(remarks)}."] if remarks else [heading]
        case Text():
            return [escaped(block.text)]
        case List():
            return ["\n".join(f"- {escaped(item)}" for item in block.items)]
        case Facts():
            return ["\n".join(f"- **{escaped(term)}**: {escaped(v)}" for term, v in block.pairs)]
        case Code():
            return [f"{escaped(block.title)}:", f"```\n{block.text.rstrip()}\n```"]
        case Findings() | Overview() if block.findings:
            has_details = isinstance(block, Findings)
            rows = [
                (each.claim, each.verdict, f"{each.words} {each.details * has_details}".rstrip())
                for each in block.findings
            ]
            return [markdown_table(_FINDINGS, rows, [name for name, _ in _FINDINGS])]
        case Samples():
            headings = (("model", ""), ("continuation", ""), (block.measure or "value", ""))
            texts_of = [(each.author, each.text, fixed(each.value, 2)) for each in block.samples]
            table = markdown_table(headings, texts_of, ["model", "continuation"])
            return [f"**{escaped(block.opening)}** ...", table]
        case Table() if block.rows:
            return [escaped(block.title), *_table(block)] if block.title else _table(block)
    return []


def _table(table: Table) -> list[str]:
    found = markdown_table(table.headings, texts(table, with_bounds), text_columns(table))
    return [found, escaped(table.note)] if table.note else [found]
