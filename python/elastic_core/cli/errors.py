"""Turns errors into one sentence on standard error and an exit code."""

import errno
import os
import re
import shlex
import sys

import click

from elastic_core._core import ElasticCoreError, InvalidArgumentError
from elastic_core.cli.streams import drop_output, prepare_streams
from elastic_core.common.interrupts import exit_code, interrupt
from elastic_core.common.printable import printable

DONE, FAILED, WRONG_CALL = 0, 1, 2

_LONGEST_PATH = 500

_OPTIONS = {
    "alphabet": "--alphabet",
    "memory": "--memory",
    "model": "--model",
    "models": "--model",
    "on_bad_row": "--on-bad-row",
    "out": "--out",
    "overwrite": "--force",
    "text_key": "--text-key",
}
"""The options for the arguments that messages name."""

_ARGUMENT = re.compile(rf"`({'|'.join(_OPTIONS)})(?:=(?:\"([^`\"]*)\"|\w+))?`")
"""An argument in a message, such as `memory`, `memory="1GiB"` or `overwrite=True`."""


def run(command: click.Command) -> int:
    """Runs a command with the program's arguments, and prints its error, if any, in one sentence.

    Args:
        command: The command.

    Returns:
        The exit code.
    """
    try:
        interrupt()
        prepare_streams()
        code = command.main(prog_name="elastic-core", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, click.Abort):
        drop_output()
        return _end("interrupted", exit_code())
    except click.UsageError as error:
        return _end(_usage(error), WRONG_CALL)
    except click.ClickException as error:
        return _end(error.format_message(), FAILED)
    except (InvalidArgumentError, FileNotFoundError) as error:
        return _end(_sentence(error), WRONG_CALL)
    except BrokenPipeError:
        drop_output()
        return FAILED
    except (ElasticCoreError, OSError) as error:
        drop_output()
        return _end(_sentence(error), FAILED)
    return code if isinstance(code, int) else DONE


def _end(sentence: str, code: int) -> int:
    click.echo(f"error: {printable(sentence)}", err=True)
    return code


def _usage(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    if error.ctx is None:
        return message
    return f"{message[:1].lower()}{message[1:]}; see {error.ctx.command_path} --help"


def with_options(message: str) -> str:
    """A message of the API with options in place of the arguments that it names.

    Args:
        message: Such as ``skip such rows with `on_bad_row="skip"` ``.

    Returns:
        Such as `skip such rows with --on-bad-row skip`.
    """

    def option(argument: re.Match[str]) -> str:
        name, value = argument.groups()
        return _OPTIONS[name] if value is None else f"{_OPTIONS[name]} {shlex.quote(value)}"

    return _ARGUMENT.sub(option, message)


def _sentence(error: Exception) -> str:
    if not isinstance(error, OSError) or error.errno is None or error.strerror is None:
        return with_options(str(error))
    if error.filename is None and error.strerror != os.strerror(error.errno):
        return error.strerror
    place = str(error.filename or "standard output")
    if len(place) > _LONGEST_PATH:
        place = f"{place[: _LONGEST_PATH // 2]}...{place[-_LONGEST_PATH // 2 :]}"
    match error.errno:
        case errno.ENOENT:
            reason = "no such file or folder; check the path"
        case errno.EACCES | errno.EPERM:
            reason = "permission denied; check its owner and permissions"
        case errno.ENOSPC | errno.EDQUOT:
            reason = "the disk is full; free some space there"
        case _:
            reason = error.strerror[:1].lower() + error.strerror[1:]
    return f"{place}: {reason}"
