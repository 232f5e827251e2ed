"""The Rust core: corpora, token trees, their statistics and codes."""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elastic_core.common.progress import Step
from elastic_core.compression.streams import StreamCoder

__version__: str

__all__ = [
    "CodedFileError",
    "Corpus",
    "CorpusError",
    "DepthStatistics",
    "DocumentBatch",
    "ElasticCoreError",
    "InvalidArgumentError",
    "JointRates",
    "JointSpectrum",
    "ModelError",
    "RowDecoder",
    "RowEncoder",
    "ScoreWriter",
    "StaticRate",
    "Statistics",
    "TokenTree",
    "TokenizerError",
    "TreeFileError",
    "TreeModel",
    "__version__",
    "available_memory",
    "compress",
    "compressed_sizes",
    "decompress",
]

_Documents: TypeAlias = Sequence[bytes | str]
_Path: TypeAlias = str | PathLike[str]
_Progress: TypeAlias = Callable[[Step], object]

class ElasticCoreError(Exception):
    """Base of every error of elastic-core that is not the operating system's."""

class InvalidArgumentError(ElasticCoreError, ValueError):
    """The call itself is wrong: a depth of 0, an unknown alphabet, trees that do not fit."""

class CorpusError(ElasticCoreError):
    """A corpus is empty, damaged, or has a row without usable text."""

class TokenizerError(ElasticCoreError):
    """A tokenizer file cannot be loaded."""

class TreeFileError(ElasticCoreError):
    """A tree file is damaged, of another version or not a token tree."""

class CodedFileError(ElasticCoreError):
    """A compressed file is damaged, foreign, or was coded with another model."""

class ModelError(ElasticCoreError):
    """A language model cannot be loaded, or cannot make anything of a document."""

@final
class Corpus:
    """Files that make up one corpus, and how their documents are read.

    A path is a file, a folder (recursive, sorted, hidden ones skipped), a glob, or `-` for
    standard input. Plain text, `.jsonl` and `.parquet`; text and jsonl also as `.gz`, `.zst`,
    `.xz` or `.bz2`. See `docs/measure.md`.

    Args:
        paths: One path or several.
        split: What is a document in plain text: `document` (the file), `line` or `paragraph`.
        text_key: Dotted paths of the text in a jsonl or Parquet row; several are joined by a
            line feed.
        limit: Only the first so many documents, files in sorted order.
        sample: Keep each document with this probability, above 0 and up to 1.
        seed: Seed of the sampling.
        on_bad_row: `error`, or `skip` to leave rows without usable text out and count them.

    Raises:
        InvalidArgumentError: An option is not what it should be.
        OSError: A path does not exist or cannot be read.
    """

    def __new__(
        cls,
        paths: _Path | Sequence[_Path],
        *,
        split: str = "document",
        text_key: Sequence[str] | None = None,
        limit: int | None = None,
        sample: float | None = None,
        seed: int = 0,
        on_bad_row: str = "error",
    ) -> Corpus: ...
    @property
    def name(self) -> str:
        """The paths as they were given, joined by commas."""
    @property
    def paths(self) -> list[str]:
        """The paths as they were given."""
    @property
    def options(self) -> dict[str, Any]:
        """The reading options, as the keyword arguments of `Corpus`."""
    @property
    def files(self) -> list[str]:
        """The files that were found, in the order in which they are read."""
    @property
    def size(self) -> int:
        """Bytes on disk of all files; 0 with standard input, whose size is not known."""
    @property
    def reads_stdin(self) -> bool:
        """Whether standard input is among the files, which can be read only once."""
    @property
    def reads_rows(self) -> bool:
        """Whether one of the files has rows (jsonl, Parquet), so that `text_key` is of use."""
    @property
    def reads_text(self) -> bool:
        """Whether one of the files is plain text, so that `split` is of use."""
    def resampled(self, seed: int) -> Corpus:
        """The same files with documents drawn as for a bootstrap replicate.

        Each document counts as often as a Poisson variable of mean 1 says (the Poisson bootstrap),
        drawn by the seed, the file's name and the document's place in it, so that neither threads
        nor the order of the files matter. A `limit` counts documents before they are drawn.

        Args:
            seed: Seed of the draws; other seeds give other replicates.
        """
    def batches(self, *, bytes: int = 1048576, utf8: bool = False) -> Iterator[DocumentBatch]:
        """The documents in order, a batch at a time; a thread reads ahead.

        They are those that `TokenTree.build` reads under the same options. Errors come when the
        reading gets to them.

        Args:
            bytes: Most bytes in a batch, where each document counts for one more than its text
                has; a longer document is a batch of its own.
            utf8: Whether documents that are not UTF-8 are bad rows, as they are to a tokenizer.

        Raises:
            InvalidArgumentError: `bytes` is 0.
            CorpusError: The corpus is empty, damaged or has a row without usable text.
            OSError: A file cannot be read.
        """

