"""What of rows, measurements and recipes decides how long they take."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeAlias

from elastic_core.experiments.arms.texts import BaseSamples
from elastic_core.experiments.cells import Cell, Rows, TextSet
from elastic_core.experiments.instruments import DistanceToAuthor, Instruments
from elastic_core.experiments.rows import Answers, InFormat, SampledPairs
from elastic_core.training.finetuning.recipe import Recipe

Shape: TypeAlias = Any
"""What of a description of rows or of a measurement decides how long it takes; hashable."""


def shape_of(value: Any) -> Shape:
    """The shape of rows, a measurement or a text set: all but numbers of rows, cells and names."""
    if isinstance(value, tuple):
        return tuple(map(shape_of, value))
    if is_dataclass(value) and not isinstance(value, Cell):
        named = isinstance(value, TextSet | DistanceToAuthor)
        kept = (field.name for field in fields(value) if not (named and field.name == "name"))
        return (type(value).__name__, *(shape_of(getattr(value, name)) for name in kept))
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return None if is_number or isinstance(value, Cell) else value


def rate_free(recipe: Recipe) -> Recipe:
    """The recipe without what does not change its speed."""
    return replace(recipe, learning_rate=1.0, epochs=1.0, steps=None)


def count_rows(value: Any) -> float:
    """How many rows a description of rows, a measurement or a text set reads; 0 if it has none."""
    if isinstance(value, tuple):
        return sum(map(count_rows, value))
    if isinstance(value, InFormat):
        return count_rows(value.rows)
    stop, count = getattr(value, "stop", None), getattr(value, "count", None)
    if isinstance(value, Rows) and isinstance(stop, int):
        return float(stop - getattr(value, "start", 0))
    if isinstance(value, Rows) and isinstance(count, int):
        return float(count)
    if not is_dataclass(value) or isinstance(value, Cell):
        return 0.0
    return sum(count_rows(getattr(value, field.name)) for field in fields(value))


def instruments_of(measure: Any) -> tuple[str, ...]:
    """The names of the instruments that a measurement prepares; empty if it prepares none."""
    if isinstance(measure, Instruments):
        return measure.names
    return ("kl_author",) if isinstance(measure, DistanceToAuthor) else ()


def sampled_in(value: Any) -> Iterator[BaseSamples | Answers | SampledPairs]:
    """The rows in a description that models write."""
    if isinstance(value, tuple):
        for item in value:
            yield from sampled_in(item)
    elif isinstance(value, BaseSamples | Answers | SampledPairs):
        yield value
    elif is_dataclass(value) and not isinstance(value, Cell | Recipe):
        for field in fields(value):
            yield from sampled_in(getattr(value, field.name))
