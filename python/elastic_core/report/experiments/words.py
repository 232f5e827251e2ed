"""What a report says of a run besides what the study itself has to say."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from elastic_core.common.units import counted
from elastic_core.common.versions import versions_here
from elastic_core.experiments.config import ExperimentConfig, Source
from elastic_core.report.document import Finding
from elastic_core.report.experiments.record import Provenance, ReportedRun, installed
from elastic_core.statistics.intervals import LEVEL, RESAMPLES

VERDICTS = {
    "holds": "the interval lies wholly on the side that the claim names",
    "does not hold": "the interval lies wholly on the other side",
    "open": (
        "the interval includes zero, or there is none; nothing is decided, which is not to say "
        "that there is no effect"
    ),
}
"""What each verdict means."""

_SINGLE = (
    "There is one seed. A second one could come out differently, and nobody can say by how much: "
    "there are no intervals and no tests, and every finding is open."
)
_SEEDS = (
    "Everything was done {seeds} times, with as many seeds. Each seed has its own held-out "
    "prompts, subsets of the data, order of training and drawn texts, and its own initial weights "
    "where a model is pre-trained here."
)
_INTERVAL = (
    f"A figure such as 0.57 (0.53 to 0.62) is the mean over seeds with its {LEVEL:.0%} bootstrap "
    f"interval. The seeds are drawn again, with replacement, {RESAMPLES:,} times; the interval "
    "holds most of the means that come of it, and is widened because seeds are few. It is made so "
    f"that about {LEVEL * 100:.0f} in 100 such intervals hold the mean of endlessly many seeds. It "
    "speaks of this model and these data, and says nothing of others."
)
_TEST = (
    "Two cells are compared seed by seed. The sign-flip test supposes that each seed's difference "
    "could as well have had the other sign; p is the share of all ways to choose the signs whose "
    "mean is as far from zero as the one that was found. With {seeds} seeds p cannot be below "
    "{least}."
)


def setting(run: ReportedRun) -> str:
    """The study, the model, the seeds and how far the run is, on a line."""
    config = run.config
    seeds = counted(config.seeds, "seed", "seeds")
    cells = counted(run.provenance.cells, "cell", "cells")
    return f"{run.analysis.study}, {config.model}, {seeds}, {cells} done"


def tally(findings: tuple[Finding, ...]) -> dict[str, int]:
    """How many findings there are of each verdict, of those that there are any of."""
    found = dict.fromkeys(VERDICTS, 0)
    for each in findings:
        found[each.verdict] = found.get(each.verdict, 0) + 1
    return {verdict: count for verdict, count in found.items() if count}


def certainty(config: ExperimentConfig) -> list[str]:
    """What makes a run sure or unsure, and what its figures with intervals mean: sentences."""
    if config.seeds < 2:
        return [_SINGLE]
    least = f"{2.0 ** (1 - config.seeds):.3g}"
    return [each.format(seeds=config.seeds, least=least) for each in (_SEEDS, _INTERVAL, _TEST)]


def facts(run: ReportedRun) -> list[tuple[str, str]]:
    """What was run: terms, and what they are."""
    config, data = run.config, run.config.data
    sides = {"positive": data.positive, "negative": data.negative, "pairs": data.pairs}
    found = [("model", config.model)]
    if config.pretrain:
        tokens = f", {config.pretrain.tokens:,} tokens" if config.pretrain.tokens else ""
        found.append(("pre-training text", f"{config.pretrain.corpus}{tokens}"))
    found += [(f"{side} data", _source(each)) for side, each in sides.items() if each]
    found += _recipes(config)
    held_out = config.held_out
    found.append(
        (
            "measured on",
            f"{held_out.prompts:,} held-out prompts, up to {held_out.tokens:,} tokens after each",
        )
    )
    found.append(("scorer", _scorer(config)))
    seeds = config.seed_range
    found.append(("seeds", f"{len(seeds)} ({seeds[0]} to {seeds[-1]})"))
    return [*found, *_done(run.provenance)]


def reporter() -> str:
    """What made the report: versions, and the platform."""
    found = versions_here()
    platform = found.pop("platform")
    listed = ", ".join(f"{name} {number}" for name, number in {**found, **installed()}.items())
    return f"{listed.replace('elastic_core', 'elastic-core')}; {platform}"


def duration(seconds: float) -> str:
    """A time such as `2 h 5 min`, `3 min 20 s` or `4.5 s`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def _source(source: Source) -> str:
    return source.source if source.label is None else f"{source.source}, label {source.label}"


def _recipes(config: ExperimentConfig) -> list[tuple[str, str]]:
    """The recipe, and what is different in the training against the alignment."""
    forward = asdict(config.build_recipe())
    reverse = asdict(config.build_recipe(reverse=True))
    if config.spec.is_tree:  # It reads nothing else of a recipe.
        forward = {key: forward[key] for key in ("epochs", "weight")}
    changes = {key: value for key, value in reverse.items() if value != forward.get(key, value)}
    found = [("recipe", _listed(forward))]
    return [*found, ("reverse recipe", _listed(changes))] if changes else found


def _listed(recipe: Mapping[str, Any]) -> str:
    """The values of a recipe, without those that there are not."""
    return ", ".join(
        f"{key.replace('_', ' ')} {value:g}"
        if isinstance(value, float)
        else f"{key.replace('_', ' ')} {value}"
        for key, value in recipe.items()
        if value is not None
    )


def _scorer(config: ExperimentConfig) -> str:
    scorer = config.scorer
    if scorer.kind == "linear":
        return f"a linear classifier, trained on {scorer.rows:,} rows of each side"
    return scorer.kind if scorer.label is None else f"{scorer.kind}, label {scorer.label}"


def _done(provenance: Provenance) -> list[tuple[str, str]]:
    cells = f"{provenance.cells:,}"
    if provenance.diverged:
        cells += f", {provenance.diverged:,} of them without metrics, as training diverged"
    found = [("cells done", cells), ("time in cells", duration(provenance.seconds))]
    if provenance.last:
        at = datetime.fromisoformat(provenance.last)
        found.append(("last cell done", f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".strip()))
    if provenance.elastic_core:
        found.append(("run by", f"elastic-core {provenance.elastic_core}"))
    if provenance.data_sha256:
        found.append(("hash of the data", provenance.data_sha256))
    return found
