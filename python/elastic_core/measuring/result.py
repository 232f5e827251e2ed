"""The result of a measurement, and its JSON.

`MeasureResult.to_dict` has the schema `elastic-core/measure/1`, which `docs/measure.md` defines key
by key. The records hold more than the JSON: the rates of the Huffman code and of Thm 3.4 as
printed, and the token trees.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from elastic_core._core import (
    DepthStatistics,
    StaticRate,
    Statistics,
    TokenTree,
)
from elastic_core.common import schemas
from elastic_core.common.versions import versions_here
from elastic_core.corpora.sources import ReadOptions, reading_dict
from elastic_core.report.presented import Presented


@dataclass(frozen=True, slots=True)
class DepthRow:
    """The tree pruned to one depth k.

    Attributes:
        depth: k, in symbols.
        nodes: Distinct paths of exactly k symbols.
        leaves: Distinct paths after pruning to k, including shorter ones that end in EOS: M.
        singletons: Leaves that occur once.
        entropy_bits: H_k = -sum p log2 p over the leaves, in bits per segment.
        conditional_entropy_bits: H_k - H_(k-1), in bits per symbol; H_0 = 0.
        huffman_bits: Mean codeword length of an optimal prefix code, in bits per segment.
        theorem_bits: ceil(H_k), the length of a segment by Thm 3.4 as printed, in bits; it is no
            bound, because the Huffman code may be longer.
    """

    depth: int
    nodes: int
    leaves: int
    singletons: int
    entropy_bits: float
    conditional_entropy_bits: float
    huffman_bits: float
    theorem_bits: int

    @classmethod
    def of(cls, statistics: DepthStatistics) -> Self:
        """The row of one depth of a tree's statistics."""
        return cls(
            depth=statistics.depth,
            nodes=statistics.nodes,
            leaves=statistics.leaves,
            singletons=statistics.singletons,
            entropy_bits=statistics.entropy_bits,
            conditional_entropy_bits=statistics.conditional_entropy_bits,
            huffman_bits=statistics.huffman_bits,
            theorem_bits=statistics.theorem_bits,
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """The rate of one code on a corpus, with several denominators.

    Attributes:
        bits_per_symbol: Bits of all segments / symbols in them, including EOS; None for `window`,
            whose segments overlap.
        bits_per_byte: The same bits / raw bytes of text; None unless the segments are chunks.
        ratio: `bits_per_byte` / 8: compressed size / raw size.
        with_codebook_ratio: `ratio` with the serialized codebook added to the compressed size.
    """

    bits_per_symbol: float | None
    bits_per_byte: float | None
    ratio: float | None
    with_codebook_ratio: float | None

    @classmethod
    def of(cls, rate: StaticRate) -> Self:
        """The record of one of a tree's static rates."""
        return cls(
            bits_per_symbol=rate.bits_per_symbol,
            bits_per_byte=rate.bits_per_byte,
            ratio=rate.ratio,
            with_codebook_ratio=rate.with_codebook_ratio,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A reference compressor on the same documents, concatenated.

    Attributes:
        name: The compressor and its level, such as `zstd:19`.
        bytes: Compressed bytes.
        bits_per_byte: Compressed bits / raw bytes of text; None for an empty text.
        ratio: Compressed bytes / raw bytes of text; None for an empty text.
    """

    name: str
    bytes: int
    bits_per_byte: float | None
    ratio: float | None

    @classmethod
    def of(cls, name: str, compressed: int, raw: int) -> Self:
        """The record of `raw` bytes of text compressed to `compressed` bytes."""
        ratio = compressed / raw if raw else None
        return cls(name, compressed, None if ratio is None else 8 * ratio, ratio)


@dataclass(frozen=True, slots=True)
class ModelRate:
    """The rate of a language model on a corpus: adaptive for a tree model, a model rate otherwise.

    Attributes:
        model: The model's name, such as `tree:8`.
        bits_per_token: Code length / tokens scored; None if there are none.
        bits_per_character: Code length / Unicode scalar values; None if there are none or a
            document is not UTF-8.
        bits_per_byte: Code length / raw bytes of text; None for an empty text.
        ratio: `bits_per_byte` / 8: code length / raw size.
        documents: Documents scored; fewer than were read if some of them are bad rows to the model.
        tokens: Tokens scored, including EOS if the settings say `eos`.
        settings: Everything the rate depends on: the model's own settings, whether it is `adaptive`
            (learns each token after predicting it), and its `identity`.
    """

    model: str
    bits_per_token: float | None
    bits_per_character: float | None
    bits_per_byte: float | None
    ratio: float | None
    documents: int
    tokens: int
    settings: dict[str, Any]

    @property
    def adaptive(self) -> bool:
        """Whether the model learned the text while predicting it."""
        return bool(self.settings["adaptive"])


@dataclass(frozen=True, slots=True)
class CorpusResult:
    """The measurement of one corpus.

    Attributes:
        name: The paths it was read from, numbered if another corpus has the same; or `joint`.
        documents: Documents read.
        bytes: Raw bytes of their text, decompressed.
        symbols: Symbols in them, without EOS.
        bad_rows: Rows skipped because they have no usable text.
        depths: One row per depth from 1 to d.
        static_rate: The rate of the ideal code, -log2 p bits for a leaf of probability p.
        huffman_rate: The rate of the Huffman code.
        theorem_rate: The rate by Thm 3.4 as printed.
        normalized_rate: (H_d - log2 M_d) / d, in bits per symbol.
        compare: The reference compressors.
        model_rates: The language models.
        tree: The token tree of depth d.
    """

    name: str
    documents: int
    bytes: int
    symbols: int
    bad_rows: int
    depths: tuple[DepthRow, ...]
    static_rate: Rate
    huffman_rate: Rate
    theorem_rate: Rate
    normalized_rate: float
    compare: tuple[Comparison, ...]
    model_rates: tuple[ModelRate, ...]
    tree: TokenTree = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        name: str,
        tree: TokenTree,
        statistics: Statistics,
        compare: tuple[Comparison, ...] = (),
        model_rates: tuple[ModelRate, ...] = (),
    ) -> Self:
        """The record of a tree and its statistics."""
        return cls(
            name=name,
            documents=tree.documents,
            bytes=tree.bytes,
            symbols=tree.symbols,
            bad_rows=tree.bad_rows,
            depths=tuple(DepthRow.of(depth) for depth in statistics.depths),
            static_rate=Rate.of(statistics.ideal),
            huffman_rate=Rate.of(statistics.huffman),
            theorem_rate=Rate.of(statistics.theorem),
            normalized_rate=statistics.normalized_rate,
            compare=compare,
            model_rates=model_rates,
            tree=tree,
        )

    def to_dict(self) -> dict[str, Any]:
        """The entry of `corpora` in the JSON; see `docs/measure.md`."""
        return {
            "name": self.name,
            "documents": self.documents,
            "bytes": self.bytes,
            "symbols": self.symbols,
            "bad_rows": self.bad_rows,
            "depths": [asdict(row) for row in self.depths],
            "static_rate": asdict(self.static_rate),
            "normalized_rate": self.normalized_rate,
            "compare": [asdict(comparison) for comparison in self.compare],
            "model_rates": [asdict(rate) for rate in self.model_rates],
        }


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """The arguments of a measurement, which reproduce its result.

    Attributes:
        paths: The paths of each corpus.
        depth: Depth of the tree, in symbols.
        segment: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or `bpe:PATH`.
        memory: The memory limit as given, or None.
        compare: The reference compressors.
        models: The language models.
        model_options: The options they were loaded with, without defaults.
        reading: The reading options; None for a saved tree.
        own_reading: The options of each `Corpus`, None for paths; empty if there is no `Corpus`.
    """

    paths: tuple[tuple[str, ...], ...]
    depth: int
    segment: str
    alphabet: str
    memory: int | str | None = None
    compare: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    model_options: dict[str, Any] = field(default_factory=dict)
    reading: ReadOptions | None = None
    own_reading: tuple[ReadOptions | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The `config` of the JSON, with versions."""
        return {
            "paths": [list(paths) for paths in self.paths],
            "depth": self.depth,
            "segment": self.segment,
            "alphabet": self.alphabet,
            "memory": self.memory,
            "compare": list(self.compare),
            "models": list(self.models),
            "model_options": self.model_options,
            **reading_dict(self.reading, self.own_reading),
            "versions": versions_here(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class MeasureResult(Presented):
    """The result of `measure`.

    Attributes:
        config: The arguments.
        corpora: One record per corpus; with two or more corpora, `joint` comes last.
        mixed: For each corpus of files of several kinds, or of which some were left out, what was
            read of it.
    """

    config: MeasureConfig
    corpora: tuple[CorpusResult, ...]
    mixed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        names = ", ".join(corpus.name for corpus in self.corpora)
        config = self.config
        return f"MeasureResult({names}; {config.segment}, {config.alphabet}, depth {config.depth})"

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `elastic-core measure --format json`; `docs/measure.md` defines it."""
        entries = {
            "schema": schemas.MEASURE,
            "config": self.config.to_dict(),
            "corpora": [corpus.to_dict() for corpus in self.corpora],
        }
        return {**entries, "mixed": list(self.mixed)} if self.mixed else entries
