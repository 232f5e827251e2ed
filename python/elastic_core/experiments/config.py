"""What decides an experiment: the model, the data, the scorer, the recipe, the seeds.

The classes say which keys a configuration may have, of which types, and what they mean; each study
adds its own in `elastic_core.experiments.studies`. `elastic_core.experiments.reading` makes one of
a YAML file.
"""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import parse_count
from elastic_core.training.finetuning.recipe import Recipe

Count = Annotated[int, BeforeValidator(lambda value: parse_count(value)), Field(ge=1)]
"""A number above 0, as 20000 or `20k`."""

_RECIPE = TypeAdapter(Recipe)
# YAML takes 1e-5 for a text; types are put right here.

RECIPE_KEYS = tuple(each.name for each in fields(Recipe))
"""The keys that `recipe` may have."""


def unknown_key(key: str, known: Sequence[str]) -> str:
    """What is said of a key that there is not: the nearest one, or all that there are."""
    near = get_close_matches(key.rpartition(".")[2], known, n=1, cutoff=0.5)
    remedy = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(known)}"
    return f"unknown key {key}; {remedy}"


def _check_changes(changes: dict[str, Any]) -> dict[str, Any]:
    for key in changes:
        if key not in RECIPE_KEYS:
            raise InvalidArgumentError(unknown_key(key, RECIPE_KEYS))
    return changes


Changes = Annotated[dict[str, Any], AfterValidator(_check_changes)]
"""Keys of a recipe that are different in some trainings."""


class Section(BaseModel):
    """A part of a configuration, which has no keys but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Section):
    """Rows that `elastic_core.data.load.load_examples` reads.

    Attributes:
        source: A file, a folder, a glob, or `hf:OWNER/NAME[/CONFIG][:SPLIT]`.
        label: Only the rows of this label; None: all.
        columns: Where the columns of the format are, if under other names.
        limit: The most rows to take, drawn at random; None: all.
        split: What is a row in plain text: `document`, `line` or `paragraph`.
    """

    source: str
    label: str | int | bool | None = None
    columns: dict[str, str] = {}
    limit: Count | None = None
    split: str = "document"


class Data(Section):
    """What is learned in which direction.

    Attributes:
        positive: The one side.
        negative: The other; None where a study has one side alone.
        pairs: Preferences whose chosen texts are positive; None where no study asks for them.
        prompt_words: Words of a plain text that become the prompt; the rest is what is learned.
        match_length: Whether rows are left out until the two sides are equally long.
    """

    positive: Source
    negative: Source | None = None
    pairs: Source | None = None
    prompt_words: int = Field(default=4, ge=1)
    match_length: bool = False


class Pretraining(Section):
    """How a new model (`tree:` or `scratch:`) is pre-trained, and what any is measured on.

    Attributes:
        corpus: The text: a file, a folder or a glob. For `hf:` models it is only measured.
        text_key: Where a row has its text.
        split: What is a document in plain text.
        tokens: Tokens to train on; of a tree model, bytes, each read once. None: a tree model
            reads all of it; `scratch:` needs a number.
        checkpoints: Tokens after which a `scratch:` model is kept too.
        context: Tokens in a training block; None: the size's own.
        learning_rate: The highest one; None: the size's own.
    """

    corpus: str
    text_key: list[str] = ["text"]
    split: str = "document"
    tokens: Count | None = None
    checkpoints: list[Count] = []
    context: int | None = None
    learning_rate: float | None = None


class HeldOut(Section):
    """What every model is measured on, and none is trained on.

    Attributes:
        prompts: How many prompts, half of either side.
        tokens: Most tokens that a model draws after each.
        texts: The most texts that a loss is taken on, of the pre-training corpus and of each side.
    """

    prompts: int = Field(default=200, ge=4)
    tokens: int = Field(default=32, ge=1)
    texts: int = Field(default=100, ge=2)


class ScorerConfig(Section):
    """What gives a text its score: more is more positive.

    Attributes:
        kind: `linear`, a classifier trained here; or `hf:NAME` or a folder.
        label: The label of an `hf:` classifier whose probability is the score.
        rows: Rows of each side that `linear` is trained on; they are trained on by nothing else.
        positive: Where these are; None: they are taken from the side itself.
        negative: Likewise.
    """

    kind: str = "linear"
    label: str | int | None = None
    rows: Count = 2000
    positive: Source | None = None
    negative: Source | None = None


class ExperimentConfig(Section):
    """What all studies have in common.

    Attributes:
        study: Its name.
        model: `tree:DEPTH` or `scratch:SIZE`, which are pre-trained here, anew for each seed;
            `hf:NAME`, or a folder with a checkpoint.
        data: The two sides.
        pretrain: The pre-training; it may be left out for `hf:` models.
        held_out: What models are measured on.
        scorer: What scores the texts that they draw.
        recipe: How models are trained; the keys are those of `Recipe`.
        reverse_recipe: What is different in training against the alignment.
        seeds: How many seeds; each has its own held-out prompts, subsets, order, initial weights.
        seed: The first of them.
    """

    extent: ClassVar[frozenset[str]] = frozenset({"seeds"})
    """The keys that may change in a run folder that was begun: they say how much is done of it."""

    study: str
    model: str
    data: Data
    pretrain: Pretraining | None = None
    held_out: HeldOut = HeldOut()
    scorer: ScorerConfig = ScorerConfig()
    recipe: dict[str, Any] = {}
    reverse_recipe: dict[str, Any] = {}
    seeds: int = Field(default=5, ge=1)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> "ExperimentConfig":
        self.made_recipe()
        self.made_recipe(reverse=True)
        return self

    @property
    def answer_prompts(self) -> int:
        """How many more prompts are held out for models to answer."""
        return 0

    @property
    def numbers(self) -> range:
        """The seeds."""
        return range(self.seed, self.seed + self.seeds)

    def made_recipe(self, *, reverse: bool = False, **changes: Any) -> Recipe:
        """The recipe of the alignment, or of the training against it.

        Args:
            reverse: Which of them.
            **changes: What a study has different.

        Raises:
            InvalidArgumentError: A value is not what it should be.
        """
        values = {**self.recipe, **(self.reverse_recipe if reverse else {}), **changes}
        try:
            return _RECIPE.validate_python(values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            reason = fault["msg"].removeprefix("Value error, ")
            key = "".join(f"recipe.{part} {fault['input']!r}: " for part in fault["loc"][:1])
            raise InvalidArgumentError(f"{key}{reason[:1].lower()}{reason[1:]}") from error
