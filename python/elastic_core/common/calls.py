"""What all functions of the API do: show their progress in a notebook, and name their arguments."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

from elastic_core._core import ElasticCoreError
from elastic_core.common.notebook import in_notebook, notebook_bar

P = ParamSpec("P")
R = TypeVar("R")

_OPTION = re.compile(
    r"(with )?(?<!\S)--(force|adapter|alphabet|batch|bos|limit|memory|model|on-bad-row|out|"
    r"revision|seeds|segment|split|split-on|text-key|window)\b(?: ('[^']*'|[\w.:/<|>-]*[\w>]))?"
)

_names_options = False


def name_options() -> None:
    """Makes messages name the options of the command line from now on, not arguments."""
    global _names_options
    _names_options = True


def api(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function part of the API.

    Its errors name arguments where the command line names options. If it has an argument `progress`
    that is None, a notebook shows a bar.
    """
    has_progress = "progress" in signature(function).parameters

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        is_shown = has_progress and kwargs.get("progress") is None and in_notebook()
        try:
            with notebook_bar() if is_shown else nullcontext() as bar:
                if bar is not None:
                    kwargs["progress"] = bar
                return function(*args, **kwargs)
        except ElasticCoreError as error:
            if not _names_options:
                error.args = (with_arguments(str(error)),)
            raise

    return call


def with_arguments(message: str) -> str:
    """A message with arguments in place of the options that it names.

    Args:
        message: Such as `skip such rows with --on-bad-row skip`.

    Returns:
        Such as `skip such rows with on_bad_row="skip"`.
    """

    def argument(option: re.Match[str]) -> str:
        before, flag, value = option[1] or "", option[2], (option[3] or "").strip("'")
        if flag == "force":
            return f"{before}overwrite=True{f' {value}' if value else ''}"
        name = flag.replace("-", "_")
        if value:
            return f'{before}{name}="{value}"'
        return f"as {name}" if before else name

    return _OPTION.sub(argument, message)
