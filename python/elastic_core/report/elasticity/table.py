"""An elasticity study as tables for a terminal."""

from typing import TYPE_CHECKING

from elastic_core.elastic_law.result import ElasticityResult
from elastic_core.report.elasticity.words import (
    DATASET_HEADINGS,
    NAMES,
    SLOPES,
    Table,
    dataset_cells,
    parts,
    setting,
    volumes,
)
from elastic_core.report.tables import print_rows, terminal

if TYPE_CHECKING:
    from rich.console import Console


def print_table(result: ElasticityResult, console: "Console | None" = None) -> None:
    """Prints the study as tables, 80 columns wide unless its figures need more.

    Args:
        result: The study.
        console: Where to print; None: standard output.
    """
    from rich.text import Text

    console = console or terminal()

    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style=style))

    say(setting(result), "dim")
    console.print()
    print_rows(console, DATASET_HEADINGS, dataset_cells(result), NAMES)
    for each in result.perturbations:
        console.print(Text(each.name, style="bold"), soft_wrap=True)
        say(volumes(each))
        say(SLOPES, "dim")
        console.print()
        for part in parts(each, result.config.bootstrap):
            match part:
                case Table(headings, cells):
                    print_rows(console, headings, cells, NAMES)
                    continue
                case str():
                    say(part, "dim")
                case sentences:
                    for sentence in sentences:
                        say(sentence)
            console.print()
