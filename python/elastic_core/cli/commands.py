"""The commands of the command line, in one group."""

import sys
from typing import NoReturn

import click

from elastic_core._core import __version__
from elastic_core.cli.compress import compress
from elastic_core.cli.decompress import decompress
from elastic_core.cli.demo import demo
from elastic_core.cli.elasticity import elasticity
from elastic_core.cli.errors import run
from elastic_core.cli.experiment import experiment
from elastic_core.cli.mass import mass
from elastic_core.cli.measure import measure
from elastic_core.cli.pretrain import pretrain
from elastic_core.cli.report import report
from elastic_core.cli.runs import runs
from elastic_core.cli.synth import synth
from elastic_core.cli.tree import tree


@click.group(
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""Example:

    \b
      printf 'to be or not to be' | elastic-core measure - --depth 4""",
)
@click.version_option(__version__, prog_name="elastic-core")
def program() -> None:
    """Measure the token trees, code lengths and elasticity of corpora and language models."""


for _command in (
    compress,
    decompress,
    demo,
    elasticity,
    experiment,
    mass,
    measure,
    pretrain,
    report,
    runs,
    synth,
    tree,
):
    program.add_command(_command)


def main() -> NoReturn:
    """Runs the command line and exits."""
    sys.exit(run(program))
