"""Documents as a web page: one file that loads nothing and has no script."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastic_core.common.files import slugs
from elastic_core.report.cells import fixed, has_intervals, split, text_columns, with_minus_signs
from elastic_core.report.document import (
    Block,
    Contents,
    Document,
    Figure,
    Finding,
    Findings,
    Heading,
    Overview,
    Panel,
    Series,
    Table,
    Text,
)
from elastic_core.report.plot import (
    COLOURS,
    HOW_TO_DRAW,
    LegendEntry,
    can_draw,
    draw,
    legend,
    short_number,
)
from elastic_core.statistics.intervals import LEVEL
from elastic_core.statistics.verdicts import KINDS

if TYPE_CHECKING:
    from markupsafe import Markup

HOW_TO_MAKE_A_PAGE = "no page: Jinja2 is not installed; run pip install 'elastic-core[experiments]'"

_BOUNDS_NOTE = f"In small type below each mean: its {LEVEL:.0%} interval over seeds."

_INK = "#0b0c0d"
_INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"| height="[^"]*"(?=[^>]*?viewBox)')
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def can_make_pages() -> bool:
    """Whether Jinja2 is installed, which the extra `experiments` installs."""
    return find_spec("jinja2") is not None


def page_text(document: Document) -> str:
    """A document as a page of its own.

    Figures are drawn into the page a panel at a time, so that they stand side by side where there
    is room, and below each other elsewhere; without matplotlib a note takes their place. Figures
    that follow each other with the same lines share a legend. The first heading is the title; a
    note at the end becomes the footer.

    Args:
        document: The document.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import escape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters |= {
        "fixed": fixed,
        "left": text_columns,
        "split": split,
        "tally": _tally,
        "verbatim": escape,
    }
    titles = [block.text for block in document.blocks if isinstance(block, Heading)]
    return environment.get_template("page.html").render(
        title=titles[0] if titles else "Report",
        parts=_parts(document),
        verdicts=KINDS,
        ink=COLOURS[-1],
    )


@dataclass(slots=True)
class _Part:
    """A block, and what the template needs besides.

    Attributes:
        block: The block.
        id: Id of a heading; of a table, that of the element that names it, if any.
        plots: Description and `<svg>` of each plot of a figure.
        legend: The legend of a figure; empty if that of the figure before it serves.
        entries: The headings that contents link to.
        findings: The findings in the section of a heading.
    """

    block: Block
    id: str = ""
    plots: "list[tuple[str, Markup]]" = field(default_factory=list)
    legend: tuple[LegendEntry, ...] = ()
    entries: "list[_Part]" = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The class of the block in lower case, for which the template has a macro."""
        return type(self.block).__name__.lower()


def _parts(document: Document) -> list[_Part]:
    parts = [_Part(block) for block in _with_notes(document.blocks)]
    headings = [(part, part.block) for part in parts if isinstance(part.block, Heading)]
    ids = slugs([heading.text for _, heading in headings])
    for (part, _), name in zip(headings, ids, strict=True):
        part.id = name
    sections: dict[int, _Part] = {}
    shown: tuple[LegendEntry, ...] = ()
    for number, part in enumerate(parts):
        match part.block:
            case Heading(level=level):
                sections = {at: each for at, each in sections.items() if at < level}
                sections[level] = part
                shown = ()
            case Table(title=title):
                above = sections[max(sections)].id if sections else ""
                part.id = f"table-{number}" if title else above
            case Findings(findings) | Overview(findings):
                for section in sections.values():
                    section.findings += findings
            case Contents(level=level):
                part.entries = [each for each, heading in headings if heading.level == level]
        figure = part.block.figure if isinstance(part.block, Overview) else part.block
        if isinstance(figure, Figure) and can_draw():
            part.plots = _plots(figure, f"figure-{number}")
            part.legend = () if legend(figure) == shown else legend(figure)
            shown = legend(figure)
    return parts


def _finalized(value: object) -> object:
    """What the template prints: text with minus signs, unless it is markup or verbatim."""
    return with_minus_signs(value) if type(value) is str else value


def _with_notes(blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks, with notes on intervals and on what cannot be drawn, once per section."""
    is_explained = is_excused = False
    for block in blocks:
        match block:
            case Heading(level=level) if level <= 2:
                is_explained = is_excused = False
            case Table(rows=()) | Figure(panels=(), draw=None):
                continue
            case Table() if not is_explained and has_intervals(block):
                yield Text(_BOUNDS_NOTE, is_note=True)
                is_explained = True
            case Overview(figure=Figure()) if not can_draw() and not is_excused:
                yield Text(f"{HOW_TO_DRAW[0].upper()}{HOW_TO_DRAW[1:]}", is_note=True)
                is_excused = True
            case Figure() if not can_draw():
                if not is_excused:
                    yield Text(f"{HOW_TO_DRAW[0].upper()}{HOW_TO_DRAW[1:]}", is_note=True)
                    is_excused = True
                continue
        yield block


def _tally(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings there are of each kind of verdict that occurs."""
    counts = Counter(finding.kind for finding in findings)
    return {verdict: counts[verdict] for verdict in KINDS if counts[verdict]}


def _plots(figure: Figure, prefix: str) -> "list[tuple[str, Markup]]":
    """A description and an `<svg>` element for each panel, or for a drawing of the subject's."""
    from markupsafe import Markup

    if figure.draw is not None:
        return [(figure.caption, Markup(_svg(figure, None, prefix)))]
    return [
        (_description(panel), Markup(_svg(figure, panel, f"{prefix}-{number}")))
        for number, panel in enumerate(figure.panels, 1)
    ]


def _svg(figure: Figure, panel: Panel | None, prefix: str) -> str:
    """A plot as an `<svg>` element that fills the width, black or white as the text around it.

    Args:
        figure: The figure.
        panel: Its panel to draw; None: all of it.
        prefix: What ids begin with, so that all ids of a page differ.
    """
    import matplotlib as mpl

    style: dict[Any, str] = {**dict.fromkeys(_INKED, _INK), "svg.hashsalt": "elastic-core"}
    out = io.StringIO()
    with mpl.rc_context(style):
        drawing = draw(figure, panel, has_legend=panel is None)
        drawing.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = _SIZE.sub(r"\1", _HEAD.sub("", out.getvalue()))
    for ink in (_INK, COLOURS[-1].lower()):
        text = text.replace(ink, "currentColor")
    return _REFERENCE.sub(rf"\g<1>{prefix}-", text).replace("<svg ", '<svg aria-hidden="true" ', 1)


def _description(panel: Panel) -> str:
    """What a panel shows, for readers who cannot see it."""
    kind = "Bar chart" if panel.is_bars else "Line chart"
    series = "; ".join(_course(each, panel) for each in panel.series)
    level = f" A horizontal line marks {panel.level[0]}." if panel.level else ""
    text = f"{kind}, {panel.title}: {panel.y_label} against {panel.x_label}. {series}.{level}"
    return with_minus_signs(text)


def _course(series: Series, panel: Panel) -> str:
    """Where a line begins and ends, or how high its bars are, in words."""
    known = [
        (x, f"{y.mean:.3g}") for x, y in zip(series.x, series.y, strict=True) if isfinite(y.mean)
    ]
    if not known:
        return f"{series.name}: no values"
    if panel.is_bars:
        names = dict(enumerate(panel.ticks))
        return f"{series.name}: " + ", ".join(f"{names.get(int(x), x)} {y}" for x, y in known)
    (first, start), (last, end) = known[0], known[-1]
    return f"{series.name}: {start} at {short_number(first)}, {end} at {short_number(last)}"
