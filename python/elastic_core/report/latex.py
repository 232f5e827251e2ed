r"""Tables as LaTeX, for papers that load `booktabs`."""

import re

from elastic_core.report.cells import ABSENT, BOUNDS_NOTE, has_intervals, split, text_columns
from elastic_core.report.document import Cell, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
_SPECIALS = re.compile("|".join(map(re.escape, _SPECIAL)))


def table_latex(table: Table) -> str:
    """A `table` environment with a caption and the label `tab:NAME`.

    The bounds of intervals are in small type below their means.
    """
    left = text_columns(table)
    alignment = "".join("l" if name in left else "r" for name, _ in table.headings)
    head = [[escaped(name) for name, _ in table.headings]]
    if any(unit for _, unit in table.headings):
        head.append([escaped(unit) for _, unit in table.headings])
    body = [line for row in table.rows for line in _lines(row, table.digits)]
    bounds = BOUNDS_NOTE if has_intervals(table) else ""
    caption = [table.title.rstrip(".") + ".", table.note, bounds]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(' '.join(filter(None, caption)))}}}",
            rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9:-]+', '-', table.name)}}}",
            rf"  \begin{{tabular}}{{{alignment}}}",
            r"    \toprule",
            *map(_line, head),
            r"    \midrule",
            *map(_line, body),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """Text on one line, in which LaTeX sees no command."""
    return _SPECIALS.sub(lambda match: _SPECIAL[match[0]], text).replace("\n", " ")


def _line(cells: list[str]) -> str:
    return f"    {' & '.join(cells)} \\\\"


def _lines(row: tuple[Cell, ...], digits: int) -> list[list[str]]:
    """A row, and a second one with the bounds of its intervals, if it has any."""
    means, bounds = [], []
    for cell in row:
        text, ends = split(cell, digits)
        means.append(escaped(text) if isinstance(cell, str) else _number(text))
        between = ", ".join(map(_number, ends)) if ends else ""
        bounds.append(rf"{{\scriptsize ({between})}}" if between else "")
    return [means, bounds] if any(bounds) else [means]


def _number(text: str) -> str:
    """A number with a proper minus sign."""
    return "--" if text == ABSENT else text.replace("-", "$-$")
