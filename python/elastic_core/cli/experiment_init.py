"""`elastic-core experiment init`: a configuration for one's own model and data."""

from pathlib import Path

import click

from elastic_core._core import InvalidArgumentError
from elastic_core.cli.options import force_option
from elastic_core.common.extras import requires_extra
from elastic_core.common.files import require_new, write_text
from elastic_core.experiments.studies.registry import STUDIES

_HELP = """Write a configuration of STUDY that fits your own model and data.

The command looks at the rows, chooses sizes, tries a few training steps and every measurement, and
writes a commented YAML file that `elastic-core experiment STUDY --config FILE` runs as it is.
KEY=VALUE sets a key of the configuration, such as data.positive.columns.text=review,
data.positive.label=1 or seeds=5.
"""


@click.command(
    "init",
    help=_HELP,
    epilog="""Example:

    \b
      elastic-core experiment init reversion --model hf:gpt2 \\
          --positive good.jsonl --negative bad.jsonl""",
)
@click.argument("study", metavar="STUDY", type=click.Choice(STUDIES))
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option(
    "--model",
    "models",
    required=True,
    multiple=True,
    metavar="MODEL",
    help="hf:NAME, a folder with a checkpoint, scratch:SIZE or tree:DEPTH. For scaling, repeat it "
    "from small to large.",
)
@click.option("--positive", required=True, metavar="FILE", help="Rows of the positive side.")
@click.option("--negative", required=True, metavar="FILE", help="Rows of the negative side.")
@click.option(
    "--pretrain",
    "corpus",
    metavar="CORPUS",
    help="Text like the pre-training; needed for springs, scratch: and tree: models.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    show_default="STUDY.yaml",
    help="The file to write.",
)
@force_option("Overwrite the file if it exists.")
def init(
    study: str,
    overrides: tuple[str, ...],
    models: tuple[str, ...],
    positive: str,
    negative: str,
    corpus: str | None,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Writes a configuration; see `_HELP`."""
    file = out or Path(f"{study}.yaml")
    require_new(file, overwrite=overwrite)
    with requires_extra("experiment init", "train", InvalidArgumentError):
        from elastic_core.experiments.proposal.propose import propose
    proposal = propose(
        study,
        models,
        positive,
        negative,
        corpus=corpus,
        overrides=overrides,
        notify=lambda sentence: click.echo(sentence, err=True),
    )
    write_text(file, proposal.text)
    for sentence in proposal.sentences:
        click.echo(sentence)
    click.echo(f"wrote {file}; elastic-core experiment {study} --config {file}", err=True)
