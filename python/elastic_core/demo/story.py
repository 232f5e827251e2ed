"""The demo: the main commands once, on synthetic text, in under three minutes on two cores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.files import write_text
from elastic_core.common.progress import Progress
from elastic_core.common.yaml import yaml_text
from elastic_core.demo.reviews import write_reviews
from elastic_core.elastic_law.report import document as elasticity_document
from elastic_core.experiments.elasticity import elasticity
from elastic_core.experiments.report import write_report
from elastic_core.experiments.run import Run, experiment, read_config
from elastic_core.measuring.measure import measure
from elastic_core.measuring.report import document as measure_document
from elastic_core.models.spec import ModelSpec
from elastic_core.report.render import print_result
from elastic_core.synthesis.report import document as synth_document
from elastic_core.synthesis.synth import synth


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the demo.

    Attributes:
        reviews: Reviews of each sign.
        tokens: Tokens to pre-train the new transformer on.
        align: Numbers of rows to align with.
        reverse: Numbers of rows for reverse training.
        tree_seeds: Number of seeds for the tree model.
        seeds: Number of seeds for the transformer.
    """

    reviews: int = 1500
    tokens: int = 400_000
    align: tuple[int, ...] = (100, 400)
    reverse: tuple[int, ...] = (25, 50, 100, 200)
    tree_seeds: int = 3
    seeds: int = 2


def run_demo(
    folder: Path,
    *,
    echo: Callable[[str], object],
    size: Size | None = None,
    progress: Progress | None = None,
) -> Path:
    """Runs the demo; if interrupted, the same call resumes it.

    Args:
        folder: Folder for all files.
        echo: Prints a text: what is done next, the command that does it, its findings.
        size: The size of the demo; None: one that takes under three minutes on two cores.
        progress: Receives the steps of every command.

    Returns:
        The page with the report on both rebounds; if only the first can be run, the error is raised
        after its report is written.

    Raises:
        InvalidArgumentError: The folder is a file, or holds runs with other configurations.
        ModelError: A library is not installed.
        OSError: A file cannot be written.
    """
    size = size or Size()
    if folder.is_file():
        raise InvalidArgumentError(f"{folder}: a file is in the way; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    corpora = folder / "corpora"
    echo(f"1. Generate three corpora with known statistics.\n\n$ elastic-core synth {corpora}")
    synthetic = synth(out=corpora)
    print_result(synthetic, synth_document(synthetic, corpora))
    pretrain, align, perturb = (
        str(corpora / f"{name}.jsonl") for name in ("pretrain", "align", "perturb")
    )
    echo(
        "2. Build the token tree of one of them and measure its code lengths.\n\n"
        f"$ elastic-core measure {align}"
    )
    measured = measure(align, progress=progress)
    print_result(measured, measure_document(measured))
    echo(
        "3. Test the elastic law: a little of the third corpus undoes the second, not the first."
        "\n\n"
        f"$ elastic-core elasticity --pretrain {pretrain} --align {align} --perturb {perturb}"
    )
    law = elasticity(pretrain, align, [perturb], progress=progress)
    print_result(law, elasticity_document(law))
    reviews = folder / "reviews"
    reviews.mkdir(exist_ok=True)
    write_reviews(reviews, size.reviews)
    report = folder / "report"
    runs: list[Run] = []
    for number, model in ((4, "tree:6"), (5, "scratch:0.3M")):
        try:
            runs.append(_rebound(folder, number, ModelSpec.parse(model), size, echo, progress))
        except ModelError:  # Such as one about torch, which the tree model does without.
            if runs:
                write_report(runs, report)
                echo(f"The report on what was finished is in {report}.")
            raise
    echo(f"$ elastic-core report {' '.join(str(run.folder.path) for run in runs)} --out {report}")
    write_report(runs, report)
    return report / "report.html"


def _rebound(
    folder: Path,
    number: int,
    model: ModelSpec,
    size: Size,
    echo: Callable[[str], object],
    progress: Progress | None,
) -> Run:
    """Runs a rebound on the reviews and prints its findings."""
    out = folder / f"rebound-{model.kind}"
    file = out.with_suffix(".yaml")
    values = _configuration(folder / "reviews", model, size)
    write_text(file, yaml_text(values))
    echo(
        f"{number}. Pre-train {model.text} on reviews, align it with positive ones, then train it "
        f"on negative ones.\n\n$ elastic-core experiment rebound --config {file} --out {out}"
    )
    run = experiment(read_config("rebound", file), out, progress=progress)
    for finding in run.analysis.findings:
        echo(f"   {finding.verdict}: {finding.claim} {finding.words}")
    echo("")
    return run


def _configuration(reviews: Path, model: ModelSpec, size: Size) -> dict[str, Any]:
    """The configuration of a rebound on the reviews."""
    return {
        "study": "rebound",
        "model": model.text,
        "pretrain": {
            "corpus": str(reviews / "pretrain.jsonl"),
            **({} if model.is_tree else {"tokens": size.tokens, "context": 128}),
        },
        "data": {
            "positive": {"source": str(reviews / "positive.jsonl")},
            "negative": {"source": str(reviews / "negative.jsonl")},
        },
        "held_out": {"prompts": 100, "tokens": 100 if model.is_tree else 32, "texts": 50},
        "scorer": {"rows": size.reviews // 3},
        "recipe": {"learning_rate": 5e-4, "batch": 8, "accumulation": 1, "max_length": 128},
        "align": list(size.align),
        "reverse": list(size.reverse),
        "seeds": size.tree_seeds if model.is_tree else size.seeds,
    }
