"""The configuration of an experiment: its keys, and reading it from YAML and the command line.

Each study adds keys of its own in `elastic_core.experiments.studies`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from elastic_core._core import InvalidArgumentError
from elastic_core.common.messages import abridged
from elastic_core.common.units import counted
from elastic_core.common.yaml import parse_yaml, parse_yaml_file
from elastic_core.experiments.fields import refuse_boolean
from elastic_core.experiments.sections import Data, HeldOut, Pretraining, ScorerConfig, Section
from elastic_core.models.spec import ModelSpec
from elastic_core.training.finetuning.recipe import ONLINE, Recipe

Config = TypeVar("Config", bound="ExperimentConfig")


RECIPE_KEYS = tuple(field.name for field in fields(Recipe))
"""The keys of `recipe`."""

_SHOWN = 60
_MOST_SEEDS = 1000
_RECIPE_SECTIONS = ("recipe", "reverse_recipe")
_RECIPE = TypeAdapter(Recipe)
_RECIPE_TYPES = get_type_hints(Recipe)


def _unknown_key(key: str, known: Sequence[str]) -> str:
    """An error message that suggests the closest known key, or else lists all of them."""
    near = get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}"
    return f"unknown key {key}; {remedy}"


def _check_changes(changes: dict[str, Any]) -> dict[str, Any]:
    for key in changes:
        if key not in RECIPE_KEYS:
            raise InvalidArgumentError(_unknown_key(key, RECIPE_KEYS))
    return changes


Changes = Annotated[dict[str, Any], AfterValidator(_check_changes)]
"""Recipe keys that differ in some trainings."""


class ExperimentConfig(Section):
    """The keys common to all studies.

    Attributes:
        study: The name of the study.
        model: `tree:DEPTH` or `scratch:SIZE` for a model pre-trained here, once per seed;
            `hf:NAME`, or a folder with a checkpoint.
        data: The rows to train on.
        pretrain: The pre-training corpus; optional for `hf:` models.
        held_out: What models are measured on.
        scorer: The scorer of completions.
        recipe: How to train, with the keys of `Recipe`.
        reverse_recipe: Recipe keys that differ in reverse training.
        seeds: Number of seeds; each has its own held-out prompts, subsets, order and weights.
        seed: The first seed.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds"})
    """Keys that may change when a run is extended, because they add cells and alter none."""

    study: str
    model: str
    data: Data
    pretrain: Pretraining | None = None
    held_out: HeldOut = HeldOut()
    scorer: ScorerConfig = ScorerConfig()
    recipe: dict[str, Any] = Field({})
    reverse_recipe: dict[str, Any] = Field({})
    seeds: int = Field(default=5, ge=1, le=_MOST_SEEDS)
    seed: int = Field(default=0, ge=0, le=2**63 - 1)

    @model_validator(mode="after")
    def _check_recipes(self) -> Self:
        self.build_recipe()
        self.build_recipe(reverse=True)
        return self

    @property
    def spec(self) -> ModelSpec:
        """The parsed model name; the model may have been moved since the run."""
        return ModelSpec.parse(self.model, must_exist=False)

    @property
    def answer_prompts(self) -> int:
        """Number of additional prompts to hold out for models to answer."""
        return 0

    @property
    def scorer_teaches(self) -> bool:
        """Whether models learn from the scorer, which then may not judge them.

        It gives the rewards of online algorithms, or picks preferences.
        """
        return any(self.build_recipe(reverse=at).algorithm in ONLINE for at in (False, True))

    @property
    def counted_seeds(self) -> str:
        """The number of seeds in words, such as `1 seed`."""
        return counted(self.seeds, "seed", "seeds")

    @property
    def seed_range(self) -> range:
        """The seeds."""
        return range(self.seed, self.seed + self.seeds)

    def build_recipe(self, *, reverse: bool = False, **changes: Any) -> Recipe:
        """Builds the recipe of the alignment or of the reverse training.

        Args:
            reverse: Whether to apply `reverse_recipe`.
            **changes: Keys that the study sets.

        Raises:
            InvalidArgumentError: A value is invalid.
        """
        values = {**self.recipe, **(self.reverse_recipe if reverse else {}), **changes}
        try:
            for key, value in values.items():
                refuse_boolean(f"recipe.{key}", value, _RECIPE_TYPES.get(key))
            return _RECIPE.validate_python(values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            key = "".join(
                f"recipe.{part} {abridged(fault['input'])}: " for part in fault["loc"][:1]
            )
            raise InvalidArgumentError(f"{key}{_reason(fault['msg'])}") from error


def read_yaml(file: Path) -> dict[str, Any]:
    """Reads the keys of a YAML file.

    Raises:
        InvalidArgumentError: The file is not YAML, or not a mapping.
        OSError: The file cannot be read.
    """
    values = parse_yaml_file(file)
    if not isinstance(values, dict):
        raise InvalidArgumentError(f"{file}: not a configuration; write lines of KEY: VALUE")
    return values


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of nested values with overrides applied.

    Args:
        values: The values.
        overrides: `KEY=VALUE` each; the key is dotted (`data.positive.source`), the value YAML.

    Raises:
        InvalidArgumentError: An override is malformed, or its path crosses a non-section.
    """
    result = dict(values)
    for override in overrides:
        shown = abridged(override)[1:-1] if len(override) > _SHOWN else override
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise InvalidArgumentError(f"{shown}: write KEY=VALUE, as in seeds=3")
        value = parse_yaml(text, shown)
        *sections, last = key.strip().split(".")
        place = result
        for section in sections:
            inner = place.get(section)
            if inner is not None and not isinstance(inner, dict):
                raise InvalidArgumentError(
                    f"{shown}: {section} is {abridged(inner)}, not a section"
                )
            place[section] = dict(inner or {})
            place = place[section]
        place[last] = value
    return result


def parse_config(values: Mapping[str, Any], kind: type[Config], where: str) -> Config:
    """Validates the configuration of a study.

    Args:
        values: The values, nested.
        kind: The study's configuration class.
        where: Where the values come from, for error messages.

    Raises:
        InvalidArgumentError: A key is unknown or missing, or a value is invalid.
    """
    for section in _RECIPE_SECTIONS:
        keys = values.get(section)
        for key in keys if isinstance(keys, Mapping) else ():
            if key not in RECIPE_KEYS:
                message = _unknown_key(f"{section}.{key}", RECIPE_KEYS)
                raise InvalidArgumentError(f"{where}: {message}")
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InvalidArgumentError(f"{where}: {_first_fault(error, kind)}") from error


def _first_fault(error: ValidationError, kind: type[BaseModel]) -> str:
    """The first fault as a sentence; unknown keys come before the missing keys they cause."""
    faults = error.errors(include_url=False)
    first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    match first["type"]:
        case "extra_forbidden":
            return _unknown_key(key, _known_keys(kind, path[:-1]))
        case "missing":
            return f"{key} is missing; add it, or pass {key}=VALUE"
        case _:
            shown = f"{key} {abridged(first['input'])}: " if key else ""
            return f"{shown}{_reason(first['msg'])}"


def _reason(message: str) -> str:
    """A message of pydantic, to continue a sentence."""
    reason = message.removeprefix("Value error, ")
    return f"{reason[:1].lower()}{reason[1:]}"


def _known_keys(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The keys of the section at a path."""
    section: Any = kind
    for part in path:
        field = section.model_fields.get(part)
        if field is None:
            continue  # An index of a list, or the name of a member of a union.
        types = (field.annotation, *getattr(field.annotation, "__args__", ()))
        sections = (t for t in types if isinstance(t, type) and issubclass(t, BaseModel))
        section = next(sections, section)
    return list(section.model_fields)
