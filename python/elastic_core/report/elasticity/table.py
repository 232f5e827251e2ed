"""An elasticity study as tables for a terminal."""

from typing import TYPE_CHECKING

from elastic_core.elasticity.result import ElasticityResult
from elastic_core.report.elasticity.words import (
    DATASET_HEADINGS,
    INTERVAL_HEADINGS,
    LAW_HEADINGS,
    NAMES,
    RATE_HEADINGS,
    SLOPES,
    TRAINED_HEADINGS,
    conclusions,
    dataset_cells,
    interval_cells,
    law_cells,
    rate_cells,
    setting,
    trained_cells,
    trained_findings,
    trained_setting,
    volumes,
    whole,
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
        print_rows(console, LAW_HEADINGS, law_cells(each), NAMES)
        if cells := interval_cells(each):
            say(f"95% intervals, {result.config.bootstrap} resamples of the documents.", "dim")
            console.print()
            print_rows(console, INTERVAL_HEADINGS, cells)
        if each.l:
            say(whole(each), "dim")
            console.print()
            print_rows(console, RATE_HEADINGS, rate_cells(each))
        for sentence in conclusions(each):
            say(sentence)
        console.print()
        if cells := trained_cells(each):
            say(trained_setting(each), "dim")
            console.print()
            print_rows(console, TRAINED_HEADINGS, cells, NAMES)
            for sentence in trained_findings(each):
                say(sentence)
            console.print()
