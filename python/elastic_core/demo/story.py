"""The demo: does an aligned model return to what it learned in pre-training, and by what law?"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.extras import check_extra
from elastic_core.common.files import write_text
from elastic_core.common.progress import Progress
from elastic_core.common.units import format_count
from elastic_core.common.yaml import yaml_text
from elastic_core.elastic_law.report import document as elasticity_document
from elastic_core.experiments.elasticity import elasticity
from elastic_core.experiments.report import write_report
from elastic_core.experiments.run import Run, experiment, read_config
from elastic_core.experiments.studies.reversion import ReversionConfig
from elastic_core.measuring.measure import measure
from elastic_core.measuring.report import document as measure_document
from elastic_core.report.document import Document, Overview
from elastic_core.report.plot import HOW_TO_DRAW, can_draw
from elastic_core.report.render import print_result
from elastic_core.report.terminal import print_document
from elastic_core.synthesis.language.report import document as language_document
from elastic_core.synthesis.language.result import LanguageResult
from elastic_core.synthesis.language.synth import synth_language
from elastic_core.synthesis.report import document as synth_document
from elastic_core.synthesis.synth import synth
from elastic_core.training.pretraining.pretrain import pretrain

_QUESTION = """\
Does an aligned model return to what it learned in pre-training?

Train a base model on text in three styles, align it with one of them, and train
it further on text like the pre-training (neutral), in another of its styles
(opposite), and in a style that it has never seen (novel). The base gets the
same further training, as a placebo."""

CONFIGURATION = "reversion.yaml"
"""The name of the experiment's configuration, in the folder of the demo."""

_NETWORK = "scratch:0.3M"
_TREE = "tree:4"
_WHOLE_TEXTS = ("neutral", "novel")
_TRENDS = ("faster_after_more", "larger_first_loss")
"""The claims that compare alignments of several sizes; the demo has one."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the demo.

    Attributes:
        documents: Documents to pre-train on.
        rows: Rows of each other file of the language.
        tokens: Tokens to pre-train the network on.
        tree_bytes: Bytes of text that a tree model reads in its place.
        align: Number of texts to align with.
        dose: Numbers of texts to train on further.
        texts: Held-out texts of each side; also the number of samples for divergences.
        seeds: Number of seeds.
    """

    documents: int = 20_000
    rows: int = 500
    tokens: int = 400_000
    tree_bytes: int = 300_000
    align: int = 128
    dose: tuple[int, ...] = (64, 256)
    texts: int = 60
    seeds: int = 4


def run_demo(
    folder: Path,
    *,
    echo: Callable[[str], object],
    size: Size | None = None,
    progress: Progress | None = None,
) -> Path:
    """Runs the demo; if interrupted, the same call resumes it.

    Without torch, a tree model takes the place of the network.

    Args:
        folder: Folder for all files.
        echo: Prints a text: what is done next and why, and the command that does it.
        size: The size of the demo; None: one that takes under two minutes on two cores.
        progress: Receives the steps of every command.

    Returns:
        The page with the report on the experiment.

    Raises:
        InvalidArgumentError: The folder is a file, or holds files that are not those of this demo.
        OSError: A file cannot be written.
    """
    size = size or Size()
    missing = _missing_extra()
    values = _configuration(folder / "language", size)
    values |= _tree(folder / "language", size) if missing else _network(folder / "base")
    _begin(folder, yaml_text(values))
    echo(_QUESTION)
    language = _write_language(folder / "language", size, echo, progress)
    if missing:
        echo(
            f"\n2. {missing}.\n"
            "Until then a tree model takes its place; for a network, name a new folder."
        )
    else:
        _pretrain(folder, size, echo, progress)
    run = _experiment(folder, echo, progress)
    echo("\nWhat is in the text that it was trained on?\n")
    print_result(language, language_document(language, folder / "language"))
    _show_the_law(folder / "corpora", echo, progress)
    return run.folder.report / "report.html"


def _missing_extra() -> str:
    """Why there is no network, and how to get one; empty if there is."""
    try:
        check_extra(_NETWORK, ("torch", "transformers", "trl"), "train")
    except ModelError as missing:
        return str(missing)
    return ""


