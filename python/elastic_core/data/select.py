"""Selection of rows: nested subsets, held-out prompts, duplicates, labels, equal lengths.

Random choices depend only on the rows and the seed, not on their order in the file or on threads.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from elastic_core._core import InvalidArgumentError
from elastic_core.data.examples import Examples
from elastic_core.data.formats import Row, truth_of

_LISTED = 10

LengthOf: TypeAlias = Callable[[list[str]], Sequence[int]]
"""Returns the length of each text, such as its number of tokens."""

TOLERANCE = 0.01
"""How much longer one row of a pair may be than the other, as a fraction of the shorter.

Of 10,000 positive and 10,000 negative IMDb reviews, 9,569 of each remain, with means that differ by
0.2%; at 0.05, 9,754 and 2.3%; at 0, 6,794 and no difference.
"""


def random_order(keys: Iterable[str], seed: int) -> list[int]:
    """The indices of keys in random order.

    Keys are sorted by the BLAKE2b hash of the seed, the key and the number of equal keys before it.
    So the same keys give the same order however they were sorted, and additional keys do not change
    the order of the others.
    """
    occurrences: Counter[str] = Counter()
    hashes = []
    for key in keys:
        content = f"{seed} {occurrences[key]} {key}".encode("utf-8", "surrogatepass")
        hashes.append(hashlib.blake2b(content, digest_size=16).digest())
        occurrences[key] += 1
    return sorted(range(len(hashes)), key=hashes.__getitem__)


def normalized(text: str) -> str:
    """A text without differences that a reader would ignore.

    Unicode normalization form NFKC, case-folded, white space collapsed to single blanks and
    stripped at both ends.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def subsets(examples: Examples, sizes: Sequence[int], *, seed: int = 0) -> list[Examples]:
    """Draws nested subsets: each is contained in every larger one.

    A subset of n rows is the first n of one random order, so subsets of other calls with the same
    rows and seed are nested with these.

    Args:
        examples: The rows to draw from.
        sizes: Number of rows of each subset.
        seed: Seed of the order.

    Returns:
        A subset for each size, in random order.

    Raises:
        InvalidArgumentError: A size is below 1 or above the number of rows.
    """
    for size in sizes:
        if not 1 <= size <= len(examples):
            raise InvalidArgumentError(
                f"{examples.name}: a subset of {size:,} rows, but there are {len(examples):,}; "
                f"choose 1 to {len(examples):,}"
            )
    order = random_order(examples.keys(), seed)
    return [examples.take(order[:size]) for size in sizes]


def hold_out(examples: Examples, count: int, *, seed: int = 0) -> tuple[Examples, Examples]:
    """Draws prompts to hold out from training.

    Prompts are compared after normalization (`normalized`). The prompt of a row without one is its
    whole text.

    Args:
        examples: The rows to draw from.
        count: Number of prompts to hold out; the draws for different counts are nested.
        seed: Seed of the draw, in which all prompts are equally likely.

    Returns:
        One row for each held-out prompt, in random order; and all rows with other prompts, in
        their order. Further rows with a held-out prompt are in neither.

    Raises:
        InvalidArgumentError: `count` is below 1, or no prompt would remain to train on.
    """
    prompts = _prompts(examples)
    distinct = list(dict.fromkeys(prompts))
    if not 1 <= count < len(distinct):
        raise InvalidArgumentError(
            f"{examples.name}: cannot hold out {count:,} of {len(distinct):,} distinct prompts; "
            "hold out at least 1, and leave at least one to train on"
        )
    row_of: dict[str, int] = {}
    for row in random_order(examples.keys(), seed):
        row_of.setdefault(prompts[row], row)
    held_out = examples.take(
        row_of[distinct[prompt]] for prompt in random_order(distinct, seed)[:count]
    )
    return held_out, without_prompts(examples, held_out)


def without_prompts(examples: Examples, held_out: Examples) -> Examples:
    """The rows of another data set whose prompts are not held out, compared as in `hold_out`.

    Raises:
        InvalidArgumentError: Every row has a held-out prompt.
    """
    unseen = set(_prompts(held_out))
    rest = [row for row, prompt in enumerate(_prompts(examples)) if prompt not in unseen]
    if not rest:
        raise InvalidArgumentError(
            f"{examples.name}: all {len(examples):,} rows have prompts held out from "
            f"{held_out.name}; hold out fewer, or use other data"
        )
    return examples.take(rest)


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """Splits without common rows.

    Attributes:
        splits: The splits without the removed rows.
        removed: Number of rows removed from each split.
    """

    splits: tuple[Examples, ...]
    removed: tuple[int, ...]


