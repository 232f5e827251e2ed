"""Which rows are trained on: nested subsets, prompts held out, no row twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from elastic_core._core import InvalidArgumentError
from elastic_core.data.draws import drawn, normalized
from elastic_core.data.examples import Examples

_LISTED = 10


def subsets(examples: Examples, sizes: Sequence[int], *, seed: int) -> list[Examples]:
    """Draws subsets, each of which is within every larger one.

    A subset of n is the first n rows of one random order, which depends on the rows and the seed
    alone; so another call with other sizes gives subsets that are nested with these.

    Args:
        examples: The rows to draw from.
        sizes: How many rows each subset has.
        seed: Seed of the order.

    Returns:
        A subset for each size, its rows in the random order.

    Raises:
        InvalidArgumentError: A size is below 1, or there are not so many rows.
    """
    for size in sizes:
        if not 1 <= size <= len(examples):
            raise InvalidArgumentError(
                f"{examples.name}: a subset of {size:,} rows, but there are {len(examples):,}; "
                f"ask for 1 to {len(examples):,}"
            )
    order = drawn(examples.keys(), seed)
    return [examples.take(order[:size]) for size in sizes]


def hold_out(examples: Examples, count: int, *, seed: int) -> tuple[Examples, Examples]:
    """Draws prompts that are not trained on.

    Prompts are the same where they are once normalized (`elastic_core.data.draws.normalized`). A
    row without a prompt counts as one: its whole text.

    Args:
        examples: The rows to draw from.
        count: How many prompts to hold out; those of a lower count are among those of a higher.
        seed: Seed of the draw, in which each prompt has the same chance.

    Returns:
        One row for each held-out prompt, in random order; and all rows with other prompts, in
        their own order. Further rows with a held-out prompt are in neither.

    Raises:
        InvalidArgumentError: `count` is below 1, or no prompt would be left to train on.
    """
    prompts = _prompts(examples)
    different = list(dict.fromkeys(prompts))
    if not 1 <= count < len(different):
        raise InvalidArgumentError(
            f"{examples.name}: {count:,} prompts to hold out of {len(different):,} different ones; "
            "ask for at least 1, and leave at least one to train on"
        )
    row_of: dict[str, int] = {}
    for row in drawn(examples.keys(), seed):
        row_of.setdefault(prompts[row], row)
    held_out = examples.take(row_of[different[prompt]] for prompt in drawn(different, seed)[:count])
    return held_out, without_prompts(examples, held_out)


def without_prompts(examples: Examples, held_out: Examples) -> Examples:
    """The rows with other prompts than those held out, where a study trains on other data too.

    Prompts are the same where `hold_out` says so.

    Raises:
        InvalidArgumentError: Every row has a held-out prompt.
    """
    unseen = set(_prompts(held_out))
    rest = [row for row, prompt in enumerate(_prompts(examples)) if prompt not in unseen]
    if not rest:
        raise InvalidArgumentError(
            f"{examples.name}: all {len(examples):,} rows have prompts that are held out of "
            f"{held_out.name}; hold out fewer, or name other data"
        )
    return examples.take(rest)


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """Splits that have no row in common.

    Attributes:
        splits: The splits without the rows that were removed.
        removed: How many rows each split lost.
    """

    splits: tuple[Examples, ...]
    removed: tuple[int, ...]


def deduplicate(*splits: Examples) -> Deduplicated:
    """Removes rows that came before, in the same split or in an earlier one.

    Rows are the same where their texts (`Examples.texts`) are once normalized
    (`elastic_core.data.draws.normalized`): labels and rejected texts make no difference. Name the
    split to test on first, so that the one to train on gives way.

    Raises:
        InvalidArgumentError: Nothing is left of a split.
    """
    seen: set[str] = set()
    kept: list[Examples] = []
    for split in splits:
        rows = []
        for row, text in enumerate(map(normalized, split.texts())):
            if text not in seen:
                seen.add(text)
                rows.append(row)
        if not rows:
            raise InvalidArgumentError(
                f"{split.name}: none of its {len(split):,} rows is left, for all are in "
                f"{' or '.join(each.name for each in kept)} too; name data sets that differ"
            )
        kept.append(split.take(rows))
    lost = (len(split) - len(left) for split, left in zip(splits, kept, strict=True))
    return Deduplicated(tuple(kept), tuple(lost))


def with_label(examples: Examples, label: object) -> Examples:
    """The rows of one label, so that a labelled data set gives a study its sides.

    Labels are compared as text: 1 is also `1` of a CSV file.

    Raises:
        InvalidArgumentError: No row has this label.
    """
    rows = [row for row, each in enumerate(examples.rows) if str(each.get("label")) == str(label)]
    if not rows:
        labels = sorted({str(row["label"]) for row in examples.rows if "label" in row})
        raise InvalidArgumentError(
            f"{examples.name}: no row has the label {label}; there are "
            f"{', '.join(labels[:_LISTED]) or 'no labels'}"
        )
    return examples.take(rows)


def _prompts(examples: Examples) -> list[str]:
    """The prompt of each row, or its whole text where it has none, normalized."""
    pairs = zip(examples.prompts(), examples.texts(), strict=True)
    return [normalized(prompt) or normalized(text) for prompt, text in pairs]
