"""The commands of the command line, in one group, and its help."""

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

DOCUMENTATION = "https://elastic-core.readthedocs.io"
"""The address of the documentation."""

GROUPS = {
    "Measure": (measure, mass, elasticity),
    "Models": (pretrain,),
    "Experiments": (demo, experiment, runs, report),
    "Files": (tree, synth, compress, decompress),
}
"""The commands by the heading that the help lists them under."""


class _Program(click.Group):
    """A group whose help lists the commands by subject, before the options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections of commands, all with columns of the same width, and the options."""
        widest = max(map(len, self.commands))
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (f"{command.name:{widest}}", command.get_short_help_str(60))
                        for command in commands
                    ]
                )
        click.Command.format_options(self, ctx, formatter)


@click.group(
    cls=_Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"Documentation: {DOCUMENTATION}",
)
@click.version_option(__version__, prog_name="elastic-core")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Measure how strongly language models resist fine-tuning, and why.

    Start here: elastic-core demo
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (command for commands in GROUPS.values() for command in commands):
    program.add_command(_command)


def main() -> NoReturn:
    """Runs the command line and exits."""
    sys.exit(run(program))
