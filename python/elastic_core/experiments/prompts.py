"""Prompts that repeat: the rows they cost, and the number of words at which few are lost.

No row with a held-out prompt is trained on. If many rows begin with the same words, one of them is
held out and all others are lost.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from elastic_core._core import InvalidArgumentError
from elastic_core.common.messages import abridged
from elastic_core.common.units import counted
from elastic_core.data.examples import Examples, split_prompts
from elastic_core.data.select import hold_out, normalized, without_prompts
from elastic_core.experiments.context import RunContext

_CANDIDATES = (4, 6, 8, 12, 16, 24, 32, 48)
_FEW = 0.02
"""The share of rows that a number of words may lose and still be chosen."""

_MANY = 0.05
"""The share of lost rows from which on a run says so."""


def lost_rows(rows: Mapping[str, Examples], words: int, held_out: int, seed: int) -> int:
    """The most rows that a side loses to its prompts.

    They are too short to have a completion, or their prompt is held out with another row.

    Args:
        rows: Plain texts, or rows with prompt and completion, by side.
        words: Number of words in the prompt of a plain text.
        held_out: Number of prompts that each side holds out.
        seed: The seed of the draw.
    """
    try:
        split = {
            side: split_prompts(some, words) if some.format == "text" else some
            for side, some in rows.items()
        }
        held = {side: hold_out(some, held_out, seed=seed)[0] for side, some in split.items()}
        lost = []
        for side, rest in split.items():
            for prompts in held.values():
                rest = without_prompts(rest, prompts)
            lost.append(len(rows[side]) - len(rest) - held_out)
    except InvalidArgumentError:  # No row is left.
        return max(map(len, rows.values()))
    return max(lost)


def choose_prompt_words(rows: Mapping[str, Examples], held_out: int, seed: int) -> tuple[int, int]:
    """The smallest number of words that loses few rows, or else the fewest, and how many it loses.

    Args:
        rows: Plain texts by side; sides of rows with prompts may be among them.
        held_out: Number of prompts that each side holds out.
        seed: The seed of the draw.
    """
    fewest = _FEW * min(map(len, rows.values()))
    lost: dict[int, int] = {}
    for words in _CANDIDATES:
        lost[words] = lost_rows(rows, words, held_out, seed)
        if lost[words] <= fewest:
            break
    words = min(lost, key=lost.__getitem__)
    return words, lost[words]


def commonest_prompt(rows: Examples) -> tuple[str, int]:
    """The prompt that most rows have, as it is shown, and how many have it."""
    ((prompt, count),) = Counter(map(normalized, rows.prompts())).most_common(1)
    return abridged(prompt), count


def describe_losses(context: RunContext) -> Iterator[str]:
    """A sentence with the remedy for each side that loses many rows by its prompts."""
    datasets, config = context.datasets, context.config
    split = datasets.split(config.seed)
    for side, rows in datasets.rows.items():
        short, repeated = datasets.too_short[side], split.shared[side]
        if short > _MANY * (short + len(rows)):
            yield (
                f"{side}: {counted(short, 'text was', 'texts were')} dropped, with no more than "
                f"{counted(config.data.prompt_words, 'word', 'words')}; lower data.prompt_words"
            )
        if repeated <= _MANY * len(rows):
            continue
        prompt, count = commonest_prompt(rows)
        yield (
            f"{side}: {repeated:,} of {len(rows):,} rows are not used, because another row with "
            f"their prompt is held out, and {prompt} begins {count:,}; "
            f"{_remedy(context)}"
        )


def _remedy(context: RunContext) -> str:
    """How to lose fewer rows to repeated prompts."""
    datasets, config = context.datasets, context.config
    if datasets.split_sides:
        texts = {side: _as_texts(datasets.rows[side]) for side in datasets.split_sides}
        held_out = datasets.prompts // len(datasets.sides)
        words, lost = choose_prompt_words(texts, held_out, config.seed)
        if words > config.data.prompt_words:
            return f"set data.prompt_words={words}, which loses {lost:,}"
    return "hold out fewer with held_out.prompts, or use rows whose prompts differ"


def _as_texts(rows: Examples) -> Examples:
    """Rows with prompt and completion as the texts that they were split from."""
    return replace(rows, format="text", rows=tuple({"text": text} for text in rows.texts()))
