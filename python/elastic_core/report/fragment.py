"""Documents as a piece of HTML for a notebook, which has styles of its own."""

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape

from elastic_core.common.printable import printable
from elastic_core.report.cells import (
    HALVES_NOTE,
    fixed,
    has_intervals,
    text_columns,
    texts,
    with_half,
)
from elastic_core.report.document import (
    Block,
    Code,
    Document,
    Facts,
    Figure,
    Findings,
    Heading,
    List,
    Overview,
    Samples,
    Table,
    Text,
)
from elastic_core.report.plot import HOW_TO_DRAW, can_draw, draw


def fragment_text(document: Document) -> str:
    """A document as HTML without a head, styles or scripts; its figures are images within it.

    Where matplotlib is missing, a sentence says so in place of the figures.
    """
    lines = [line for block in document.blocks for line in _block(block)]
    if not can_draw() and any(isinstance(block, Figure | Overview) for block in document.blocks):
        lines.append(_note(f"{HOW_TO_DRAW[0].upper()}{HOW_TO_DRAW[1:]}."))
    if any(isinstance(block, Table) and has_intervals(block) for block in document.blocks):
        lines.append(_note(HALVES_NOTE))
    return "<div>\n" + "\n".join(lines) + "\n</div>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading():
            yield f"<h4>{_safe(block.text)}</h4>"
            yield from map(_note, filter(None, (block.detail, block.summary)))
        case Text():
            yield _note(block.text) if block.is_note else f"<p>{_safe(block.text)}</p>"
        case List():
            yield _list(map(_safe, block.items))
        case Facts():
            yield _table((), [(term, value) for term, value in block.pairs], {0, 1})
        case Code():
            yield f"<details><summary>{_safe(block.title)}</summary>"
            yield f"<pre>{_safe(block.text)}</pre></details>"
        case Table() if block.rows:
            yield from (f"<p>{_safe(block.title)}</p>" for _ in [block.title] if block.title)
            left = text_columns(block)
            places = {at for at, (name, _) in enumerate(block.headings) if name in left}
            names = [f"{name}\n{unit}" if unit else name for name, unit in block.headings]
            yield _table(names, texts(block, with_half), places)
            yield from map(_note, filter(None, [block.note]))
        case Findings() | Overview():
            yield _list(
                f"<strong>{_safe(finding.verdict)}</strong>: {_safe(finding.claim)} "
                f"{_safe(finding.words)}"
                for finding in block.findings
            )
            if isinstance(block, Overview) and block.figure is not None:
                yield from _block(block.figure)
        case Samples():
            yield f"<p>{_safe(block.opening)} ...</p>"
            rows = [(each.author, each.text, fixed(each.value, 2)) for each in block.samples]
            yield _table(("model", "continuation", block.measure or "value"), rows, {0, 1})
        case Figure() if can_draw() and (block.panels or block.draw):
            yield _image(block)


def _safe(text: str) -> str:
    return escape(printable(text)).replace("\n", "<br>")


def _note(text: str) -> str:
    return f"<p><small>{_safe(text)}</small></p>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _table(names: Iterable[str], rows: Iterable[tuple[str, ...]], left: set[int]) -> str:
    """A table whose columns at the places `left` are aligned to the left."""

    def style(at: int) -> str:
        return f"text-align: {'left' if at in left else 'right'}; padding: 0.1em 0.6em"

    def line(cells: Iterable[str], tag: str) -> str:
        styled = (
            f'<{tag} style="{style(at)}">{_safe(cell)}</{tag}>' for at, cell in enumerate(cells)
        )
        return f"<tr>{''.join(styled)}</tr>"

    head = f"<thead>{line(names, 'th')}</thead>" if names else ""
    return f"<table>{head}<tbody>{''.join(line(row, 'td') for row in rows)}</tbody></table>"


def _image(figure: Figure) -> str:
    drawing = draw(figure)
    out = io.BytesIO()
    drawing.savefig(out, format="png", metadata={"Software": None})
    source = b64encode(out.getvalue()).decode()
    width = round(96 * drawing.get_figwidth())
    caption = _safe(figure.caption)
    return (
        f'<img alt="{caption}" style="width: {width}px; max-width: 100%" '
        f'src="data:image/png;base64,{source}">\n<p><small>{caption}</small></p>'
    )
