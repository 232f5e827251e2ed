"""What the command line says about itself: its help, and completion in shells."""

import tomllib
from pathlib import Path

import pytest
from conftest import CommandLine

from elastic_core import __version__
from elastic_core.cli import program
from elastic_core.cli.commands import DOCUMENTATION, GROUPS
from elastic_core.experiments.studies.registry import STUDIES


def test_without_arguments_the_help_lists_all_commands_by_subject(cli: CommandLine) -> None:
    done = cli()
    assert done == cli("--help")
    assert done.code == 0
    assert done.err == ""
    assert "Start here: elastic-core demo\n" in done.out
    assert done.out.endswith(f"Documentation: {DOCUMENTATION}\n")
    assert max(map(len, done.out.splitlines())) <= 80
    for heading, commands in GROUPS.items():
        lines = done.out.split(f"\n{heading}:\n")[1].split("\n\n")[0].splitlines()
        assert [line.split()[0] for line in lines] == [command.name for command in commands]
        assert all(line.endswith(".") and not line.endswith("...") for line in lines)


def test_the_address_of_the_documentation_is_that_of_the_package() -> None:
    file = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(file.read_text())["project"]["urls"]["Documentation"] == DOCUMENTATION


def test_the_version_is_printed(cli: CommandLine) -> None:
    assert cli("--version").out == f"elastic-core, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script_that_completes(shell: str, cli: CommandLine) -> None:
    done = cli(_ELASTIC_CORE_COMPLETE=f"{shell}_source")
    assert done.code == 0, done.err
    assert f"_ELASTIC_CORE_COMPLETE={shell}_complete" in done.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("", [f"plain,{name}" for name in sorted(program.commands)]),
        ("me", ["plain,measure"]),
        ("experiment r", [f"plain,{name}" for name in STUDIES if name.startswith("r")]),
        ("measure --segment w", ["plain,window"]),
        ("measure --split-", ["plain,--split-on"]),
        ("tree m", ["plain,merge"]),
        ("measure play", ["file,play"]),
        ("elasticity --align play", ["file,play"]),
    ],
)
def test_commands_options_values_and_files_are_completed(
    words: str, offered: list[str], cli: CommandLine
) -> None:
    done = cli(
        _ELASTIC_CORE_COMPLETE="bash_complete",
        COMP_WORDS=f"elastic-core {words}",
        COMP_CWORD=str(words.count(" ") + 1),
    )
    assert done.out.splitlines() == offered