def deduplicate(*splits: Examples) -> Deduplicated:
    """Removes rows that occur earlier, in the same split or in a previous one.

    Rows are compared by their normalized texts (`Examples.texts`, `normalized`), not by labels or
    rejected texts. Name the test split first, so that duplicates are removed from the training
    split.

    Raises:
        InvalidArgumentError: A split has no rows left.
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
                f"{split.name}: all {len(split):,} rows also occur in "
                f"{' or '.join(other.name for other in kept)}; use data sets that differ"
            )
        kept.append(split.take(rows))
    removed = (len(split) - len(rest) for split, rest in zip(splits, kept, strict=True))
    return Deduplicated(tuple(kept), tuple(removed))


def with_label(examples: Examples, label: object) -> Examples:
    """The rows with a label, compared as text: 1 matches the `1` of a CSV file, and a true label.

    Raises:
        InvalidArgumentError: No row has this label.
    """

    def has_it(row: Row) -> bool:
        own = row.get("label")
        return truth_of(label) is own if isinstance(own, bool) else str(own) == str(label)

    rows = [at for at, row in enumerate(examples.rows) if has_it(row)]
    if not rows:
        labels = sorted({str(row["label"]) for row in examples.rows if "label" in row})
        raise InvalidArgumentError(
            f"{examples.name}: no row has the label {label}; the labels are "
            f"{', '.join(labels[:_LISTED]) or 'missing'}"
        )
    return examples.take(rows)


def characters(texts: list[str]) -> list[int]:
    """The length of each text in Unicode code points."""
    return [len(text) for text in texts]


@dataclass(frozen=True, slots=True)
class LengthMatch:
    """Two sides of equal size with the same distribution of lengths, within the tolerance.

    Attributes:
        one: The remaining rows of the first side, in their order.
        other: As many rows of the other side.
        means: Mean length of each side; they differ by at most the tolerance.
    """

    one: Examples
    other: Examples
    means: tuple[float, float]


def match_length(
    one: Examples,
    other: Examples,
    *,
    seed: int,
    length_of: LengthOf = characters,
    tolerance: float = TOLERANCE,
) -> LengthMatch:
    """Drops rows of both sides until their lengths match.

    Rows are paired without replacement, one from each side, so that the longer completion of a pair
    exceeds the shorter by at most `tolerance`. Pairing greedily from the shortest gives the largest
    possible number of pairs. Rows without a partner are dropped; the seed decides which among
    equally long ones.

    Args:
        one: The first side.
        other: The other side.
        seed: Seed of the choice among equally long rows.
        length_of: Length of completions (`Examples.completions`); by default in characters.
        tolerance: How much longer one of a pair may be, as a fraction of the shorter; at least 0.

    Raises:
        InvalidArgumentError: The tolerance is below 0, or no two rows match in length.
    """
    if not tolerance >= 0:
        raise InvalidArgumentError(f"tolerance {tolerance}: must be at least 0")
    ones, others = _by_length(one, length_of, seed), _by_length(other, length_of, seed)
    pairs = []
    i = j = 0
    while i < len(ones) and j < len(others):
        (length, row), (other_length, other_row) = ones[i], others[j]
        if length > other_length * (1 + tolerance):
            j += 1
        elif other_length > length * (1 + tolerance):
            i += 1
        else:
            pairs.append((row, other_row, length, other_length))
            i, j = i + 1, j + 1
    if not pairs:
        raise InvalidArgumentError(
            f"{one.name} and {other.name}: no two rows match in length: the first are "
            f"{ones[0][0]:,} to {ones[-1][0]:,} long, the others {others[0][0]:,} to "
            f"{others[-1][0]:,}; do not match lengths, or use other data"
        )
    rows, other_rows, lengths, other_lengths = zip(*pairs, strict=True)
    means = sum(lengths) / len(pairs), sum(other_lengths) / len(pairs)
    return LengthMatch(one.take(sorted(rows)), other.take(sorted(other_rows)), means)


def _prompts(examples: Examples) -> list[str]:
    """The normalized prompt of each row, or its whole text if it has none."""
    pairs = zip(examples.prompts(), examples.texts(), strict=True)
    return [normalized(prompt) or normalized(text) for prompt, text in pairs]


def _by_length(examples: Examples, length_of: LengthOf, seed: int) -> list[tuple[int, int]]:
    """Length and index of each row, sorted by length, equally long rows in random order."""
    lengths = length_of(examples.completions())
    order = random_order(examples.keys(), seed)
    return sorted(((int(lengths[row]), row) for row in order), key=lambda pair: pair[0])
