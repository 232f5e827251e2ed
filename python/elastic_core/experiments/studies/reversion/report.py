"""The analysis of reversion: claims, tables and figures."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.units import counted
from elastic_core.experiments.analysis import Analysis, Grid
from elastic_core.experiments.arms import MODEL
from elastic_core.experiments.cells import Metrics
from elastic_core.experiments.claims import Evidence, judge_claims
from elastic_core.experiments.first_order import tables as first_order_tables
from elastic_core.experiments.studies.reversion.cells import ReversionConfig
from elastic_core.experiments.studies.reversion.outcome import Outcome, over_seeds
from elastic_core.report.document import Cell as TableCell
from elastic_core.report.document import Figure, Panel, Series, Table
from elastic_core.statistics.intervals import FEWEST

Array = NDArray[np.float64]

_MARGIN, _KL = "margin", "kl_base"


def analyse(config: ReversionConfig, rows: Sequence[Metrics]) -> Analysis:
    """Judges the claims on what is left of the alignment."""
    grid = Grid(rows, config.seed_range)
    margin, kl = Outcome(config, grid, _MARGIN), Outcome(config, grid, _KL)
    judged = judge_claims(config.claims, _evidence(config, margin, kl, has_kl=grid.has(_KL)))
    draws = "" if config.draws == 1 else f" and {config.draws} draws of the texts of each"
    return Analysis(
        study="reversion",
        question=(
            "Does an aligned model return to its base under data like those of its pre-training, "
            "and is it the pre-training that pulls it back?"
        ),
        protocol=(
            f"{config.model} was aligned with {_listed(config.volumes)} {config.first} texts. Each "
            "aligned model, and the base as a placebo, was trained further on "
            f"{_listed(config.doses)} texts of each arm ({', '.join(config.arms)}), with "
            f"{config.counted_seeds}{draws}. {_neutral(config)} What is left of an alignment is "
            "its margin on held-out texts less that of the placebo after the same texts."
        ),
        findings=judged.findings,
        tables=(
            judged.table,
            _left_table(config, margin),
            *([_divergence_table(config, kl)] if grid.has(_KL) else []),
            *(_first_order_tables(config, grid) if "first_order" in config.measure else ()),
        ),
        figures=(_figure(config, margin, kl, has_kl=grid.has(_KL)),),
        notes=_notes(config, grid, kl),
        claims_sha256=judged.sha256,
    )


def _evidence(
    config: ReversionConfig, margin: Outcome, kl: Outcome, *, has_kl: bool
) -> dict[str, Evidence]:
    """What was measured about each claim."""
    deepest, last = config.volumes[-1], config.doses[-1]
    unmoved = [volume for volume in config.volumes if not margin.has_moved(volume)]

    def evidence(
        claim: str,
        measured: str,
        values: Array,
        *,
        arms: Sequence[str],
        unit: str = "",
        unmet: str = "",
        volumes: Sequence[int] = (deepest,),
    ) -> Evidence:
        if missing := [arm for arm in arms if arm not in config.arms]:
            return Evidence(claim, measured, values, unit, f"There is no arm {missing[0]}.")
        if still := [volume for volume in volumes if volume in unmoved]:
            reason = (
                f"Aligning with {_listed(still)} texts did not raise the margin; raise "
                "recipe.learning_rate, or align with more."
            )
            return Evidence(claim, measured, values, unit, reason)
        return Evidence(claim, measured, values, unit, unmet)

    def area(arm: str) -> Array:
        return margin.area(deepest, arm)

    few = "" if len(config.volumes) > 1 else "A trend takes two alignment volumes; add one."
    half, censored = _half_dose_trend(config, margin)
    without_kl = "" if has_kl else "The divergence was not measured; add kl to measure."
    return {
        "returns": evidence(
            "Neutral data undo the alignment.",
            f"Share of the alignment by {deepest:,} texts lost after {last:,} neutral texts",
            margin.lost(deepest, "neutral")[-1],
            arms=["neutral"],
        ),
        "distribution_returns": evidence(
            "Under neutral data the distribution returns, not only the margin.",
            f"Share of KL(base || model) lost after {last:,} neutral texts, less the placebo's",
            kl.lost(deepest, "neutral")[-1],
            arms=["neutral"],
            unmet=without_kl,
        ),
        "pretraining_pulls": evidence(
            "Data like the pre-training undo more of the alignment than novel data do.",
            "Share of the alignment left under novel less under neutral data, mean over doses",
            area("novel") - area("neutral"),
            arms=["neutral", "novel"],
        ),
        "faster_after_more": evidence(
            "The more alignment, the sooner half of it is undone by neutral data.",
            "Change of log2 half-dose per doubling of the alignment",
            half,
            arms=["neutral"],
            unit="doublings",
            unmet=few or censored,
            volumes=config.volumes,
        ),
        "larger_first_loss": evidence(
            "The more alignment, the larger the share that the first neutral texts undo.",
            f"Change, per doubling of the alignment, of the share lost after "
            f"{config.doses[config.first_dose]:,} neutral texts",
            _trend(config, lambda volume: margin.lost(volume, "neutral")[config.first_dose]),
            arms=["neutral"],
            unmet=few,
            volumes=config.volumes,
        ),
        "neutral_like_opposite": evidence(
            "Opposite data undo as much of the alignment as neutral data do.",
            "Share of the alignment left under neutral less under opposite data, mean over doses",
            area("neutral") - area("opposite"),
            arms=["neutral", "opposite"],
        ),
    }


def _trend(config: ReversionConfig, values: Callable[[int], Array]) -> Array:
    """The slope over log2 of the alignment volume, shape (seeds, draws); NaN with one volume."""
    if len(config.volumes) < 2:
        return np.full((config.seeds, config.draws), np.nan)
    x = np.log2(config.volumes) - np.mean(np.log2(config.volumes))
    table = np.array([values(volume) for volume in config.volumes])
    slopes: Array = np.tensordot(x, table, axes=1) / np.sum(x**2)
    return slopes


def _half_dose_trend(config: ReversionConfig, margin: Outcome) -> tuple[Array, str]:
    """The trend of log2 half-dose of each seed, shape (seeds,), and why it has no verdict."""
    doses = [margin.half_doses(volume, "neutral").rows for volume in config.volumes]
    reached = np.array(doses)
    missing = int(np.isnan(reached).sum())
    reason = ""
    if missing:
        reason = (
            f"In {missing} of {reached.size} curves more than half of the alignment is left after "
            "the last dose; add larger doses, or more draws."
        )
    logs = np.log2(np.maximum(reached, 1.0))[:, :, None]
    slopes = _trend(config, dict(zip(config.volumes, logs, strict=True)).__getitem__)
    return slopes.mean(axis=1), reason


def _left_table(config: ReversionConfig, margin: Outcome) -> Table:
    """What is left of each alignment after each dose of each arm."""
    rows: list[tuple[TableCell, ...]] = []
    for volume in config.volumes:
        gain = over_seeds(margin.aligned(volume))
        for arm in config.arms:
            half = margin.half_doses(volume, arm)
            left = margin.left(volume, arm)[1:]
            pooled = f"> {half.pooled:,.0f}" if half.is_censored else f"{half.pooled:,.0f}"
            rows.append(
                (
                    volume,
                    arm,
                    gain,
                    *map(over_seeds, left),
                    "-" if np.isnan(half.pooled) else pooled,
                )
            )
    return Table(
        name="left",
        title="Share of the alignment left after each dose",
        headings=(
            ("align", "texts"),
            ("arm", ""),
            ("gain", "nats/token"),
            *((f"{dose:,}", "texts") for dose in config.doses),
            ("half-dose", "texts"),
        ),
        rows=tuple(rows),
        note=(
            "gain: the margin after the alignment. Then the margin less that of the placebo (the "
            "base after the same texts), as a share of the gain: a ratio of means over seeds, with "
            "Student's interval of its linearization. half-dose: texts after which half of the "
            "mean gain is left."
        ),
        text_columns=("arm", "half-dose"),
    )


def _divergence_table(config: ReversionConfig, kl: Outcome) -> Table:
    """KL(base || model) after each dose, the placebo first."""
    rows: list[tuple[TableCell, ...]] = []
    for volume in (0, *config.volumes):
        start = over_seeds(kl.aligned(volume)) if volume else 0.0
        for arm in config.arms:
            after = map(over_seeds, kl.after(volume, arm))
            rows.append((volume, arm, start, *after))
    return Table(
        name="divergence",
        title="KL(base || model) after each dose",
        headings=(
            ("align", "texts"),
            ("arm", ""),
            ("before", "nats/token"),
            *((f"{dose:,}", "texts") for dose in config.doses),
        ),
        rows=tuple(rows),
        note=(
            "Rows with 0 aligned texts are the placebo. Exact over the vocabulary, on fixed "
            "samples of the base."
        ),
        digits=4,
        text_columns=("arm",),
    )


def _first_order_tables(config: ReversionConfig, grid: Grid) -> tuple[Table, ...]:
    """First order of the base and of each aligned model, by arm."""

    def lookup(volume: int) -> Callable[[str], Array]:
        if not volume:
            return lambda metric: grid.values(metric, stage="base")[:, None]
        return lambda metric: np.column_stack(
            [
                grid.values(metric, stage="align", align=volume, draw=draw)
                for draw in range(config.draws)
            ]
        )

    cells = [
        ((volume, arm), arm, lookup(volume))
        for volume in (0, *config.volumes)
        for arm in config.arms
    ]
    return first_order_tables(cells, ("align", "arm"), has_held_out=True)


def _figure(config: ReversionConfig, margin: Outcome, kl: Outcome, *, has_kl: bool) -> Figure:
    """The deepest alignment under each arm: what is left of it, and the divergence."""
    deepest = config.volumes[-1]
    doses = tuple(map(float, (0, *config.doses)))
    left = tuple(
        Series(arm, doses, tuple(map(over_seeds, margin.left(deepest, arm)))) for arm in config.arms
    )
    panels = [
        Panel(
            f"after {deepest:,} {config.first} texts",
            "texts of the arm",
            "share of the alignment left",
            left,
            level=("nothing left", 0.0),
            x_scale="symlog",
        )
    ]
    if has_kl:
        lines = tuple(
            Series(arm, doses, tuple(map(over_seeds, kl.difference(deepest, arm))))
            for arm in config.arms
        )
        panels.append(
            Panel(
                "distribution",
                "texts of the arm",
                "excess of KL(base || model), nats per token",
                lines,
                level=("nothing left", 0.0),
                x_scale="symlog",
            )
        )
    return Figure(
        "reversion",
        "What is left of the deepest alignment, less what the same texts do to the base. Left: the "
        "margin, as a share of the gain. Right: KL(base || model) less that of the placebo. Bands "
        "are 95% intervals over seeds.",
        tuple(panels),
    )


def _notes(config: ReversionConfig, grid: Grid, kl: Outcome) -> tuple[str, ...]:
    """Caveats: diverged cells, and a learning rate at which the placebo moves the base too far."""
    notes = []
    if diverged := grid.diverged():
        notes.append(
            f"{counted(len(diverged), 'cell is', 'cells are')} left out because their training, "
            f"or that of a model they start from, diverged: {'; '.join(diverged)}."
        )
    if grid.has(_KL) and "neutral" in config.arms:
        placebo = float(np.nanmean(kl.after(0, "neutral")[-1]))
        aligned = float(np.nanmean(kl.aligned(config.volumes[-1])))
        if placebo > aligned / 3:
            notes.append(
                f"Neutral data alone moved the base by {placebo:.4f} nats per token, more than a "
                f"third of what the deepest alignment did ({aligned:.4f}); lower "
                "recipe.learning_rate."
            )
    if config.seeds < FEWEST:
        notes.append(
            f"No claim has a verdict because there are fewer than {FEWEST} seeds; add some with "
            "--seeds."
        )
    return tuple(notes)


def _neutral(config: ReversionConfig) -> str:
    if "neutral" not in config.arms:
        return ""
    if config.neutral.source == MODEL:
        return "Neutral texts are samples of the base at temperature 1."
    return f"Neutral texts are those of {config.neutral.source}."


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(f"{number:,}" for number in numbers)
