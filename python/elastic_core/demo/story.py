"""The demo: every command once, on made-up text, in less than three minutes on two cores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from elastic_core._core import InvalidArgumentError
from elastic_core.common.progress import Progress
from elastic_core.demo.reviews import write_reviews
from elastic_core.elastic_law.report import document as elasticity_document
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.elasticity import elasticity
from elastic_core.experiments.report import write_report
from elastic_core.experiments.run import Run, experiment
from elastic_core.experiments.studies.registry import find_study
from elastic_core.measuring.measure import measure
from elastic_core.measuring.report import document as measure_document
from elastic_core.report.render import print_result
from elastic_core.synthesis.report import document as synth_document
from elastic_core.synthesis.synth import synth

REVIEWS = "reviews"

Say = Callable[[str], object]
"""Called with a line to print."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much the demo does.

    Attributes:
        reviews: Reviews of each sign.
        tokens: Tokens that the new transformer is pre-trained on.
        align: Rows of the alignments.
        reverse: Rows of the reverse training.
        tree_seeds: Seeds of the tree model.
        seeds: Seeds of the transformer.
    """

    reviews: int = 1500
    tokens: int = 400_000
    align: tuple[int, ...] = (100, 400)
    reverse: tuple[int, ...] = (25, 50, 100, 200)
    tree_seeds: int = 3
    seeds: int = 2


def tell_story(
    folder: Path, *, say: Say, size: Size | None = None, progress: Progress | None = None
) -> Path:
    """Runs the demo; called again in the same folder it goes on where it was.

    Args:
        folder: Folder for all that it makes.
        say: Called with what to print: what is done, the command that does it, the result.
        size: How much it does; None: what takes less than three minutes on two cores.
        progress: Called with the phase, the units done and the units in all.

    Returns:
        The page with the report on both rebounds.

    Raises:
        InvalidArgumentError: The folder is a file, or holds runs of something else.
        ModelError: A library is not installed.
        OSError: Something cannot be written.
    """
    size = size or Size()
    if folder.is_file():
        raise InvalidArgumentError(f"{folder}: a file is in the way; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    corpora = folder / "corpora"
    say(f"1. Three corpora whose truth is known.\n\n$ elastic-core synth {corpora}")
    drawn = synth(out=corpora)
    print_result(drawn, synth_document(drawn, corpora))
    names = [str(corpora / f"{name}.jsonl") for name in ("pretrain", "align", "perturb")]
    say(
        "2. The token tree of one of them, and the code it buys.\n\n"
        f"$ elastic-core measure {names[1]}"
    )
    measured = measure(names[1], progress=progress)
    print_result(measured, measure_document(measured))
    say(
        "3. The elastic law: a little of the third corpus undoes the second, not the first.\n\n"
        f"$ elastic-core elasticity --pretrain {names[0]} --align {names[1]} --perturb {names[2]}"
    )
    law = elasticity(names[0], names[1], [names[2]], progress=progress)
    print_result(law, elasticity_document(law))
    reviews = folder / REVIEWS
    reviews.mkdir(exist_ok=True)
    write_reviews(reviews, size.reviews)
    runs = [_rebound(folder, model, size, say, progress) for model in ("tree:6", "scratch:0.3M")]
    report = folder / "report"
    say(f"$ elastic-core report {' '.join(str(run.folder.path) for run in runs)} --out {report}")
    write_report(runs, report)
    return report / "report.html"


def configuration(folder: Path, model: str, size: Size) -> dict[str, Any]:
    """The configuration of a rebound on the demo's reviews."""
    reviews = folder / REVIEWS
    is_tree = model.startswith("tree:")
    return {
        "study": "rebound",
        "model": model,
        "pretrain": {
            "corpus": str(reviews / "pretrain.jsonl"),
            **({} if is_tree else {"tokens": size.tokens, "context": 128}),
        },
        "data": {
            "positive": {"source": str(reviews / "positive.jsonl")},
            "negative": {"source": str(reviews / "negative.jsonl")},
        },
        "held_out": {"prompts": 100, "tokens": 100 if is_tree else 32, "texts": 50},
        "scorer": {"rows": size.reviews // 3},
        "recipe": {"learning_rate": 5e-4, "batch": 8, "accumulation": 1, "max_length": 128},
        "align": list(size.align),
        "reverse": list(size.reverse),
        "seeds": size.tree_seeds if is_tree else size.seeds,
    }


def _rebound(folder: Path, model: str, size: Size, say: Say, progress: Progress | None) -> Run:
    """A rebound on reviews, and what came of it."""
    name = model.partition(":")[0]
    file, out = folder / f"rebound-{name}.yaml", folder / f"rebound-{name}"
    values = configuration(folder, model, size)
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    number = 4 if name == "tree" else 5
    say(
        f"{number}. {model}, pre-trained on reviews, aligned with positive ones, trained on "
        f"negative ones.\n\n$ elastic-core experiment rebound --config {file} --out {out}"
    )
    run = experiment(
        parse_config(values, find_study("rebound").config, str(file)), out, progress=progress
    )
    for finding in run.analysis.findings:
        say(f"   {finding.verdict}: {finding.claim} {finding.words}")
    say("")
    return run
