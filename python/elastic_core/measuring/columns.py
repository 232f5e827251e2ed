"""The columns of the tables of a measurement, and what they mean.

The columns of the depth table are entries of `DEPTH_COLUMNS`; a new one is one entry there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from elastic_core.measuring.records import DepthRow
from elastic_core.report.cells import ABSENT
from elastic_core.report.document import Headings


@dataclass(frozen=True, slots=True)
class DepthColumn:
    """A column of the depth table.

    Attributes:
        name: Its heading in tables; empty: only in CSV.
        unit: Its unit in tables; empty: none.
        key: Its name in CSV; empty: only in tables.
        meaning: What it means, in a phrase.
        format: The format of its values in tables, as for the built-in `format`.
        of: Computes its value at a depth, None if it is missing; by default the attribute `key`.
        at_every_depth: Whether a comparison of corpora has it at every depth, not only at depth d.
    """

    name: str
    unit: str
    key: str
    meaning: str = ""
    format: str = ".3f"
    of: Callable[[DepthRow], float | None] | None = None
    at_every_depth: bool = False

    def value(self, row: DepthRow) -> float | None:
        """Its value at a depth, for CSV."""
        value: float | None = self.of(row) if self.of else getattr(row, self.key)
        return value

    def text(self, row: DepthRow) -> str:
        """Its value at a depth, for tables."""
        value = self.value(row)
        return ABSENT if value is None else format(value, self.format)


def _singleton_percent(row: DepthRow) -> float | None:
    return 100 * row.singletons / row.leaves if row.leaves else None


DEPTH_COLUMNS = (
    DepthColumn(
        "depth",
        "",
        "depth",
        "k: how many symbols of each segment are kept, as the tree is pruned to them.",
        "d",
    ),
    DepthColumn("nodes", "", "nodes", "Distinct paths of exactly k symbols.", ",d"),
    DepthColumn(
        "leaves",
        "",
        "leaves",
        "Distinct segments after pruning, including those that end earlier: M_k.",
        ",d",
    ),
    DepthColumn("", "", "singletons"),
    DepthColumn(
        "singletons",
        "% of leaves",
        "",
        "Leaves that occur once. If most do, the depth describes the size of the corpus rather "
        "than its language.",
        ".1f",
        _singleton_percent,
        at_every_depth=True,
    ),
    DepthColumn(
        "entropy",
        "bits/segment",
        "entropy_bits",
        "H_k, the mean length of a segment, cut after k symbols, under the ideal code.",
    ),
    DepthColumn(
        "conditional",
        "bits/symbol",
        "conditional_entropy_bits",
        "H_k - H_(k-1): what the k-th symbol adds, once those before it are known.",
        at_every_depth=True,
    ),
    DepthColumn(
        "Huffman",
        "bits/segment",
        "huffman_bits",
        "Mean length of a segment under the best code with whole bits.",
    ),
    DepthColumn(
        "Thm 3.4",
        "bits/segment",
        "theorem_bits",
        "H_k rounded up: the length that Theorem 3.4 of the paper states. It is no bound.",
        "d",
    ),
)
"""The columns of the depth table on the terminal, in Markdown and in CSV."""

RATE_HEADINGS: Headings = (
    ("code", ""),
    ("rate", "bits/symbol"),
    ("rate", "bits/byte"),
    ("ratio", "of raw"),
    ("ratio", "with codebook"),
)
"""The columns of the table of codes and reference compressors."""

MODEL_HEADINGS: Headings = (
    ("model", ""),
    ("tokens", ""),
    ("rate", "bits/token"),
    ("rate", "bits/character"),
    ("rate", "bits/byte"),
    ("ratio", "of raw"),
)
"""The columns of the table of models."""

CODE_MEANINGS = (
    (
        "code",
        (
            "ideal: -log2 p bits for a segment of probability p; Huffman: whole bits; Thm 3.4 as "
            "printed: H_d rounded up. These are built from this text; the rest are compressors."
        ),
    ),
    ("rate, bits/symbol", "Bits of all segments / symbols in them, ends of documents included."),
    ("rate, bits/byte", "The same bits / bytes of the text, decompressed."),
    ("ratio, of raw", "Compressed size / size of the text."),
    (
        "ratio, with codebook",
        "The same, with the codebook that a decoder needs added to the compressed size.",
    ),
)
"""What the columns of `RATE_HEADINGS` mean."""

MODEL_MEANINGS = (
    ("model", "A language model that predicts the text, token by token."),
    ("tokens", "Tokens of the text in the model's own vocabulary."),
    ("rate, bits/token", "Code length under the model / tokens; only for the same tokenizer."),
    ("rate, bits/character", "Code length / characters of the text."),
    ("rate, bits/byte", "Code length / bytes of the text: compares all models and codes."),
    ("ratio, of raw", "Code length / size of the text."),
)
"""What the columns of `MODEL_HEADINGS` mean."""

NORMALIZED_MEANING = (
    "normalized rate",
    "(H_d - log2 M_d) / d: 0 if all leaves are equally likely, and negative otherwise.",
)
"""What the normalized rate means."""
