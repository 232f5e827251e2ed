"""What studies with arms report: tables, figures, sentences and caveats."""

from collections.abc import Callable, Mapping, Sequence

from elastic_core.experiments.analysis import Grid, with_ci
from elastic_core.experiments.arms import MODEL
from elastic_core.experiments.calibration import calibration_of
from elastic_core.experiments.first_order import tables as first_order_tables
from elastic_core.experiments.outcome import Alignment, Array, Outcome
from elastic_core.experiments.protocol import ArmsConfig
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Panel, Series, Table
from elastic_core.statistics.effects import over_seeds

_METRICS = {
    "margin": ("margin", "nats/token"),
    "log_odds": ("log-odds", "nats"),
    "kl_base": ("KL(base || model)", "nats/token"),
    "kl": ("KL(model || base)", "nats/token"),
    "score": ("score", ""),
}
_TEXTS = {
    "positive": "positive texts",
    "negative": "negative texts",
    "pretrain": "pre-training texts",
}
"""The sets of texts whose compression rates are measured at the ends of curves."""


class ArmReport:
    """Tables, figures and sentences about alignments under arms.

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

    # Tables

    def left_table(self) -> Table:
        """What is left of each alignment after each dose of each arm."""
        rows: list[tuple[TableCell, ...]] = []
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
                *((f"{dose:,}", "rows") for dose in self.config.doses),
                ("half-dose", "rows"),
            ),
            rows=tuple(rows),
            note=(
                "gain: the margin after the alignment. Then the margin less that of the placebo "
                "(the base after the same rows), as a share of the gain: a ratio of means over "
                "seeds, with Student's interval of its linearization. half-dose: rows after which "
                "half of the mean gain is left."
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
            *self.divergence_tables(),
            *self.rate_tables(),
            *self.first_order_tables(),
        )

    def match_table(self) -> Table:
        """Where each alignment stopped, what it gained and how far it moved the model."""
        kl = self.outcome("kl_base")
        rows: list[tuple[TableCell, ...]] = []
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

    def divergence_tables(self, metrics: Sequence[str] = ("kl_base",)) -> tuple[Table, ...]:
        """Divergences after each dose, the placebo first; a table for each that was measured."""
        return tuple(self._divergence_table(metric) for metric in metrics if self.has(metric))

    def _divergence_table(self, metric: str) -> Table:
        outcome, title = self.outcome(metric), _METRICS[metric][0]
        rows: dict[tuple[TableCell, ...], None] = {}
        for alignment in self.alignments:
            name = self._base_name(alignment)
            for arm in self.config.arms:
                rows[(name, arm, 0.0, *map(over_seeds, outcome.placebo(alignment, arm)))] = None
        for alignment in self.alignments:
            start = over_seeds(outcome.aligned(alignment))
            for arm in self.config.arms:
                after = map(over_seeds, outcome.after(alignment, arm))
                rows[(alignment.name, arm, start, *after)] = None
        return Table(
            name="divergence" if metric == "kl_base" else f"divergence-{metric}",
            title=f"{title} after each dose",
            headings=(
                self._heading,
                ("arm", ""),
                ("before", "nats/token"),
                *((f"{dose:,}", "rows") for dose in self.config.doses),
            ),
            rows=tuple(rows),
            note=(
                "Rows that begin with base are the placebo. Exact over the vocabulary, on fixed "
                "samples of the base."
                if metric == "kl_base"
                else "Rows that begin with base are the placebo. Exact over the vocabulary, on "
                "samples of the model."
            ),
            digits=4,
            text_columns=(self._heading[0], "arm"),
        )

    def rate_tables(self) -> tuple[Table, ...]:
        """The change of compression rates at the ends of curves; empty if not measured."""
        names = [name for name in _TEXTS if self.has(f"rate_{name}")]
        if not names:
            return ()
        outcomes = [self.outcome(f"rate_{name}") for name in names]
        rows: list[tuple[TableCell, ...]] = []
        for alignment in self.alignments:
            changes = (over_seeds(outcome.aligned(alignment)) for outcome in outcomes)
            rows.append((alignment.name, "-", *changes))
            for arm in self.config.arms:
                ends = (outcome.difference(alignment, arm)[-1] for outcome in outcomes)
                rows.append((alignment.name, arm, *map(over_seeds, ends)))
        return (
            Table(
                name="rates",
                title="Change of compression rates",
                headings=(
                    self._heading,
                    ("arm", ""),
                    *((_TEXTS[name], "bits/byte") for name in names),
                ),
                rows=tuple(rows),
                note=(
                    "The rates gamma of held-out texts: after the alignment less those under the "
                    "base, then after the last dose of an arm less those of the placebo."
                ),
                digits=4,
                text_columns=(self._heading[0], "arm"),
            ),
        )

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

    # Figures

    def arms_figure(
        self, name: str, alignment: Alignment, nulls: Sequence[Alignment] = ()
    ) -> Figure:
        """One alignment under each arm, beside that of null models."""
        lines: dict[str, tuple[Alignment, str]] = {
            arm: (alignment, arm) for arm in self.config.arms
        }
        of_nulls = {f"{_model(null)}, {arm}": (null, arm) for null in nulls for arm in lines}
        what = f"What is left of {_described(alignment)} under each arm"
        return self._figure(name, what, lines, of_nulls)

    def figures(self, prefix: str, nulls: Sequence[Alignment] = ()) -> tuple[Figure, ...]:
        """All alignments under each arm beside those of null models, a figure for each arm."""
        return tuple(
            self.alignments_figure(f"{prefix}-{arm}", arm, nulls=nulls) for arm in self.config.arms
        )

    def alignments_figure(
        self,
        name: str,
        arm: str,
        alignments: Sequence[Alignment] | None = None,
        nulls: Sequence[Alignment] = (),
    ) -> Figure:
        """Several alignments under one arm, beside those of null models."""
        among = alignments or self.alignments
        lines = {alignment.name: (alignment, arm) for alignment in among}
        of_nulls = {_null_name(null): (null, arm) for null in nulls}
        what = f"What is left of each alignment under {arm} data"
        return self._figure(name, what, lines, of_nulls)

    def _figure(
        self,
        name: str,
        what: str,
        lines: Mapping[str, tuple[Alignment, str]],
        of_nulls: Mapping[str, tuple[Alignment, str]],
    ) -> Figure:
        """Lines in both panels, those of null models in the first one only."""
        doses = tuple(map(float, (0, *self.config.doses)))

        def series(
            values: Callable[[Alignment, str], Array], lines: Mapping[str, tuple[Alignment, str]]
        ) -> tuple[Series, ...]:
            return tuple(
                Series(label, doses, tuple(map(over_seeds, values(*line))))
                for label, line in lines.items()
            )

        left = series(self.margin.left, {**lines, **of_nulls})
        panels = [_panel("margin", "share of the alignment left", left)]
        caption = f"{what}, less what the same rows do to the base. Left: the margin, as a share."
        if self.has("kl_base"):
            excess = series(self.outcome("kl_base").difference, lines)
            panels.append(
                _panel("distribution", "excess of KL(base || model), nats per token", excess)
            )
            caption += " Right: KL(base || model) less that of the placebo."
        if of_nulls:
            caption += " A tree model, which only counts text, is shown for comparison."
        return Figure(name, f"{caption} Bands are 95% intervals over seeds.", tuple(panels))

    def _base_name(self, alignment: Alignment) -> str:
        """The name of the base of an alignment, with the labels of its placebo if these differ."""
        placebos = [list(each.lineage.placebo_labels.items()) for each in self.alignments]
        own = alignment.lineage.placebo_labels
        labels = own.items() if any(each != placebos[0] for each in placebos) else ()
        return ", ".join(["base", *(f"{name} {value}" for name, value in labels)])

    # Sentences

    def arms_sentence(self) -> str:
        """What the aligned models were trained on further, and where neutral texts come from."""
        config = self.config
        draws = "" if config.draws == 1 else f" and {config.draws} draws of the rows of each"
        sentence = (
            "Each aligned model, and the base as a placebo, was trained further on "
            f"{listed(config.doses)} rows of each arm ({', '.join(config.arms)}), with "
            f"{config.counted_seeds}{draws}. "
        )
        if "neutral" in config.arms:
            source = config.neutral.source
            is_sampled = source == MODEL
            origin = "samples of the base at temperature 1" if is_sampled else f"those of {source}"
            sentence += f"Neutral texts are {origin}. "
        return sentence + (
            "What is left of an alignment is its margin on held-out texts less that of the placebo "
            "after the same rows."
        )

    def notes(self) -> tuple[str, ...]:
        """Caveats: those of every study, the score beside the margin, and the learning rate."""
        return (*self.grid.notes(), *self._score_notes(), *self._rate_notes())

    def _score_notes(self) -> list[str]:
        """Whether the score ranks models as the margin does, if both were measured."""
        correlation = over_seeds(self.grid.rank_correlations("margin", "score"), (-1, 1))
        if not correlation.count:
            return []
        note = (
            "Spearman's correlation of the margin and the score over the cells of a seed with both "
            f"is {with_ci(correlation)}."
        )
        return [note]

    def _rate_notes(self) -> list[str]:
        """What calibration chose, or that the placebo moves the base too far."""
        config, deepest = self.config, self.alignments[-1]
        if trial := calibration_of(config, self.alignments[0].lineage, self.grid):
            return [trial.sentence(config.build_recipe().learning_rate)]
        if not self.has("kl_base") or "neutral" not in config.arms:
            return []
        kl = self.outcome("kl_base")
        placebo = over_seeds(kl.placebo(deepest, "neutral")[-1]).mean
        aligned = over_seeds(kl.aligned(deepest)).mean
        if not placebo > aligned / 3:
            return []
        note = (
            f"Neutral data alone moved the base by {placebo:.4f} nats per token, more than a third "
            f"of what {_described(deepest)} did ({aligned:.4f}); lower recipe.learning_rate, or "
            "set calibrate."
        )
        return [note]


def listed(numbers: Sequence[int]) -> str:
    """Numbers in a sentence."""
    return ", ".join(f"{number:,}" for number in numbers)


def _described(alignment: Alignment) -> str:
    return f"the alignment {alignment.name}"


def _model(null: Alignment) -> str:
    return str(null.lineage.model)


def _null_name(null: Alignment) -> str:
    """A null model and the rows it was aligned with, if these are the same in all seeds."""
    fewest, most = null.volumes.min(), null.volumes.max()
    return f"{_model(null)}, {most:,} rows" if fewest == most else _model(null)


def _panel(title: str, label: str, series: tuple[Series, ...]) -> Panel:
    level = ("nothing left", 0.0)
    return Panel(title, "rows of the arm", label, series, level=level, x_scale="symlog")
