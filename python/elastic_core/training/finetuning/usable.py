"""Which rows have a token to learn: they are tokenized and truncated as TRL's trainers do it.

Truncation at the end can leave nothing but the prompt, which is not part of the loss. TRL drops
such rows, or, for SimPO, computes a loss of NaN from them.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastic_core._core import InvalidArgumentError
from elastic_core.training.finetuning.recipe import ONLINE, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ENDED = ("text", "completion", "chosen", "rejected")
_LONGEST_REASON = 100


class RowReader:
    """Turns the texts and conversations of rows into ids, as TRL does.

    Args:
        tokenizer: The tokenizer of the model.
        vocabulary: Number of ids that the model knows.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", vocabulary: int) -> None:
        self.eos = str(tokenizer.eos_token)
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary

    def ids(self, number: int, content: Any, *, is_prompt: bool = False) -> list[int]:
        """The ids of a text or a conversation.

        Args:
            number: The number of the row, for messages.
            content: A text, or a list of messages.
            is_prompt: Whether the model is to continue a conversation.

        Raises:
            InvalidArgumentError: The chat template refuses the conversation, or the model does not
                know an id.
        """
        if isinstance(content, str):
            ids: list[int] = self._tokenizer(content).input_ids
        else:
            ids = self._conversation(number, content, is_prompt)
        if ids and max(ids) >= self._vocabulary:
            raise InvalidArgumentError(
                f"row {number} has the token id {max(ids)}, but the model knows only "
                f"{self._vocabulary} ids; this is not the tokenizer it was trained with"
            )
        return ids

    def _conversation(self, number: int, messages: Any, is_prompt: bool) -> list[int]:
        try:
            encoded: Any = self._tokenizer.apply_chat_template(
                messages, tokenize=True, return_dict=True, add_generation_prompt=is_prompt
            )
        except Exception as error:  # A template is a program, and raises errors of any type.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise InvalidArgumentError(
                f"row {number}: the model's chat template refuses the conversation "
                f"({reason[:_LONGEST_REASON]}); change the row, or name another model"
            ) from error
        return list(encoded["input_ids"])


@dataclass(frozen=True, slots=True)
class RowTokens:
    """The tokens of a row.

    Attributes:
        learned: Tokens within the limit that enter the loss; of a pair, those of the shorter side.
        total: Tokens of the row before truncation; of a pair, those of the longer side.
    """

    learned: int
    total: int


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What became of the rows of a training.

    Attributes:
        given: Rows passed to the training.
        used: Rows with at least one token to learn; the others are left out.
        cut: Rows used without their end, because they are longer than the limit.
        limit: Maximum tokens of a row; for `ppo`, `rloo` and `grpo`, of a prompt with its
            completion. None: no limit.
    """

    given: int
    used: int
    cut: int
    limit: int | None

    def __str__(self) -> str:
        subject = f"{self.used:,} of {self.given:,} rows" if self.used else "no row"
        verb = "has" if self.used < 2 else "have"
        return f"{subject} {verb} anything to learn within {self.limit:,} tokens"

    def check(self, recipe: Recipe, *, require_all: bool) -> None:
        """Warns of rows that are left out, or refuses them.

        Args:
            recipe: The recipe.
            require_all: Whether to refuse the training if any row is left out.

        Raises:
            InvalidArgumentError: No row is usable, or a required one is not.
        """
        if self.used == self.given:
            return
        if not self.used or require_all:
            raise InvalidArgumentError(f"{self}; {self._remedy(recipe)}")
        warnings.warn(f"{self}; the others are left out", stacklevel=2)

    def _remedy(self, recipe: Recipe) -> str:
        if recipe.algorithm in ONLINE:
            return (
                f"the model has no more positions, so lower recipe.completion_length, "
                f"{recipe.completion_length}, or shorten the prompts"
            )
        if self.limit is not None and self.limit < recipe.max_length:
            return "the model has no more positions, so shorten the prompts"
        return "raise recipe.max_length, or shorten the prompts"


def select_usable(
    rows: Sequence[dict[str, Any]],
    recipe: Recipe,
    reader: RowReader,
    positions: int | None,
) -> tuple[list[dict[str, Any]], RowCounts]:
    """The rows that have a token to learn, in order, and what became of the others.

    Args:
        rows: The rows as the trainer gets them, with `bos` where it belongs.
        recipe: The recipe.
        reader: Reads the rows as the trainer does.
        positions: Maximum tokens that the model reads; None: unlimited.

    Raises:
        InvalidArgumentError: The chat template of the model refuses a row, a row has an id that the
            model does not know, or a prompt to complete is empty.
    """
    limit = positions if recipe.algorithm in ONLINE else row_limit(recipe, positions)
    tokens = count_tokens(rows, recipe, reader, limit)
    usable = [row for row, count in zip(rows, tokens, strict=True) if count.learned]
    cut = sum(count.learned > 0 and limit is not None and count.total > limit for count in tokens)
    return usable, RowCounts(len(rows), len(usable), cut, limit)


def row_limit(recipe: Recipe, positions: int | None) -> int:
    """The maximum tokens of a row: the recipe's, or those of the model if it has fewer."""
    return min(recipe.max_length, positions or recipe.max_length)


def count_tokens(
    rows: Sequence[dict[str, Any]],
    recipe: Recipe,
    reader: RowReader,
    limit: int | None,
) -> list[RowTokens]:
    """The tokens of each row; the arguments are those of `select_usable`.

    A row of `ppo`, `rloo` and `grpo` is a prompt together with a completion of the maximum length;
    they are not truncated, so if they exceed the limit there is nothing to learn.

    Raises:
        InvalidArgumentError: As for `select_usable`.
    """
    if recipe.algorithm in ONLINE:
        length = recipe.completion_length
        counts = [len(reader.ids(at, row["prompt"], is_prompt=True)) for at, row in enumerate(rows)]
        if 0 in counts:
            raise InvalidArgumentError(
                f"row {counts.index(0)} has an empty prompt, and the tokenizer no bos token that "
                "a completion could follow; give every row a prompt"
            )
        totals = [count + length for count in counts]
        return [RowTokens(length if not limit or n <= limit else 0, n) for n in totals]
    return [
        _count_row(number, _ended(row, reader.eos), reader, limit)
        for number, row in enumerate(rows)
    ]


def _ended(row: dict[str, Any], eos: str) -> dict[str, Any]:
    """The row with `eos` after each text that the model learns to end."""
    return {
        name: value + eos
        if name in _ENDED and isinstance(value, str) and not value.endswith(eos)
        else value
        for name, value in row.items()
    }


def _count_row(number: int, row: dict[str, Any], reader: RowReader, limit: int | None) -> RowTokens:
    prompt = row.get("prompt")
    names = [name for name in (*_ENDED, "messages") if name in row]
    whole = [
        reader.ids(number, row[name] if prompt is None else prompt + row[name]) for name in names
    ]
    start = 1  # Nothing predicts the first token.
    if prompt is not None:
        ids = reader.ids(number, prompt, is_prompt=True)
        start = max(1, min(_common_prefix(ids, other) for other in whole))
    seen = [ids[:limit] for ids in whole]
    total = max(map(len, whole))
    if len(seen) == 2 and seen[0] == seen[1] and whole[0] != whole[1]:
        return RowTokens(0, total)  # The texts of the pair differ only after the limit.
    return RowTokens(max(0, min(map(len, seen)) - start), total)


def _common_prefix(ids: list[int], others: list[int]) -> int:
    differing = (
        at for at, (one, other) in enumerate(zip(ids, others, strict=False)) if one != other
    )
    return next(differing, min(len(ids), len(others)))
