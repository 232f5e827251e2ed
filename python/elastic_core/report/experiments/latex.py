r"""Tables of studies as LaTeX, for papers that load `booktabs`."""

import re

from elastic_core.report.document import Cell, Table
from elastic_core.report.experiments.cells import ENDS, has_intervals, names, parts
from elastic_core.report.tables import ABSENT

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
    """A `table` with a caption, whose label is `tab:` and the table's name.

    The ends of intervals stand in small type below their means.
    """
    words = names(table)
    sides = "".join("l" if name in words else "r" for name, _ in table.headings)
    heads = [[escaped(name) for name, _ in table.headings]]
    if any(unit for _, unit in table.headings):
        heads.append([escaped(unit) for _, unit in table.headings])
    body = [line for row in table.rows for line in _lines(row, table.digits)]
    caption = [table.title.rstrip(".") + ".", table.note, ENDS if has_intervals(table) else ""]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{escaped(' '.join(filter(None, caption)))}}}",
            rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9:-]+', '-', table.name)}}}",
            rf"  \begin{{tabular}}{{{sides}}}",
            r"    \toprule",
            *map(_line, heads),
            r"    \midrule",
            *map(_line, body),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """The text as it is, with nothing in it that LaTeX would take for a command."""
    return _SPECIALS.sub(lambda found: _SPECIAL[found[0]], text).replace("\n", " ")


def _line(cells: list[str]) -> str:
    return f"    {' & '.join(cells)} \\\\"


def _lines(row: tuple[Cell, ...], digits: int) -> list[list[str]]:
    """A row, and a second one for the ends of its intervals."""
    first, second = [], []
    for cell in row:
        text, ends = parts(cell, digits)
        first.append(escaped(text) if isinstance(cell, str) else _number(text))
        between = ", ".join(map(_number, ends)) if ends else ""
        second.append(rf"{{\scriptsize ({between})}}" if between else "")
    return [first, second] if any(second) else [first]


def _number(text: str) -> str:
    """A number with a minus that is one."""
    return "--" if text == ABSENT else text.replace("-", "$-$")
