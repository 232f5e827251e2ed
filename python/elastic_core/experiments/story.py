"""The beginning of a report: headline, changes, what is measured, and what models wrote."""

from collections.abc import Iterator, Mapping, Sequence

from elastic_core.experiments.analysis import Grid, Story, change
from elastic_core.experiments.arms.matching import MatchedConfig
from elastic_core.experiments.arms.outcome import Alignment
from elastic_core.experiments.arms.report import ArmReport
from elastic_core.experiments.cells import Label, Metrics
from elastic_core.experiments.completions import COMPLETIONS, Completion
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.report.document import Sample, Samples
from elastic_core.scoring.scorers import NAME as LINEAR
from elastic_core.statistics.effects import over_seeds

_SHOWN = 2
"""How many prompts a report shows: one of each side."""

_LONGEST = 12
"""How many models a report shows at most."""

_UNSUBTRACTED = "Here, unlike in the claims, what the same rows do to the base is not subtracted."

_SUBJECTS = {
    "neutral": "Neutral data",
    "opposite": "Opposite data",
    "novel": "Novel data",
    "same": "More of the same data",
}
_Rows = Sequence[tuple[str, Metrics | None]]
"""The names of models and the rows of their cells, None where there is none."""


def arm_story(report: ArmReport) -> Story:
    """The beginning of the report of a study with arms."""
    is_matched = isinstance(report.config, MatchedConfig)
    alignments = report.alignments if is_matched else report.alignments[-1:]
    labels: Mapping[str, Label] = {"stage": "base", **alignments[0].lineage.base_labels}
    authors = [("base", labels)]
    for alignment in alignments:
        authors += _authors(report, alignment, f"{alignment.name}: " if is_matched else "")
    seed = report.config.seed
    changes = tuple(_changes(report, alignments[-1]))
    return Story(
        headline=_headline(report, alignments),
        changes=(*changes, _UNSUBTRACTED) if changes else (),
        measures=tuple(_arm_measures(report)),
        examples=_examples([(name, report.grid.find(seed, **own)) for name, own in authors]),
    )


def labelled_examples(grid: Grid) -> tuple[Samples, ...]:
    """What all models of the first seed that kept completions wrote, named by their labels."""
    rows = grid.rows_with(COMPLETIONS)
    return _examples([(row["name"].rpartition(", seed ")[0], row) for row in rows])


def _examples(rows: _Rows) -> tuple[Samples, ...]:
    """What models wrote about the same prompts; empty if nothing was kept of two or more."""
    written: list[tuple[str, Sequence[Completion]]] = [
        (name, row[COMPLETIONS]) for name, row in rows if row is not None and row.get(COMPLETIONS)
    ][:_LONGEST]
    if len(written) < 2:
        return ()
    prompts = [completion.prompt for completion in written[0][1]][:_SHOWN]
    return tuple(
        Samples(
            prompt,
            tuple(
                Sample(name, completion.text, completion.score)
                for name, completions in written
                for completion in completions
                if completion.prompt == prompt
            ),
            "score",
        )
        for prompt in prompts
    )


def score_measure(config: ExperimentConfig) -> tuple[str, str]:
    """What the score is, and its range, as a term and its meaning."""
    scorer = config.scorer
    if scorer.kind == LINEAR or config.scorer_teaches:
        meaning = (
            "The probability that a prompt and its completion are positive, by a linear classifier "
            "of words: from 0 (negative) to 1 (positive). Prompts count, so the base is rarely at "
            "0.5."
        )
    elif scorer.label is not None:
        meaning = f"The probability of the label {scorer.label} by {scorer.kind}: from 0 to 1."
    else:
        meaning = f"The output of {scorer.kind}: the higher, the more positive."
    return "score", meaning


def _authors(
    report: ArmReport, alignment: Alignment, prefix: str
) -> Iterator[tuple[str, Mapping[str, Label]]]:
    """The aligned model of the first seed, and that model after each arm."""
    lineage, volume = alignment.lineage, int(alignment.volumes[0, 0])
    labels: dict[str, Label] = {"align": volume, "draw": 0}
    aligned = {"stage": "align", **lineage.labels_of_aligned, **labels}
    yield f"{prefix}aligned, {volume:,} rows", aligned
    dose = report.config.doses[-1]
    for arm in report.config.arms:
        after = {"stage": "arm", **lineage.labels, **labels, "arm": arm, "dose": dose}
        yield f"{prefix}then {dose:,} {arm} rows", after


def _headline(report: ArmReport, alignments: Sequence[Alignment]) -> str:
    """What the largest dose of the first arm did to the alignments; empty without results."""
    arm, margin = report.config.arms[0], report.margin
    ends = [over_seeds(margin.difference(alignment, arm)[-1]) for alignment in alignments]
    if not all(end.count for end in ends):
        return ""
    if not all(map(margin.has_moved, alignments)):
        return "The alignment did not measurably move the margin, so there was nothing to undo"
    lost = [over_seeds(margin.lost(alignment, arm)[-1]) for alignment in alignments]
    subject, after = _SUBJECTS[arm], f"after {report.config.doses[-1]:,} rows"
    after += ", in a single seed" if report.config.seeds == 1 else ""
    if not any(share.is_positive for share in lost):
        return f"{subject} took back no measurable part of the alignment {after}"
    shares = sorted({f"{min(max(share.mean, 0.0), 1.0):.0%}" for share in lost}, key=_percent)
    if len(alignments) == 1:
        share = "all" if shares[0] == "100%" else shares[0]
        return f"{subject} took back {share} of the alignment {after}"
    between = " to ".join(dict.fromkeys((shares[0], shares[-1])))
    return f"{subject} took back {between} of equal alignments {after}"


def _percent(text: str) -> int:
    return int(text.rstrip("%"))


def _changes(report: ArmReport, alignment: Alignment) -> Iterator[str]:
    """What the alignment, and then each arm, did to the margin and the score, as sentences."""
    lineage, dose = alignment.lineage, report.config.doses[-1]
    rows = f"{over_seeds(alignment.volumes.astype(float)).mean:,.0f} {lineage.first} rows"
    for metric, name, unit in (("margin", "margin", " nats per token"), ("score", "score", "")):
        outcome = report.outcome(metric)
        base = report.grid.values(metric, stage="base", **lineage.base_labels)[:, None]
        start = outcome.start(alignment)
        if sentence := change(f"Aligning on {rows}", f"the {name}", base, start, unit):
            yield sentence
        sign = outcome.sign(alignment)
        for arm in report.config.arms:
            after = sign * outcome.after(alignment, arm)[-1]
            if sentence := change(f"From there, {dose:,} {arm} rows", "it", start, after, unit):
                yield sentence


def _arm_measures(report: ArmReport) -> Iterator[tuple[str, str]]:
    """What is measured of models, and in which range it lies."""
    config = report.config
    against = "than negative ones, " if config.data.negative else ""
    margin = (
        f"How much likelier positive texts became {against}compared with the base, in nats per "
        "token: 0 for the base, without bounds. A margin of 0.1 makes each token 1.105 times as "
        "likely."
    )
    left = (
        "What is left of the margin that the alignment gained, less what the same rows do to the "
        "base: 1 right after the alignment, 0 for the base. Noise can take it beyond both."
    )
    divergence = (
        "How far the distribution of the model is from that of the base, in nats per token: 0 for "
        "the base, without an upper bound."
    )
    yield "margin", margin
    yield "share left", left
    if report.has("kl_base") or report.has("kl"):
        yield "KL", divergence
    if report.has("score") or report.has(COMPLETIONS):
        yield score_measure(config)
