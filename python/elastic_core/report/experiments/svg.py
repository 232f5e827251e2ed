"""Figures as SVG inside of a page, whose colours they take."""

import io
import re
from typing import TYPE_CHECKING, Any

from elastic_core.report.document import Figure, Panel
from elastic_core.report.experiments.figure import draw
from elastic_core.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_INK = "#0b0c0d"
_INKED = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) width="[^"]*"| height="[^"]*"(?=[^>]*?viewBox)')
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


def inline_svg(figure: Figure, panel: Panel, prefix: str) -> str:
    """A panel as an `<svg>` element as wide as there is room, black or white as the text around it.

    Args:
        figure: The figure that it is of.
        panel: The panel.
        prefix: What the ids in it begin with, so that no two of a page are alike.
    """
    import matplotlib as mpl

    style: dict[Any, str] = {**dict.fromkeys(_INKED, _INK), "svg.hashsalt": "elastic-core"}
    with mpl.rc_context(style):
        text = _text(draw(figure, panel))
    for ink in (_INK, COLOURS[-1].lower()):
        text = text.replace(ink, "currentColor")
    text = _SIZE.sub(r"\1", _HEAD.sub("", text))
    return _REFERENCE.sub(rf"\g<1>{prefix}-", text).replace("<svg ", '<svg aria-hidden="true" ', 1)


def label(panel: Panel) -> str:
    """What a panel shows, for those who cannot see it."""
    names = ", ".join(series.name for series in panel.series)
    kind = "Bar chart" if panel.is_bars else "Line chart"
    level = f"; a level line at {panel.level[0]}" if panel.level else ""
    return f"{kind}, {panel.title}: {panel.y_label} by {panel.x_label}, of {names}{level}."


def _text(drawing: "Drawing") -> str:
    out = io.StringIO()
    drawing.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()
