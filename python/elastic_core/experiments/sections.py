"""The sections of a configuration: rows, pre-training, held-out texts and the scorer."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from elastic_core.common.hashing import ADDED_LATER
from elastic_core.experiments.fields import Count, Names, refuse_boolean

MOST = 1_000_000
"""The largest number of prompts, tokens or texts to measure on."""

MOST_SCORER_ROWS = 2000
"""The largest number of rows of each side for the linear scorer, unless one is configured."""


class Section(BaseModel):
    """A section of a configuration; unknown keys and booleans in place of numbers are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _check_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        refuse_boolean("", value, field.annotation)
        return value

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The values; those of `ADDED_LATER` fields only where they differ from the default."""
        values: dict[str, Any] = handler(self)
        for name, field in type(self).model_fields.items():
            if ADDED_LATER in field.metadata and getattr(self, name) == field.default:
                values.pop(name, None)
        return values


class Source(Section):
    """Where rows come from; `elastic_core.data.load.load_examples` reads them.

    Attributes:
        source: A file, a folder, a glob, or `hf:OWNER/NAME[/CONFIG][:SPLIT]`.
        label: Keep only rows with this label; None: all.
        columns: Names of the format's columns, where the file uses other names.
        limit: The maximum number of rows, drawn at random; None: all.
        split: What counts as a row in plain text: `document`, `line` or `paragraph`.
    """

    source: str
    label: str | int | bool | None = None
    columns: dict[str, str] = {}
    limit: Count | None = None
    split: str = "document"


class Data(Section):
    """The rows to train on, in both directions.

    Attributes:
        positive: Rows of the positive side.
        negative: Rows of the negative side; None for studies with a single side.
        pairs: Preferences whose chosen texts are positive, for `algorithms`; None: the base model
            writes them.
        prompt_words: In plain text, the number of words that form the prompt; the rest is the
            completion.
        match_length: Whether to drop rows until both sides have the same distribution of lengths.
    """

    positive: Source
    negative: Source | None = None
    pairs: Source | None = None
    prompt_words: int = Field(default=4, ge=1, le=MOST)
    match_length: bool = False


class Pretraining(Section):
    """The pre-training corpus: new models are trained on it, and all models are measured on it.

    Attributes:
        corpus: A file, a folder or a glob. `hf:` models are only measured on it.
        text_key: Keys or columns that may hold the text of a row.
        split: What counts as a document in plain text.
        tokens: Tokens to train on; for a tree model, bytes, each read once. None: a tree model
            reads everything; `scratch:` models require a number.
        checkpoints: Tokens after which to keep a copy of a `scratch:` model.
        context: Tokens in a training block; None: the default of the model's size.
        learning_rate: Peak learning rate; None: the default of the model's size.
        branches: Tokens of further `scratch:` models, increasing, each annealed from the same run.
        schedule: `cosine`, or `wsd` for warm-up, stable, decay; None: `wsd` with branches, else
            `cosine`.
        warm_up: Tokens of the warm-up of `wsd`; None: 20 steps.
        decay: The share of the tokens in the decay phase of `wsd`; None: 0.2.
    """

    corpus: str
    text_key: Names = ["text"]
    split: str = "document"
    tokens: Count | None = None
    checkpoints: list[Count] = []
    context: int | None = Field(default=None, ge=2, le=MOST)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    branches: Annotated[list[Count], ADDED_LATER] = []
    schedule: Annotated[Literal["cosine", "wsd"] | None, ADDED_LATER] = None
    warm_up: Annotated[Count | None, ADDED_LATER] = None
    decay: Annotated[float | None, Field(gt=0, lt=1), ADDED_LATER] = None

    @property
    def volumes(self) -> list[int]:
        """The tokens after which a `scratch:` model can be taken besides its whole pre-training."""
        return [*self.checkpoints, *self.branches]


class HeldOut(Section):
    """What every model is measured on and none is trained on.

    Attributes:
        prompts: Number of prompts, half of them from each side.
        tokens: Maximum length of a completion, in tokens; for a tree model, in bytes.
        texts: Maximum number of texts per loss, from the pre-training corpus and from each side.
        length: Maximum number of tokens of a text that the margin reads; None: `recipe.max_length`.
    """

    prompts: int = Field(default=200, ge=4, le=MOST)
    tokens: int = Field(default=32, ge=1, le=MOST)
    texts: int = Field(default=100, ge=2, le=MOST)
    length: Annotated[Count | None, ADDED_LATER] = None


class ScorerConfig(Section):
    """The scorer of texts: a higher score is more positive.

    Attributes:
        kind: `linear` for a classifier trained here, `hf:NAME`, or a folder.
        label: The label of an `hf:` classifier whose probability is the score.
        rows: Rows of each side to train `linear` on; they are used for nothing else. Where models
            learn from the scorer, as many others train the linear one that judges. None: as many as
            the rest of the run leaves, up to 2000.
        words: Words at the start of a row that `linear` is trained on; None: all. As many as models
            are sampled make it a judge of text of that length.
        positive: The positive rows for `linear`; None: taken from `data.positive`.
        negative: The negative rows for `linear`; None: taken from `data.negative`.
    """

    kind: str = "linear"
    label: str | int | None = None
    rows: Count | None = None
    words: Annotated[Count | None, ADDED_LATER] = None
    positive: Source | None = None
    negative: Source | None = None