@final
class DocumentBatch:
    """Documents that follow one another in a corpus."""

    @property
    def sources(self) -> list[str]:
        """The file that each document is from, as `Corpus.files` has it."""
    @property
    def indices(self) -> NDArray[np.int64]:
        """The number of each document in its file, from 0; shape (documents,).

        It is the number of the row, bad ones counted, or of the line that the document begins in.
        """
    @property
    def texts(self) -> list[bytes]:
        """The raw bytes of each document."""

@final
class ScoreWriter:
    """Writes what models make of documents to a Parquet file, a row for each document and model.

    It is a context manager: the file appears at the end of the block, complete, or not at all if
    the block fails. `docs/measure.md` lists the columns.

    Args:
        path: The file to write.

    Raises:
        InvalidArgumentError: The path is that of a folder.
        OSError: The file cannot be written.
    """

    def __new__(cls, path: _Path) -> ScoreWriter: ...
    def write(
        self,
        sources: Sequence[str],
        indices: NDArray[np.int64],
        corpus: str,
        model: str,
        tokens: NDArray[np.int64],
        bytes: NDArray[np.int64],
        characters: Sequence[int | None],
        bits: NDArray[np.float64],
    ) -> None:
        """Adds a row for each document of a batch.

        Args:
            sources: The file that each is from.
            indices: The number of each in its file, int64, shape (documents,).
            corpus: The corpus that all are of.
            model: The model.
            tokens: Tokens scored, int64, shape (documents,).
            bytes: Raw bytes of text, int64, shape (documents,).
            characters: Unicode scalar values; None where a text is not UTF-8.
            bits: Code lengths, float64, shape (documents,).

        Raises:
            InvalidArgumentError: The columns differ in length, or the block has ended.
            OSError: The file cannot be written.
        """
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None: ...

