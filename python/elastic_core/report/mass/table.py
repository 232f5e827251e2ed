"""The test as tables for a terminal."""

from typing import TYPE_CHECKING

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
from elastic_core.report.tables import print_rows, terminal

if TYPE_CHECKING:
    from rich.console import Console


def print_table(result: MassResult, console: "Console | None" = None) -> None:
    """Prints the test as tables, 80 columns wide unless its figures need more.

    Args:
        result: The test.
        console: Where to print; None: standard output.
    """
    from rich.text import Text

    console = console or terminal()
    for corpus in result.corpora:
        title = Text.assemble((corpus.name, "bold"), "  ", (setting(corpus, result.config), "dim"))
        console.print(title, soft_wrap=True)
        console.print(Text(summary(corpus)), soft_wrap=True)
        console.print()
        console.print(WHOLE)
        print_rows(console, WHOLE_HEADINGS, whole_cells(corpus, result.config), NAMES)
        if tails := tail_cells(corpus, result.config):
            console.print(TAIL)
            print_rows(console, TAIL_HEADINGS, tails, NAMES)
        for verdict in verdicts(corpus):
            console.print(Text(verdict))
        console.print()
