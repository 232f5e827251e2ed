"""What a report says of a run besides its results: settings, data, software."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from elastic_core.common.units import format_duration
from elastic_core.common.versions import versions_here
from elastic_core.experiments.arms.protocol import ArmsConfig
from elastic_core.experiments.result import Provenance, ReportedRun, training_versions

if TYPE_CHECKING:
    from elastic_core.experiments.config import ExperimentConfig
    from elastic_core.experiments.sections import Source


def run_facts(run: ReportedRun) -> Iterable[tuple[str, str]]:
    """What was run, as terms and values."""
    config, data = run.config, run.config.data
    yield "model", config.model
    if config.pretrain:
        tokens = f", {config.pretrain.tokens:,} tokens" if config.pretrain.tokens else ""
        yield "pre-training text", f"{config.pretrain.corpus}{tokens}"
    sides = {"positive": data.positive, "negative": data.negative, "pairs": data.pairs}
    for side, source in sides.items():
        if source:
            yield f"{side} data", _source(source)
    yield from _recipes(config)
    held_out = config.held_out
    yield (
        "measured on",
        f"{held_out.prompts:,} held-out prompts, completions of up to {held_out.tokens:,} tokens",
    )
    yield "scorer", scorer_in_words(config)
    seeds = config.seed_range
    yield "seeds", f"{len(seeds)} ({seeds[0]} to {seeds[-1]})"
    yield from _provenance(run.provenance)


def _provenance(provenance: Provenance) -> Iterable[tuple[str, str]]:
    cells = f"{provenance.cells:,}"
    if provenance.diverged:
        cells += f", {provenance.diverged:,} of them without metrics because training diverged"
    yield "cells done", cells
    yield "time in cells", format_duration(provenance.seconds)
    if provenance.estimated is not None and provenance.took is not None:
        estimated, took = map(format_duration, (provenance.estimated, provenance.took))
        yield "time of the run", f"estimated {estimated}, took {took}"
    if provenance.last:
        at = datetime.fromisoformat(provenance.last)
        yield "last cell done", f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".strip()
    if provenance.elastic_core:
        yield "run by", f"elastic-core {provenance.elastic_core}"
    if provenance.data_sha256:
        yield "hash of the data", provenance.data_sha256


def _recipes(config: "ExperimentConfig") -> Iterable[tuple[str, str]]:
    """The recipe of the alignment, and what differs in the reverse training."""
    forward = asdict(config.build_recipe())
    reverse = asdict(config.build_recipe(reverse=True))
    if config.spec.is_tree:  # A tree model uses only these keys.
        forward = {key: forward[key] for key in ("epochs", "weight")}
    elif isinstance(config, ArmsConfig) and config.calibrate:
        most = forward["learning_rate"]
        forward["learning_rate"] = f"{most:g} at most, chosen by calibration (see the notes)"
    changes = {key: value for key, value in reverse.items() if value != forward.get(key, value)}
    yield "recipe", _listed(forward)
    if changes:
        yield "reverse recipe", _listed(changes)


def _listed(recipe: Mapping[str, Any]) -> str:
    """The keys and values of a recipe, without those that are None."""
    return ", ".join(
        f"{key.replace('_', ' ')} {f'{value:g}' if isinstance(value, float) else value}"
        for key, value in recipe.items()
        if value is not None
    )


def _source(source: "Source") -> str:
    return source.source if source.label is None else f"{source.source}, label {source.label}"


def scorer_in_words(config: "ExperimentConfig") -> str:
    """What scores texts, and what it was trained on."""
    scorer = config.scorer
    rows = f"{scorer.rows:,} rows" if scorer.rows else "the rows"
    part = f"the first {scorer.words:,} words of " if scorer.words else ""
    described = f"a linear classifier, trained on {part}{rows} of each side"
    if scorer.kind != "linear":
        described = scorer.kind if scorer.label is None else f"{scorer.kind}, label {scorer.label}"
    if config.scorer_teaches:
        described += "; models learn from it, and another linear classifier judges them"
    return described


def software() -> str:
    """The versions that made the report, and the platform."""
    here = versions_here()
    platform = here.pop("platform")
    names = {"elastic-core": here.pop("elastic_core"), **here, **training_versions()}
    return f"{', '.join(f'{name} {number}' for name, number in names.items())}; {platform}"