def _begin(folder: Path, configuration: str) -> None:
    """Writes the configuration of the experiment, which tells the folder of a demo from others.

    Raises:
        InvalidArgumentError: There is a file, or files that are not those of this demo.
    """
    file = folder / CONFIGURATION
    if folder.is_file():
        raise InvalidArgumentError(f"{folder}: a file is in the way; name a folder")
    if file.is_file():
        if file.read_text("utf-8", errors="replace") != configuration:
            raise InvalidArgumentError(
                f"{file}: it was changed, or written without torch or under another path; name "
                "another folder"
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidArgumentError(f"{folder}: not empty, nor the folder of a demo; name another")
    folder.mkdir(parents=True, exist_ok=True)
    write_text(file, configuration)


def _write_language(
    folder: Path, size: Size, echo: Callable[[str], object], progress: Progress | None
) -> LanguageResult:
    """Writes the texts of a language, and those of two arms as whole texts."""
    echo(
        "\n1. Draw text from a language whose documents each have a style.\n\n"
        f"$ elastic-core synth language {folder} --documents {size.documents} \\\n"
        f">     --rows {size.rows} --classes 4 --words 2 --opening 4 --force"
    )
    language = synth_language(
        documents=size.documents, rows=size.rows, classes=4, words=2, opening=4,
        out=folder, overwrite=True, progress=progress,
    )  # fmt: skip
    echo(
        "\nNeutral and novel text is learned whole, as in pre-training.\n\n"
        f"$ for name in {' '.join(_WHOLE_TEXTS)}; do\n"
        """>     sed -E 's/.*"prompt": "(.*)", "completion": "(.*)".*/\\1\\2/' \\\n"""
        f">         {folder}/$name.jsonl > {folder}/$name.txt; done"
    )
    for name in _WHOLE_TEXTS:
        rows = map(json.loads, (folder / f"{name}.jsonl").read_text("utf-8").splitlines())
        texts = "".join(f"{row['prompt']}{row['completion']}\n" for row in rows)
        write_text(folder / f"{name}.txt", texts)
    return language


def _pretrain(
    folder: Path, size: Size, echo: Callable[[str], object], progress: Progress | None
) -> None:
    """Pre-trains a network on the text."""
    corpus, base = folder / "language" / "pretrain.jsonl", folder / "base"
    echo(
        "\n2. Pre-train a network on it.\n\n"
        f"$ elastic-core pretrain {corpus} --model {_NETWORK} \\\n"
        f">     --tokens {size.tokens} --batch 2048 --context 64 --out {base}"
    )
    network = pretrain(
        corpus, model=_NETWORK, tokens=size.tokens, batch=2048, context=64, out=base,
        progress=progress,
    )  # fmt: skip
    echo(f"{format_count(network.parameters)} parameters, loss {network.loss:.3f} nats per token")


def _experiment(folder: Path, echo: Callable[[str], object], progress: Progress | None) -> Run:
    """Runs the reversion study and prints its findings."""
    file, out = folder / CONFIGURATION, folder / "reversion"
    echo(
        "\n3. Align it with the positive style and train it further on each arm.\n\n"
        f"$ elastic-core experiment reversion --config {file} --out {out}"
    )
    run = experiment(read_config("reversion", file), out, progress=progress)
    write_report([run], run.folder.report)
    claims = zip(ReversionConfig.registered, run.analysis.findings, strict=True)
    findings = tuple(finding for name, finding in claims if name not in _TRENDS)
    if run.analysis.story.headline:
        echo(f"\n{run.analysis.story.headline}.\n")
    print_document(Document((Overview(findings),)))
    figure = run.folder.report / "figures" / "reversion.png"
    echo(f"the figure: {figure}" if can_draw() else HOW_TO_DRAW)
    return run


def _show_the_law(folder: Path, echo: Callable[[str], object], progress: Progress | None) -> None:
    """Shows the corpora, the token trees and the law behind the claim."""
    echo(
        "\n4. Why would it return? Draw three corpora of known entropy, on which the\n"
        "elasticity theorem can be checked exactly.\n\n"
        f"$ elastic-core synth {folder}"
    )
    corpora = synth(out=folder)
    print_result(corpora, synth_document(corpora, folder))
    pre, align, perturb = (
        str(folder / f"{name}.jsonl") for name in ("pretrain", "align", "perturb")
    )
    echo(
        "\n5. A token tree counts the texts of a corpus; the theorem takes the length of\n"
        "its code for what a model has learned.\n\n"
        f"$ elastic-core measure {align}"
    )
    measured = measure(align, progress=progress)
    print_result(measured, measure_document(measured))
    echo(
        "\n6. The law: data like the pre-training raise the rate of the alignment k times\n"
        "as fast as they lower that of the pre-training, which is k times as large.\n\n"
        f"$ elastic-core elasticity --pretrain {pre} \\\n>     --align {align} --perturb {perturb}"
    )
    law = elasticity(pre, align, [perturb], progress=progress)
    print_result(law, elasticity_document(law))


def _configuration(language: Path, size: Size) -> dict[str, Any]:
    """What the configurations of both models have in common."""
    return {
        "study": "reversion",
        "data": {
            "positive": {"source": str(language / "positive.jsonl")},
            "negative": {"source": str(language / "negative.jsonl")},
        },
        "arms": ["neutral", "opposite", "novel"],
        "neutral": {"source": str(language / "neutral.txt"), "split": "line"},
        "novel": {"source": str(language / "novel.txt"), "split": "line"},
        "align": [size.align],
        "dose": list(size.dose),
        "held_out": {"prompts": 2 * size.texts, "tokens": 40, "texts": size.texts},
        "scorer": {"rows": 20},
        "measure": ["margin", "kl"],
        "claims": {name: {"primary": False} for name in _TRENDS},
        "seeds": size.seeds,
    }


def _network(base: Path) -> dict[str, Any]:
    """The model and the recipe of a pre-trained network."""
    recipe = {"learning_rate": 6e-4, "batch": 16, "accumulation": 1, "max_length": 64}
    return {"model": str(base), "recipe": {**recipe, "warm_up": 2, "dtype": "float32"}}


def _tree(language: Path, size: Size) -> dict[str, Any]:
    """The model and the recipe of a tree model."""
    pretrain = {"corpus": str(language / "pretrain.jsonl"), "tokens": size.tree_bytes}
    return {"model": _TREE, "pretrain": pretrain, "recipe": {"weight": 5}}
