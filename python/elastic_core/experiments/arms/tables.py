"""The tables of studies with arms."""

from collections.abc import Callable, Mapping, Sequence

from elastic_core.experiments.analysis import Grid
from elastic_core.experiments.arms.outcome import Alignment, Array, Outcome
from elastic_core.experiments.arms.protocol import ArmsConfig
from elastic_core.experiments.first_order import tables as first_order_tables
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Table
from elastic_core.statistics.effects import over_seeds

_COURSES = {
    "margin": ("Margin", "nats/token", "margin", "The margin of the base is 0 by definition."),
    "kl_base": (
        "KL(base || model)",
        "nats/token",
        "divergence",
        "Exact over the vocabulary, on fixed samples of the base.",
    ),
    "kl": (
        "KL(model || base)",
        "nats/token",
        "divergence-kl",
        "Exact over the vocabulary, on samples of the model.",
    ),
}
"""Title, unit, name of the table and note of metrics that are measured after each dose."""

_TEXTS = {
    "positive": "positive texts",
    "negative": "negative texts",
    "pretrain": "pre-training texts",
}
"""The sets of texts whose compression rates are measured at the ends of curves."""


class ArmTables:
    """Tables about alignments under arms; each has the base.

    Args:
        config: The configuration.
        grid: The rows of the run.
        alignments: The alignments, in the order of the rows of tables.
        heading: What tells alignments apart: the heading of their column, and its unit.
    """

    def __init__(
        self,
        config: ArmsConfig,
        grid: Grid,
        alignments: Sequence[Alignment],
        heading: tuple[str, str],
    ) -> None:
        self.config = config
        self.grid = grid
        self.alignments = tuple(alignments)
        self._heading = heading
        self.margin = self.outcome("margin")

    def outcome(self, metric: str) -> Outcome:
        """A metric of the cells, less that of the placebo."""
        return Outcome(self.grid, metric, self.config.doses)

    def has(self, metric: str) -> bool:
        """Whether a metric was measured."""
        return self.grid.has(metric)

    @property
    def _dose_headings(self) -> tuple[tuple[str, str], ...]:
        return tuple((f"{dose:,}", "rows") for dose in self.config.doses)

    def left_table(self) -> Table:
        """What is left of each alignment after each dose of each arm."""
        nothing = [0.0] * (1 + len(self.config.doses))
        rows: list[tuple[TableCell, ...]] = [("base", "all", *nothing, "-")]
        for alignment in self.alignments:
            gain = over_seeds(self.margin.aligned(alignment))
            for arm in self.config.arms:
                left = map(over_seeds, self.margin.left(alignment, arm)[1:])
                half = self.margin.half_doses(alignment, arm)
                rows.append((alignment.name, arm, gain, *left, half.text))
        return Table(
            name="left",
            title="Share of the alignment left after each dose",
            headings=(
                self._heading,
                ("arm", ""),
                ("gain", "nats/token"),
                *self._dose_headings,
                ("half-dose", "rows"),
            ),
            rows=tuple(rows),
            note=(
                "gain: the margin after the alignment. Then the margin less that of the placebo "
                "(the base after the same rows), as a share of the gain: a ratio of means over "
                "seeds, with Student's interval of its linearization. half-dose: rows after which "
                "half of the mean gain is left. The base has gained nothing, by definition."
            ),
            text_columns=(self._heading[0], "arm", "half-dose"),
        )

    def tables(self, claims: Table, *, is_matched: bool = False) -> tuple[Table, ...]:
        """The tables that studies have in common, those without measurements left out.

        Args:
            claims: The table of claims, which comes first.
            is_matched: Whether the alignments were stopped at an equal gain.
        """
        return (
            claims,
            *([self.match_table()] if is_matched else []),
            self.left_table(),
            *self.course_tables(),
            *self.end_tables(),
            *self.first_order_tables(),
        )

    def match_table(self) -> Table:
        """Where each alignment stopped, what it gained and how far it moved the model."""
        kl = self.outcome("kl_base")
        rows: list[tuple[TableCell, ...]] = [("base", 0.0, 0.0, 0.0, 0.0)]
        for alignment in self.alignments:
            volumes = alignment.volumes.astype(float)
            gain = over_seeds(self.margin.aligned(alignment))
            recipe = alignment.lineage.align
            steps = over_seeds(volumes / (recipe.batch * recipe.accumulation))
            divergence = over_seeds(kl.aligned(alignment))
            rows.append((alignment.name, over_seeds(volumes), steps, gain, divergence))
        return Table(
            name="matched",
            title="Alignments with equal gain",
            headings=(
                self._heading,
                ("rows", "mean"),
                ("steps", "mean"),
                ("gain", "nats/token"),
                ("KL(base || model)", "nats/token"),
            ),
            rows=tuple(rows),
            note="Each alignment stops where its gain in the margin is nearest to the target.",
            digits=4,
            text_columns=(self._heading[0],),
        )

    def course_tables(self, metrics: Sequence[str] = ("margin", "kl_base")) -> tuple[Table, ...]:
        """Metrics before and after each dose, the base first; a table for each if measured."""
        return tuple(self._course_table(metric) for metric in metrics if self.has(metric))

    def _course_table(self, metric: str) -> Table:
        outcome, (title, unit, name, note) = self.outcome(metric), _COURSES[metric]
        rows: dict[tuple[TableCell, ...], None] = {}
        for alignment in self.alignments:
            base = self._base_name(alignment)
            for arm in self.config.arms:
                rows[(base, arm, 0.0, *map(over_seeds, outcome.placebo(alignment, arm)))] = None
        for alignment in self.alignments:
            start = over_seeds(outcome.aligned(alignment))
            for arm in self.config.arms:
                after = map(over_seeds, outcome.after(alignment, arm))
                rows[(alignment.name, arm, start, *after)] = None
        return Table(
            name=name,
            title=f"{title} after each dose",
            headings=(
                self._heading,
                ("arm", ""),
                ("before", unit),
                *self._dose_headings,
            ),
            rows=tuple(rows),
            note=f"Rows that begin with base are the placebo. {note}",
            digits=4,
            text_columns=(self._heading[0], "arm"),
        )

    def end_tables(self) -> tuple[Table, ...]:
        """The score, and the change of compression rates, at the ends of curves, if measured."""
        rates = [name for name in _TEXTS if self.has(f"rate_{name}")]
        tables = []
        if self.has("score"):
            tables.append(
                self._end_table(
                    ("scores", "Score of completions"),
                    {"score": ("score", "")},
                    "The mean score of the completions of held-out prompts: before anything, after "
                    "the alignment, and after the last dose of an arm.",
                    is_change=False,
                )
            )
        if rates:
            tables.append(
                self._end_table(
                    ("rates", "Change of compression rates"),
                    {f"rate_{name}": (_TEXTS[name], "bits/byte") for name in rates},
                    "The rates gamma of held-out texts, less those under the base: after the "
                    "alignment, and after the last dose of an arm.",
                    is_change=True,
                )
            )
        return tuple(tables)

    def _end_table(
        self,
        names: tuple[str, str],
        columns: Mapping[str, tuple[str, str]],
        note: str,
        *,
        is_change: bool,
    ) -> Table:
        """Metrics of the base, of each alignment and of both after the last dose of each arm.

        Args:
            names: Name and title.
            columns: The heading and the unit of each metric.
            note: What is shown.
            is_change: Whether the values of the base are subtracted.
        """
        rows: dict[tuple[TableCell, ...], None] = {}
        for is_aligned in (False, True):
            for alignment in self.alignments:
                name = alignment.name if is_aligned else self._base_name(alignment)
                for arm in (None, *self.config.arms):
                    values = (
                        self._end(metric, alignment, arm, is_aligned=is_aligned)
                        - (self._end(metric, alignment, None) if is_change else 0.0)
                        for metric in columns
                    )
                    rows[(name, arm or "-", *map(over_seeds, values))] = None
        return Table(
            name=names[0],
            title=names[1],
            headings=(self._heading, ("arm", ""), *columns.values()),
            rows=tuple(rows),
            note=note,
            digits=4,
            text_columns=(self._heading[0], "arm"),
        )

    def _end(
        self, metric: str, alignment: Alignment, arm: str | None, *, is_aligned: bool = False
    ) -> Array:
        """A metric of an aligned model or its base, or of these after the last dose of an arm."""
        outcome = self.outcome(metric)
        if arm is None:
            base = self.grid.values(metric, stage="base", **alignment.lineage.base_labels)
            return outcome.start(alignment) if is_aligned else base[:, None]
        after = (outcome.after if is_aligned else outcome.placebo)(alignment, arm)[-1]
        values: Array = outcome.sign(alignment) * after
        return values

    def first_order_tables(self) -> tuple[Table, ...]:
        """First order of each base and each alignment, by arm; empty if not measured."""
        if "first_order" not in self.config.measure:
            return ()

        def base_of(alignment: Alignment) -> Callable[[str], Array]:
            labels = alignment.lineage.base_labels
            return lambda metric: self.grid.values(metric, stage="base", **labels)[:, None]

        def aligned_of(alignment: Alignment) -> Callable[[str], Array]:
            return lambda metric: self.outcome(metric).start(alignment)

        cells = [
            ((name, arm), arm, lookup)
            for name, lookup in (
                *{self._base_name(each): base_of(each) for each in self.alignments}.items(),
                *((each.name, aligned_of(each)) for each in self.alignments),
            )
            for arm in self.config.arms
        ]
        return first_order_tables(cells, (self._heading[0], "arm"), has_held_out=True)

    def _base_name(self, alignment: Alignment) -> str:
        """The name of the base of an alignment, with the labels of its placebo if these differ."""
        placebos = [list(each.lineage.placebo_labels.items()) for each in self.alignments]
        own = alignment.lineage.placebo_labels
        labels = own.items() if any(each != placebos[0] for each in placebos) else ()
        return ", ".join(["base", *(f"{name} {value}" for name, value in labels)])
