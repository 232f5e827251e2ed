"""The words and figures that the table and the Markdown share."""

from elastic_core.common.units import counted, format_size
from elastic_core.measuring.result import CorpusResult, MeasureConfig, MeasureResult
from elastic_core.report.tables import ABSENT, Headings, figure

DEPTH_HEADINGS: Headings = (
    ("depth", ""),
    ("nodes", ""),
    ("leaves", ""),
    ("singletons", "% of leaves"),
    ("entropy", "bits/segment"),
    ("conditional", "bits/symbol"),
    ("Huffman", "bits/segment"),
    ("Thm 3.4", "bits/segment"),
)
"""The columns of `depth_cells`."""

RATE_HEADINGS: Headings = (
    ("code", ""),
    ("rate", "bits/symbol"),
    ("rate", "bits/byte"),
    ("ratio", "of raw"),
    ("ratio", "with codebook"),
)
"""The columns of `rate_cells`."""

MODEL_HEADINGS: Headings = (
    ("model", ""),
    ("tokens", ""),
    ("rate", "bits/token"),
    ("rate", "bits/character"),
    ("rate", "bits/byte"),
    ("ratio", "of raw"),
)
"""The columns of `model_cells`."""

NAMES = ("code", "model")
"""The columns whose cells are words."""


def summary(corpus: CorpusResult) -> str:
    """How much was read: documents, bytes, symbols and, if there are any, bad rows."""
    parts = [
        counted(corpus.documents, "document", "documents"),
        format_size(corpus.bytes),
        counted(corpus.symbols, "symbol", "symbols"),
    ]
    if corpus.bad_rows:
        parts.append(f"{counted(corpus.bad_rows, 'bad row', 'bad rows')} left out")
    return ", ".join(parts)


def setting(config: MeasureConfig) -> str:
    """What was measured: alphabet, segmentation and depth."""
    return f"alphabet {config.alphabet}, segment {config.segment}, depth {config.depth}"


def depth_cells(corpus: CorpusResult) -> list[tuple[str, ...]]:
    """The corpus's depths as texts, in the order of `DEPTH_HEADINGS`."""
    return [
        (
            str(row.depth),
            f"{row.nodes:,}",
            f"{row.leaves:,}",
            f"{100 * row.singletons / row.leaves:.1f}" if row.leaves else ABSENT,
            f"{row.entropy_bits:.3f}",
            f"{row.conditional_entropy_bits:.3f}",
            f"{row.huffman_bits:.3f}",
            str(row.theorem_bits),
        )
        for row in corpus.depths
    ]


def rate_cells(corpus: CorpusResult) -> list[tuple[str, ...]]:
    """The corpus's rates as texts, in the order of `RATE_HEADINGS`, reference compressors last.

    Codes without a rate, as those of windows are, have no row.
    """
    static = [
        ("ideal", corpus.static_rate),
        ("Huffman", corpus.huffman_rate),
        ("Thm 3.4 bound", corpus.theorem_rate),
    ]
    rows: list[tuple[str, ...]] = [
        (
            name,
            figure(rate.bits_per_symbol, 3),
            figure(rate.bits_per_byte, 3),
            figure(rate.ratio, 4),
            figure(rate.with_codebook_ratio, 4),
        )
        for name, rate in static
        if rate.bits_per_symbol is not None
    ]
    return rows + [
        (each.name, ABSENT, figure(each.bits_per_byte, 3), figure(each.ratio, 4), ABSENT)
        for each in corpus.compare
    ]


def model_cells(corpus: CorpusResult) -> list[tuple[str, ...]]:
    """The rates of models on the corpus as texts, in the order of `MODEL_HEADINGS`."""
    return [
        (
            rate.model,
            f"{rate.tokens:,}",
            figure(rate.bits_per_token, 3),
            figure(rate.bits_per_character, 3),
            figure(rate.bits_per_byte, 3),
            figure(rate.ratio, 4),
        )
        for rate in corpus.model_rates
    ]


def notes(result: MeasureResult) -> list[str]:
    """What a reader must know of the figures, and of those that are not there."""
    found = []
    match result.config.segment:
        case "window":
            found.append("Windows overlap, so no rate per symbol or byte can be made of them.")
        case "prefix":
            found.append("Prefixes leave text out, so no rate per byte can be made of them.")
    rates = result.corpora[-1].model_rates
    if rates and result.corpora[-1].static_rate.bits_per_symbol is not None:
        found.append("Static rate (each code): a code made of this very text and spent on it.")
    if adaptive := [rate.model for rate in rates if rate.adaptive]:
        found.append(
            f"Adaptive rate ({', '.join(adaptive)}): every symbol predicted before it is learned."
        )
    if frozen := [rate.model for rate in rates if not rate.adaptive]:
        found.append(f"Model rate ({', '.join(frozen)}): learned before, and nothing of this text.")
    found += [
        f"{rate.model} cannot read {counted(left_out, 'document', 'documents')} of {corpus.name}, "
        "which its rate leaves out."
        for corpus in result.corpora
        for rate in corpus.model_rates
        if (left_out := corpus.documents - rate.documents)
    ]
    return found


def normalized(corpus: CorpusResult) -> str:
    """The normalized rate with its definition."""
    depth = corpus.depths[-1].depth
    return (
        f"normalized rate (H_{depth} - log2 leaves)/{depth}: "
        f"{corpus.normalized_rate:.4f} bits/symbol"
    )
