"""Progress in a notebook: a bar that the browser draws, which needs no widgets."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from html import escape
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from elastic_core.common.printable import printable
from elastic_core.common.progress import Progress, Step
from elastic_core.common.units import format_count, format_size

P = ParamSpec("P")
R = TypeVar("R")

_SECONDS_BETWEEN_UPDATES = 0.2


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function show a bar in a notebook unless it gets an argument `progress`."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("progress") is not None or not in_notebook():
            return function(*args, **kwargs)
        with notebook_bar() as bar:
            kwargs["progress"] = bar
            return function(*args, **kwargs)

    return call


@contextmanager
def notebook_bar() -> Iterator[Progress]:
    """A bar below the cell while the block runs, which disappears at the end."""
    ipython: Any = import_module("IPython.display")
    handle = ipython.display(ipython.HTML(""), display_id=True)
    shown = 0.0

    def update(step: Step) -> None:
        nonlocal shown
        if time.monotonic() >= shown + _SECONDS_BETWEEN_UPDATES:
            shown = time.monotonic()
            handle.update(ipython.HTML(bar_html(step)))

    try:
        yield update
    finally:
        handle.update(ipython.HTML(""))


def bar_html(step: Step) -> str:
    """A step as a bar, or without one if its total is unknown, with what is done and how much."""
    scaled = format_size if step.unit == "bytes" else format_count
    unit = "" if step.unit == "bytes" else f" {step.unit}"
    of = f" of {scaled(step.total)}" if step.total else ""
    words = ", ".join(filter(None, (f"{scaled(step.done)}{of}{unit}", step.note)))
    bar = f'<progress value="{step.done}" max="{step.total}"></progress> ' if step.total else ""
    return f"<div>{bar}{escape(printable(f'{step.title}: {words}'))}</div>"
