"""Tables and figures for the tests of renderers, and a parser of HTML pages."""

import math
from html.parser import HTMLParser

from elastic_core.report.document import Figure, Panel, Series, Table
from elastic_core.statistics.intervals import Interval

SURE = Interval(0.5, -0.25, 0.625, 5)
SINGLE = Interval(2.0, None, None, 1)
NONE = Interval(math.nan, None, None, 0)

TABLE = Table(
    "scores",
    "50% <both>",
    (("model", ""), ("rate_a", "bits/byte"), ("rows", "")),
    (("a|b & c", SURE, 1500), ("d", NONE, None), ("e", SINGLE, math.nan)),
    note="$x_1$.",
    digits=2,
)
PLAIN = Table("plain", "Plain", (("n", ""),), ((0.5,), (-0.0001,)))

LINES = Panel(
    "score",
    "reverse rows",
    "mean score, without unit",
    (
        Series("few", (0.0, 10.0, 1000.0), (SURE, NONE, SURE)),
        Series("many", (0.0, 10.0, 1000.0), (SINGLE, SINGLE, SINGLE)),
    ),
    level=("base", 0.4),
    x_scale="symlog",
)
BARS = Panel(
    "losses",
    "pair",
    "loss",
    (Series("many", (0.0, 1.0), (SURE, SINGLE)),),
    is_bars=True,
    ticks=("a long name of a place", "another long name of one"),
)

FIGURE = Figure("curves", "Two panels.", (LINES, BARS))


class Page(HTMLParser):
    """The headings, ids, links, images and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[str] = []
        self.tags: list[str] = []
        self.badges = 0
        self.text = ""
        self.lang: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.levels.append(int(tag[1]))
        if tag == "html":
            self.lang = values.get("lang")
        if values.get("role") == "img":
            self.images.append(values.get("aria-label") or "")
        if (kind := values.get("class")) and kind.startswith("badge"):
            self.badges += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "
