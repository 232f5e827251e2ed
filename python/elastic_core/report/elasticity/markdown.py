"""An elasticity study as Markdown: a heading and tables for each perturbation."""

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
from elastic_core.report.tables import escaped, markdown_table


def markdown_text(result: ElasticityResult) -> str:
    """The study as Markdown, with a line end."""
    blocks = [
        f"{escaped(setting(result))}.",
        markdown_table(DATASET_HEADINGS, dataset_cells(result), NAMES),
    ]
    for each in result.perturbations:
        blocks += [f"## {escaped(each.name)}", f"{escaped(volumes(each))}. {SLOPES}"]
        for part in parts(each, result.config.bootstrap):
            match part:
                case Table(headings, cells):
                    blocks.append(markdown_table(headings, cells, NAMES))
                case str():
                    blocks.append(escaped(part))
                case sentences:
                    blocks += map(escaped, sentences)
    return "\n\n".join(blocks) + "\n"
