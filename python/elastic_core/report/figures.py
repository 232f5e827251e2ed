"""What all figures share: colours, texts taken as they are, files that are the same each time."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
"""Colours that most people can tell apart (Okabe and Ito), one for each line of a figure."""

HOW_TO_DRAW = "no figure drawn, for matplotlib is missing: pip install 'elastic-core[report]'"

_LONGEST_NAME = 40


def can_draw() -> bool:
    """Whether matplotlib is installed; the extra `report` brings it."""
    return find_spec("matplotlib") is not None


def colour(number: int) -> str:
    """The colour of line number `number`; they come round again."""
    return COLOURS[number % len(COLOURS)]


def tidy(axes: "Axes") -> None:
    """Draws a faint grid, and no frame on the right and above."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: "Figure", folder: Path, stem: str) -> None:
    """Writes a figure as `STEM.png` and `STEM.svg`; the same figure gives the same bytes.

    Args:
        figure: The figure.
        folder: An existing folder.
        stem: Name of the files, without what follows the point.

    Raises:
        OSError: A file cannot be written.
    """
    import matplotlib as mpl

    with mpl.rc_context({"svg.hashsalt": "elastic-core"}):
        figure.savefig(folder / f"{stem}.png")
        figure.savefig(folder / f"{stem}.svg", metadata={"Date": None})


def short(name: str) -> str:
    """The end of a name that is too long for a legend, as `plain` text."""
    text = name if len(name) <= _LONGEST_NAME else "..." + name[3 - _LONGEST_NAME :]
    return plain(text)


def plain(text: str) -> str:
    """The text as it is, with no formula in it and no byte that is not UTF-8."""
    return text.replace("$", r"\$").encode("utf-8", "backslashreplace").decode()
