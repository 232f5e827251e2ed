"""A YAML file and what is said on the command line become the configuration of a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from elastic_core._core import InvalidArgumentError
from elastic_core.experiments.config import RECIPE_KEYS, ExperimentConfig, unknown_key

Config = TypeVar("Config", bound=ExperimentConfig)

_RECIPES = ("recipe", "reverse_recipe")


def read_yaml(file: Path) -> dict[str, Any]:
    """The keys of a YAML file.

    Raises:
        InvalidArgumentError: The file is no YAML, or no mapping.
        OSError: The file cannot be read.
    """
    try:
        found = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{file}: not YAML ({_one_line(error)}); mend it") from error
    if not isinstance(found, dict):
        raise InvalidArgumentError(f"{file}: no configuration in it; write KEY: VALUE lines")
    return found


def overridden(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The values with others in their places.

    Args:
        values: The values, nested.
        overrides: Each `KEY=VALUE`; the key is dotted (`data.positive.source`), the value YAML.

    Raises:
        InvalidArgumentError: An override is none, or leads into what is no section.
    """
    made = dict(values)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise InvalidArgumentError(f"{override}: write KEY=VALUE, as in seeds=3")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InvalidArgumentError(f"{override}: {value!r} is not YAML; mend it") from error
        *sections, last = key.strip().split(".")
        place = made
        for section in sections:
            inner = place.get(section)
            if inner is not None and not isinstance(inner, dict):
                raise InvalidArgumentError(f"{override}: {section} is {inner!r}, not a section")
            place[section] = dict(inner or {})
            place = place[section]
        place[last] = parsed
    return made


def parse(values: Mapping[str, Any], kind: type[Config], where: str) -> Config:
    """The configuration that the values make.

    Args:
        values: The values, nested.
        kind: The configuration of the study.
        where: Where they are from, for what an error says.

    Raises:
        InvalidArgumentError: A key is unknown, missing, or has a value that it cannot have.
    """
    for section in _RECIPES:
        for key in values.get(section) or {}:
            if key not in RECIPE_KEYS:
                named = unknown_key(f"{section}.{key}", RECIPE_KEYS)
                raise InvalidArgumentError(f"{where}: {named}")
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidArgumentError(_sentence(error, kind, where)) from error


def _sentence(error: ValidationError, kind: type[BaseModel], where: str) -> str:
    """The first fault in words; a key that is unknown before what is missing because of it."""
    faults = error.errors(include_url=False)
    first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    match first["type"]:
        case "extra_forbidden":
            return f"{where}: {unknown_key(key, _keys(kind, path[:-1]))}"
        case "missing":
            return f"{where}: {key} is missing; write it, or give it as {key}=VALUE"
        case _:
            reason = first["msg"].removeprefix("Value error, ")
            shown = f"{key} {first['input']!r}: " if key else ""
            return f"{where}: {shown}{reason[:1].lower()}{reason[1:]}"


def _keys(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys of the section that a path leads to."""
    section: Any = kind
    for part in path:
        field = section.model_fields.get(part)
        if field is None:
            continue  # A number in a list, or the name of one of several types.
        section = _section(field.annotation) or section
    return list(section.model_fields)


def _section(annotation: Any) -> Any:
    """The section among the types of a field."""
    kinds = [annotation, *getattr(annotation, "__args__", ())]
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