@final
class DepthStatistics:
    """The statistics of a tree pruned to one depth k."""

    @property
    def depth(self) -> int:
        """The depth k, in symbols."""
    @property
    def nodes(self) -> int:
        """Distinct paths of exactly k symbols, EOS counted as one."""
    @property
    def leaves(self) -> int:
        """Distinct paths after pruning to k (M): those of k symbols and shorter ones EOS ended."""
    @property
    def singletons(self) -> int:
        """Leaves that occur once."""
    @property
    def entropy_bits(self) -> float:
        """H_k = -sum p log2 p over the leaves, in bits a segment."""
    @property
    def conditional_entropy_bits(self) -> float:
        """H_k - H_(k-1), in bits a symbol."""
    @property
    def huffman_bits(self) -> float:
        """Mean length of an optimal prefix code (Def 3.3), in bits a segment; at least 1."""
    @property
    def theorem_bits(self) -> int:
        """The bound of Thm 3.4 for one segment, ceil(H_k), in bits."""
    @property
    def spectrum(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The spectrum of leaf weights: how many leaves occur how often.

        Returns:
            Two uint64 arrays of one length: the counts, rising, and the leaves with each count.
        """

@final
class StaticRate:
    """A code for the leaves of a tree, in bits per unit of text."""

    @property
    def bits_per_symbol(self) -> float | None:
        """Bits of all segments / symbols in them, EOS included; None under `window`."""
    @property
    def bits_per_byte(self) -> float | None:
        """The same bits / raw bytes of text; None but for `chunk`, which alone codes all text."""
    @property
    def ratio(self) -> float | None:
        """Coded bits / raw bits; None where `bits_per_byte` is."""
    @property
    def with_codebook_ratio(self) -> float | None:
        """As `ratio`, the bits of the codebook's serialization added to the coded ones."""

@final
class Statistics:
    """The statistics of a tree at every depth, and its static rates."""

    @property
    def segments(self) -> int:
        """Leaf occurrences, the volume `|D|` of the theory."""
    @property
    def depths(self) -> list[DepthStatistics]:
        """The depths 1 to d, one after another."""
    @property
    def codebook_bytes(self) -> int | None:
        """Bytes of the codebook's serialization; None but for `chunk`."""
    @property
    def ideal(self) -> StaticRate:
        """Rate of the ideal code lengths, -log2 p, at depth d."""
    @property
    def huffman(self) -> StaticRate:
        """Rate of the Huffman code (Def 3.3) at depth d."""
    @property
    def theorem(self) -> StaticRate:
        """Rate of Thm 3.4's bound at depth d."""
    @property
    def normalized_rate(self) -> float:
        """(H_d - log2 M) / d, in bits a symbol: 0 for equally likely leaves, else negative.

        M counts the leaves of this corpus's own tree.
        """

@final
class TokenTree:
    """The token tree of a dataset (Def 3.1), pruned to depth d: its sorted leaf table.

    Make one with `build`, `from_symbols` or `open`. A tree never changes. One that is larger
    than the memory it may use stands in temporary files; all but `paths` and `counts` works on
    it all the same.
    """

    @staticmethod
    def build(
        corpus: Corpus | _Path | Sequence[_Path],
        *,
        depth: int = 8,
        segment: str = "chunk",
        alphabet: str = "byte",
        memory: int | None = None,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> TokenTree:
        """Builds the tree of a corpus.

        EOS is appended to each document. The result depends neither on `memory` nor on `threads`
        nor on the order of the files.

        Args:
            corpus: A `Corpus`, or the path or paths of one with all options at their defaults.
            depth: Depth d in symbols, 1 to 64.
            segment: `chunk` (consecutive segments of d symbols), `prefix` (the first d symbols) or
                `window` (the d symbols from every position on).
            alphabet: `bit`, `byte`, or `bpe:PATH` with PATH a Hugging Face `tokenizer.json`.
            memory: Bytes to stay within, at least 1 MiB; sorted runs go to temporary files beyond
                it. None: half of what is free.
            threads: Threads to work on; None: one for each core.
            progress: Called about ten times a second with the phase, the units done and the units
                in all (0: not known): bytes on disk while reading, leaves while merging.

        Raises:
            InvalidArgumentError: An argument is not what it should be.
            CorpusError: The corpus is empty, damaged or has a row without usable text.
            TokenizerError: The tokenizer file cannot be loaded.
            OSError: A file is missing or unreadable, or the disk is full.
        """
    @staticmethod
    def from_symbols(
        ids: NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32],
        offsets: NDArray[np.uint64] | NDArray[np.int64] | Sequence[int],
        *,
        depth: int = 8,
        segment: str = "chunk",
        vocabulary: int | None = None,
        memory: int | None = None,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> TokenTree:
        """Builds the tree of documents given as symbols, which are read where they are.

        Args:
            ids: Symbol ids of all documents, shape (n,), dtype uint8, uint16 or uint32, contiguous.
            offsets: Where each document begins, and n at the end: document i is
                `ids[offsets[i]:offsets[i + 1]]`. Integers that do not fall, the first of them 0.
            depth: Depth d in symbols, 1 to 64.
            segment: `chunk`, `prefix` or `window`.
            vocabulary: How many symbols there are; EOS is the id after them. None: 256 for uint8,
                else the highest id and one.
            memory: Bytes to stay within beside the ids, at least 1 MiB; None: half of what is free.
            threads: Threads to work on; None: one for each core.
            progress: Called with the phase, the units done and the units in all; units are symbols.

        Returns:
            A tree with the alphabet `ids`, whose `bytes` are 0: how much text it was is not known.

        Raises:
            TypeError: `ids` is no array of such a type.
            InvalidArgumentError: Offsets that are none, an id outside the vocabulary.
        """
    @staticmethod
    def is_file(path: _Path) -> bool:
        """Whether a file says of itself that it is a token tree; `open` then says what it is worth.

        Raises:
            OSError: The file is missing or unreadable.
        """
    @staticmethod
    def open(
        path: _Path, *, memory: int | None = None, progress: _Progress | None = None
    ) -> TokenTree:
        """Reads a tree file, checking that it is whole, in order and of this version.

        Args:
            path: What `save` wrote.
            memory: Bytes that the tree may take; None: half of what is free. A larger tree is kept
                in temporary files.
            progress: Called with the phase, the leaves done and the leaves in all.

        Raises:
            TreeFileError: The file is damaged, of another version or not a token tree.
            OSError: The file is missing or unreadable.
        """
    def save(self, path: _Path, *, progress: _Progress | None = None) -> None:
        """Writes the tree to a Parquet file, which appears only when it is complete.

        Columns `symbol_1` to `symbol_d` hold the path, filled up with EOS, and `count` (uint64) its
        occurrences; rows are in path order.

        Raises:
            InvalidArgumentError: The path is a folder.
            OSError: The file cannot be written, or the disk is full.
        """
    def export(
        self, path: _Path, *, format: str = "csv", progress: _Progress | None = None
    ) -> None:
        """Writes every leaf as text, its path up to and with EOS; complete or not at all.

        Args:
            path: The file to write.
            format: `csv` (`path,count`, the path's ids between blanks) or `jsonl`
                (`{"path": [...], "count": n}`).
            progress: Called with the phase, the leaves done and the leaves in all.

        Raises:
            InvalidArgumentError: Another format, or the path is a folder.
            OSError: The file cannot be written, or the disk is full.
        """
    def merge(
        self,
        *others: TokenTree,
        memory: int | None = None,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> TokenTree:
        """The tree of all documents of this tree and the others: counts add up.

        This is the paper's joint weight: each dataset weighs by its volume.

        Args:
            *others: Trees of the same depth, segmentation and alphabet.
            memory: Bytes that the result may take; None: half of what is free.
            threads: Threads to work on; None: one for each core.
            progress: Called with the phase, the leaves done and the leaves in all.

        Raises:
            InvalidArgumentError: The trees are not alike.
        """
    def prune(
        self,
        depth: int,
        *,
        memory: int | None = None,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> TokenTree:
        """The top `depth` layers: each segment keeps its first `depth` symbols.

        Raises:
            InvalidArgumentError: The depth is not from 1 to the tree's own.
        """
    def statistics(
        self, *, threads: int | None = None, progress: _Progress | None = None
    ) -> Statistics:
        """The statistics at every depth from one pass, and the static rates.

        Args:
            threads: Threads to work on; None: one for each core. The result does not depend on it.
            progress: Called with the phase, the leaves done and the leaves in all.
        """
    def count(self, path: Sequence[int]) -> int:
        """How many segments begin with `path`.

        Args:
            path: Symbol ids, at most d of them; EOS is `eos`. An empty path counts all segments.

        Raises:
            InvalidArgumentError: The path is too long, or a symbol is not in the alphabet.
        """
    def children(self, path: Sequence[int]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """The symbols that follow `path`, and how often each does.

        Args:
            path: Symbol ids, at most d of them; EOS is `eos`.

        Returns:
            Symbols (uint32, rising) and counts (uint64), of one length. None follow EOS, nor a path
            of d symbols.

        Raises:
            InvalidArgumentError: The path is too long, or a symbol is not in the alphabet.
        """
    @property
    def depth(self) -> int:
        """The depth d, in symbols."""
    @property
    def segment(self) -> str:
        """`chunk`, `prefix` or `window`."""
    @property
    def alphabet(self) -> str:
        """`bit`, `byte`, `ids`, or `bpe:` and 16 digits of the tokenizer file's SHA-256."""
    @property
    def vocabulary(self) -> int:
        """How many symbols there are besides EOS."""
    @property
    def eos(self) -> int:
        """The id of EOS: the first after the vocabulary."""
    @property
    def documents(self) -> int:
        """Documents that went into the tree."""
    @property
    def bytes(self) -> int:
        """Raw bytes of text in them; 0 for a tree of `from_symbols`."""
    @property
    def symbols(self) -> int:
        """Symbols in them, EOS not counted."""
    @property
    def bad_rows(self) -> int:
        """Rows that were left out for want of usable text."""
    @property
    def segments(self) -> int:
        """Leaf occurrences, the volume `|D|` of the theory."""
    @property
    def in_memory(self) -> bool:
        """Whether the leaves are in memory, and not in temporary files."""
    @property
    def paths(self) -> NDArray[Any]:
        """The leaves' paths: a read-only view, shape (M, d), big-endian unsigned integers.

        Rows rise; a path that EOS ended is filled up with EOS. The integers have 1, 2 or 4
        bytes, as the vocabulary needs.

        Raises:
            InvalidArgumentError: The tree is larger than memory; save it, read the file in parts.
        """
    @property
    def counts(self) -> NDArray[np.uint32] | NDArray[np.uint64]:
        """How often each leaf occurs: a read-only view, shape (M,), uint32 or, if need be, uint64.

        Raises:
            InvalidArgumentError: The tree is larger than memory; save it, read the file in parts.
        """
    def __len__(self) -> int: ...

@final
class JointSpectrum:
    """How many leaves occur how often in each of several trees, at every depth.

    The rates of the datasets under their joint code follow from it, for any volumes, without
    another look at the trees.
    """

    @staticmethod
    def of(
        trees: Sequence[TokenTree],
        *,
        memory: int | None = None,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> JointSpectrum:
        """Sets trees of one shape side by side, by one merge join of their leaves.

        Args:
            trees: The trees, each with at least one leaf.
            memory: Bytes of working space, the trees not counted; classes that do not fit go to
                temporary files. None: half of what is free.
            threads: Threads to work on; None: one for each core. The result does not depend on it.
            progress: Called with the phase, the leaves done and the leaves in all.

        Raises:
            InvalidArgumentError: The trees are not alike, or one is empty.
            OSError: The folder for temporary files is full.
        """
    @property
    def depth(self) -> int:
        """The depth d of the trees, in symbols."""
    @property
    def segments(self) -> NDArray[np.uint64]:
        """Leaf occurrences in each tree, the volumes `|D_i|`: shape (n,), uint64."""
    @property
    def leaves(self) -> NDArray[np.uint64]:
        """Leaves M_i of each dataset's own tree, pruned to each depth: shape (depth, n), uint64."""
    @property
    def entropy_bits(self) -> NDArray[np.float64]:
        """Entropy of each dataset's own leaves, in bits a segment: shape (depth, n), float64."""
    def classes(self, depth: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The classes of leaves with the same count in every tree, at one depth.

        Args:
            depth: From 1 to the trees' own.

        Returns:
            The counts in each tree, shape (classes, n), uint64, in rising order; and the leaves of
            each class, shape (classes,), uint64.

        Raises:
            InvalidArgumentError: There is no such depth.
        """
    def rates(
        self,
        volumes: NDArray[np.float64],
        toward: int,
        *,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> JointRates:
        """The rates at every depth for each choice of volumes, with their slopes in closed form.

        Args:
            volumes: The volumes of the datasets, shape (points, n), float64, 0 or more; only their
                proportions matter to rates, while slopes are per unit of them. In each row a
                dataset besides `toward` has one above 0.
            toward: The dataset t by whose volume slopes are taken.
            threads: Threads to work on; None: one for each core. The result does not depend on it.
            progress: Called with the phase, the classes done and the classes in all.

        Raises:
            InvalidArgumentError: The volumes are not what they should be, or there is no dataset t.
        """
    def huffman_bits(
        self,
        depth: int,
        volumes: NDArray[np.float64],
        *,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> NDArray[np.float64]:
        """Mean codeword length of each dataset under the Huffman code of the joint tree (Def 3.3).

        Leaves of one joint weight share the mean of the lengths that an optimal code gives them.

        Args:
            depth: Depth of the joint tree, from 1 to the trees' own.
            volumes: The volumes of the datasets, shape (points, n), float64, 0 or more.
            threads: Threads to work on; None: one for each core.
            progress: Called with the phase, the choices of volumes done and those in all.

        Returns:
            Bits a segment, shape (points, n), float64; infinite for a dataset with leaves that no
            dataset with a volume has.

        Raises:
            InvalidArgumentError: There is no such depth, or volumes are not what they should be.
        """

@final
class JointRates:
    """The rates of n datasets under their joint code: arrays of shape (depth, points, n), float64.

    Bits are bits a segment.
    """

    @property
    def gamma_bits(self) -> NDArray[np.float64]:
        """`gamma_i = -sum_x P_i(x) log2 q(x)`, the rate of dataset i under the joint code.

        Infinite for a dataset with leaves that no dataset with a volume has.
        """
    @property
    def normalized_rate(self) -> NDArray[np.float64]:
        """`(gamma_i - log2 M_i) / depth`, in bits a symbol; M_i: leaves of i's own tree."""
    @property
    def kl_bits(self) -> NDArray[np.float64]:
        """`KL(P_i || q)`: what the joint code costs dataset i beyond a code of its own."""
    @property
    def slope_bits(self) -> NDArray[np.float64]:
        """`d gamma_i / d w_t`; minus infinity for t at volume 0, if it has leaves of its own."""
    @property
    def force_bits(self) -> NDArray[np.float64]:
        """`w_i d gamma_i / d w_t`, of t itself at volume 0 the limit: their sum is 0."""
    @property
    def shift_bits(self) -> NDArray[np.float64]:
        """`gamma_i` less what it is without dataset t: the change of `KL(P_i || q)`.

        Minus infinity for t itself if it has leaves of its own; NaN where both are infinite.
        """
    @property
    def coverage(self) -> NDArray[np.float64]:
        """c: the share of t's occurrences in leaves that others have too; (depth, points)."""
    @property
    def residual_bits(self) -> NDArray[np.float64]:
        """The sum of `force_bits`, 0 but for rounding: the identity's residual; (depth, points)."""

@final
class TreeModel:
    """An adaptive predictor over the token tree: the longest context is the depth d.

    It learns as it goes: each symbol is predicted from at most d symbols before it in the same
    document, then learned. The same calls give the same bits on every machine, and on any number
    of threads.

    Args:
        depth: The longest context d in symbols, 1 to 32.
        alphabet: `byte`, or `bpe:PATH` with PATH a Hugging Face `tokenizer.json`.
        memory: Bytes that the model's tables may take, at least 16 MiB; None: 256 MiB. What is
            seldom seen is forgotten when they are full, so the model depends on it.

    Raises:
        InvalidArgumentError: An argument is not what it should be.
        TokenizerError: The tokenizer file cannot be loaded.
    """

    def __new__(
        cls, depth: int = 8, *, alphabet: str = "byte", memory: int | None = None
    ) -> TreeModel: ...
    def update(
        self,
        documents: _Documents,
        weight: float = 1.0,
        *,
        progress: _Progress | None = None,
    ) -> NDArray[np.float64]:
        """Learns documents in order, each followed by EOS.

        Args:
            documents: The documents, bytes or strings.
            weight: How many times the data count. They are learned as often as it has whole parts,
                one pass after another; of a fraction, that share of the symbols is learned, chosen
                by a fixed pseudo-random sequence.
            progress: Called with the phase, the symbols done and the symbols in all.

        Returns:
            The code length of each document in bits, EOS included, every symbol predicted before it
            was learned; shape (documents,), float64. Of several passes, those of the first.

        Raises:
            InvalidArgumentError: The weight is not above 0, or a tokenizer cannot read a document.
        """
    def log_probs(
        self,
        documents: _Documents,
        *,
        threads: int | None = None,
        progress: _Progress | None = None,
    ) -> list[NDArray[np.float32]]:
        """The natural logarithm of each symbol's probability; the model does not learn.

        Args:
            documents: The documents, bytes or strings.
            threads: Threads to work on; None: one for each core.
            progress: Called with the phase, the symbols done and the symbols in all.

        Returns:
            For each document an array of shape (symbols + 1,), float32; EOS's is the last.

        Raises:
            InvalidArgumentError: A tokenizer cannot read a document.
        """
    def next_distribution(
        self, contexts: _Documents, *, threads: int | None = None
    ) -> NDArray[np.float32]:
        """The probability of every symbol after each context, EOS the last; nothing is learned.

        Args:
            contexts: How documents begin, bytes or strings; the last d symbols of each count.
            threads: Threads to work on; None: one for each core.

        Returns:
            Shape (contexts, vocabulary + 1), float32; each row sums to 1.

        Raises:
            InvalidArgumentError: A tokenizer cannot read a context.
        """
    def sample(
        self,
        prompts: _Documents,
        n: int,
        temperature: float = 1.0,
        seed: int = 0,
        *,
        threads: int | None = None,
    ) -> list[bytes]:
        """Goes on from each prompt; the same arguments give the same text.

        Args:
            prompts: How documents begin, bytes or strings.
            n: Most symbols to add to each; EOS ends a text sooner.
            temperature: Probabilities are raised to 1 / temperature and scaled to 1; 0: always the
                likeliest symbol.
            seed: Seed of the draws; each prompt has draws of its own.
            threads: Threads to work on; None: one for each core.

        Returns:
            What follows each prompt, without the prompt.

        Raises:
            InvalidArgumentError: The temperature is below 0, or a tokenizer cannot read a prompt.
        """
    def symbols(self, documents: _Documents) -> list[NDArray[np.uint32]]:
        """The ids of each document's symbols, EOS the last.

        Returns:
            For each document an array of shape (symbols + 1,), uint32.

        Raises:
            InvalidArgumentError: A tokenizer cannot read a document.
        """
    def save(self, path: _Path, *, progress: _Progress | None = None) -> None:
        """Writes the model to a file, which appears only when it is complete.

        Args:
            path: The file to write; a tokenizer becomes a part of it.
            progress: Called with the phase, the bytes done and the bytes in all.

        Raises:
            InvalidArgumentError: The path is a folder.
            OSError: The file cannot be written, or the disk is full.
        """
    @staticmethod
    def load(path: _Path, *, progress: _Progress | None = None) -> TreeModel:
        """Reads a model that was saved, checking that its file is whole and of this version.

        Args:
            path: What `save` wrote.
            progress: Called with the phase, the bytes done and the bytes in all.

        Raises:
            ModelError: The file is damaged, of another version or not a tree model.
            OSError: The file is missing or unreadable.
        """
    def identity(self) -> str:
        """The SHA-256 that `save` would end the file with, in hexadecimal: which model this is."""
    def copy(self) -> TreeModel:
        """A model that has learned the same, and goes its own way from here."""
    @property
    def depth(self) -> int:
        """The longest context d, in symbols."""
    @property
    def alphabet(self) -> str:
        """`byte`, or `bpe:` and 16 digits of the tokenizer file's SHA-256."""
    @property
    def vocabulary(self) -> int:
        """How many symbols there are besides EOS, whose id is this number."""
    @property
    def memory(self) -> int:
        """Bytes that the model's tables may take."""

@final
class RowEncoder:
    """Writes symbols by range coder, each with a row of probabilities.

    A row becomes integer weights by the rule in `docs/coding.md`, so the code is the same on every
    machine that has the same rows.
    """

    def __new__(cls) -> Self: ...
    def expect(self, symbols: int) -> None:
        """Says how many symbols will come in all; progress is told by it."""

    def encode(self, rows: NDArray[np.float32], symbols: NDArray[np.uint32]) -> None:
        """Codes a symbol with each row.

        Args:
            rows: Probabilities, shape (n, vocabulary), float32, contiguous; each row sums to 1 but
                for 2^-8, in a vocabulary of 2^20 at most.
            symbols: The symbols, shape (n,), uint32.

        Raises:
            InvalidArgumentError: A row is no distribution or has no such symbol; it is named by the
                number of rows before it.
        """

    @property
    def bits(self) -> float:
        """The sum of -log2 p over the symbols so far, in bits; a p below 2^-30 counts as that."""

    def finish(self) -> bytes:
        """The code of all symbols so far; the encoder begins anew."""

@final
class RowDecoder:
    """Reads symbols that a `RowEncoder` wrote.

    Args:
        code: What `RowEncoder.finish` returned.
    """

    def __new__(cls, code: bytes) -> Self: ...
    def decode(self, rows: NDArray[np.float32]) -> NDArray[np.uint32]:
        """Reads a symbol with each row.

        Args:
            rows: The probabilities that the symbols were coded with, shape (n, vocabulary),
                float32, contiguous.

        Returns:
            The symbols, shape (n,), uint32.

        Raises:
            InvalidArgumentError: A row is no distribution.
            CodedFileError: The code is damaged, or was written with other rows.
        """

def compress(
    source: _Path,
    target: _Path,
    model: str,
    *,
    coder: StreamCoder | None = None,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> tuple[int, int, int, float]:
    """Codes a file.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: `tree:D`, `static:D` or the file of a saved tree model; where `coder` is given, its
            description, JSON.
        coder: A language model's `encode(text, encoder)`, which hands tokens to the encoder and
            returns how many each lane has, or None if the text is not the model's to code.
        threads: Blocks that are coded at once with `static:D`; None: one for each core.
        progress: Called with the phase, the bytes of text done and those in all (0: not known).

    Returns:
        Bytes of text, bytes of the file, those of them that describe the model, and the code length
        in bits that the model predicted.

    Raises:
        InvalidArgumentError: The model is none of these.
        ModelError: The file is no saved tree model.
        OSError: A file cannot be read or written.
    """

def decompress(
    source: _Path,
    target: _Path,
    *,
    model: str | None = None,
    open: Callable[[str], StreamCoder],
    threads: int | None = None,
    progress: _Progress | None = None,
) -> None:
    """Decodes a file that `compress` wrote.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: The file of the saved tree model that the text was coded with; None where it was
            another one.
        open: Called with a language model's description, JSON; returns what has its
            `decode(tokens, decoder)`, which reads so many tokens of each lane from the decoder and
            returns the text.
        threads: Blocks that are decoded at once with `static:D`; None: one for each core.
        progress: Called with the phase, the bytes of text done and 0: how many come is not known.

    Raises:
        CodedFileError: The file is damaged, foreign or was coded with another model.
        ModelError: `model` is no saved tree model.
        OSError: A file cannot be read or written.
    """

def compressed_sizes(
    corpora: Sequence[Corpus],
    compressors: Sequence[str],
    *,
    utf8: bool = False,
    bytes: int = 0,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> list[int]:
    """Bytes that each reference compressor makes of all documents, one after another.

    Each reads the corpora anew, so standard input will not do.

    Args:
        corpora: The corpora, whose documents follow one another with nothing between.
        compressors: `zstd:1` to `zstd:22`, `xz:0` to `xz:9`, `gzip:1` to `gzip:9`, `bzip2:1` to
            `bzip2:9`.
        utf8: Whether documents that are not UTF-8 are bad rows, as they are to a tokenizer.
        bytes: Bytes of text in all corpora, if known; only the progress uses it.
        threads: Compressors that run at once; None: one for each core.
        progress: Called with the phase, the bytes done and the bytes in all.

    Raises:
        InvalidArgumentError: An unknown compressor or level.
    """

def available_memory() -> int:
    """Bytes of memory that this process can still use, a container's limit included."""
