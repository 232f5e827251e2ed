"""An elasticity study as Markdown: a heading and tables for each perturbation."""

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
from elastic_core.report.tables import escaped, markdown_table


def markdown_text(result: ElasticityResult) -> str:
    """The study as Markdown, with a line end."""
    blocks = [
        f"{escaped(setting(result))}.",
        markdown_table(DATASET_HEADINGS, dataset_cells(result), NAMES),
    ]
    for each in result.perturbations:
        blocks += [
            f"## {escaped(each.name)}",
            f"{escaped(volumes(each))}. {SLOPES}",
            markdown_table(LAW_HEADINGS, law_cells(each), NAMES),
        ]
        if cells := interval_cells(each):
            blocks += [
                f"95% intervals, {result.config.bootstrap} resamples of the documents.",
                markdown_table(INTERVAL_HEADINGS, cells),
            ]
        if each.l:
            blocks += [escaped(whole(each)), markdown_table(RATE_HEADINGS, rate_cells(each))]
        blocks += [escaped(sentence) for sentence in conclusions(each)]
        if cells := trained_cells(each):
            blocks += [
                escaped(trained_setting(each)),
                markdown_table(TRAINED_HEADINGS, cells, NAMES),
                *map(escaped, trained_findings(each)),
            ]
    return "\n\n".join(blocks) + "\n"
