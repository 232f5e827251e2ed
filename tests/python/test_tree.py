"""The token tree, compared with the naive oracle: alphabets, segmentations, depths, budgets."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from elastic_core import Corpus, InvalidArgumentError, TokenTree

Documents = list[list[int]]
SEGMENTS = ("chunk", "prefix", "window")
segments = st.sampled_from(SEGMENTS)
depths = st.one_of(st.integers(1, 9), st.sampled_from([15, 16, 17, 33, 63, 64]))
threads = st.sampled_from([None, 1, 2, 5])
budgets = st.sampled_from([None, 1 << 20, 3 << 20])


@st.composite
def symbols(draw: st.DrawFn) -> tuple[Documents, int, str]:
    """Documents of ids, the vocabulary and a dtype for it."""
    vocabulary, dtype = draw(
        st.sampled_from(
            [
                (1, "uint8"),
                (2, "uint8"),
                (3, "uint16"),
                (256, "uint8"),
                (300, "uint16"),
                (65_536, "uint16"),
                (70_000, "uint32"),
                (300_000, "uint32"),
            ]
        )
    )
    some = st.sampled_from(sorted({0, 1 % vocabulary, vocabulary // 2, vocabulary - 1}))
    ids = st.one_of(some, st.integers(0, vocabulary - 1))
    documents = draw(st.lists(st.lists(ids, max_size=30), min_size=1, max_size=8))
    return documents, vocabulary, dtype


def flat(documents: Documents, dtype: str) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """The concatenated ids of the documents, and their offsets."""
    ids = np.array([symbol for document in documents for symbol in document], dtype=dtype)
    offsets = np.cumsum([0, *map(len, documents)], dtype=np.uint64)
    return ids, offsets


def from_documents(
    documents: Documents,
    vocabulary: int,
    depth: int,
    segment: str,
    dtype: str = "uint32",
) -> TokenTree:
    return TokenTree.from_symbols(
        *flat(documents, dtype), depth=depth, segment=segment, vocabulary=vocabulary
    )


def assert_equals(tree: TokenTree, paths: Sequence[oracle.Path], depth: int, eos: int) -> None:
    """Asserts that the tree is the oracle's tree of these segments."""
    assert (tree.depth, tree.eos, tree.vocabulary) == (depth, eos, eos)
    table = sorted(oracle.leaves(paths, depth).items())
    assert tree.segments == len(paths)
    assert len(tree) == len(table)
    padded = [[*path, *[eos] * (depth - len(path))] for path, _ in table]
    assert tree.paths.shape == (len(table), depth)
    assert tree.paths.tolist() == padded
    assert tree.counts.tolist() == [count for _, count in table]
    assert_statistics(tree, paths, depth)
    for path, _ in table[:: max(1, len(table) // 4)]:
        for size in (0, 1, len(path) - 1, len(path)):
            assert tree.count(path[:size]) == oracle.count(paths, path[:size])
            following, counts = tree.children(path[:size])
            expected = oracle.children(paths, path[:size])
            assert dict(zip(following.tolist(), counts.tolist(), strict=True)) == expected
            assert following.tolist() == list(expected)


def table_of(tree: TokenTree, file: Path) -> Any:
    """The leaves of a tree, which may not fit into its memory budget."""
    tree.save(file)
    return pq.read_table(file)


def assert_statistics(tree: TokenTree, paths: Sequence[oracle.Path], depth: int) -> None:
    statistics = tree.statistics()
    assert statistics.segments == len(paths)
    assert len(statistics.depths) == depth
    for row in statistics.depths:
        expected = oracle.depth_row(paths, row.depth)
        actual = {key: getattr(row, key) for key in expected}
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-9)
        counts, leaves = row.spectrum
        spectrum = dict(zip(counts.tolist(), leaves.tolist(), strict=True))
        assert spectrum == oracle.spectrum(paths, row.depth)
        assert list(counts) == sorted(counts)


@given(symbols(), depths, segments, budgets, threads)
def test_from_symbols_matches_the_oracle(
    drawn: tuple[Documents, int, str],
    depth: int,
    segment: str,
    memory: int | None,
    workers: int | None,
) -> None:
    documents, vocabulary, dtype = drawn
    tree = TokenTree.from_symbols(
        *flat(documents, dtype),
        depth=depth,
        segment=segment,
        vocabulary=vocabulary,
        memory=memory,
        threads=workers,
    )
    paths = oracle.segments(documents, depth, segment, vocabulary)
    assert_equals(tree, paths, depth, vocabulary)
    assert tree.documents == len(documents)
    assert tree.symbols == sum(map(len, documents))


@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=10),
    depths,
    segments,
    st.sampled_from(["bit", "byte"]),
    budgets,
    threads,
)
def test_build_matches_the_oracle(
    texts: list[str],
    depth: int,
    segment: str,
    alphabet: str,
    memory: int | None,
    workers: int | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        tree = TokenTree.build(
            file, depth=depth, segment=segment, alphabet=alphabet, memory=memory, threads=workers
        )
    raw = [text.encode() for text in texts]
    eos = 2 if alphabet == "bit" else 256
    documents = [oracle.bits(text) for text in raw] if alphabet == "bit" else raw
    assert_equals(tree, oracle.segments(documents, depth, segment, eos), depth, eos)
    assert tree.documents == len(texts)
    assert tree.bytes == sum(map(len, raw))
    assert tree.symbols == sum(map(len, documents))
    assert (tree.segment, tree.alphabet, tree.bad_rows) == (segment, alphabet, 0)


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5), segments)
def test_arbitrary_bytes_match_the_oracle(files: list[bytes], segment: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(files):
            (Path(folder) / f"{number}.txt").write_bytes(content)
        tree = TokenTree.build(folder, depth=3, segment=segment)
    assert_equals(tree, oracle.segments(files, 3, segment, 256), 3, 256)


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize(("vocabulary", "dtype"), [(5, "uint8"), (3000, "uint16")])
def test_the_tree_does_not_depend_on_memory_or_threads(
    segment: str, vocabulary: int, dtype: str, tmp_path: Path
) -> None:
    random = np.random.default_rng(7)
    sizes = random.integers(0, 1000, size=400)
    ids = (random.pareto(1.0, size=int(sizes.sum())) % vocabulary).astype(dtype)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    trees = [
        TokenTree.from_symbols(
            ids, offsets, depth=6, segment=segment, vocabulary=vocabulary, memory=memory, threads=n
        )
        for memory, n in [(None, 1), (None, 3), (1 << 20, 1), (1 << 20, 4), (2 << 20, 2)]
    ]
    documents = [part.tolist() for part in np.split(ids, offsets[1:-1])]
    paths = oracle.segments(documents, 6, segment, vocabulary)
    tables = [table_of(tree, tmp_path / "tree.parquet") for tree in trees]
    assert tables[0].num_rows == len(set(paths))
    assert all(table.equals(tables[0]) for table in tables)
    assert_statistics(trees[-1], paths, 6)


@given(st.lists(symbols(), min_size=1, max_size=3), st.integers(1, 9), segments, budgets, threads)
def test_a_merged_tree_is_the_tree_of_all_documents(
    drawn: list[tuple[Documents, int, str]],
    depth: int,
    segment: str,
    memory: int | None,
    workers: int | None,
) -> None:
    vocabulary = max(vocabulary for _, vocabulary, _ in drawn)
    parts = [documents for documents, _, _ in drawn]
    first, *others = (from_documents(part, vocabulary, depth, segment) for part in parts)
    merged = first.merge(*others, memory=memory, threads=workers)
    together = [document for part in parts for document in part]
    assert_equals(merged, oracle.segments(together, depth, segment, vocabulary), depth, vocabulary)
    assert merged.documents == len(together)
    assert merged.symbols == sum(map(len, together))


@given(symbols(), st.integers(1, 12), segments, st.data())
def test_prune_keeps_the_first_symbols(
    drawn: tuple[Documents, int, str],
    depth: int,
    segment: str,
    data: st.DataObject,
) -> None:
    documents, vocabulary, _ = drawn
    to = data.draw(st.integers(1, depth))
    pruned = from_documents(documents, vocabulary, depth, segment).prune(to)
    paths = [path[:to] for path in oracle.segments(documents, depth, segment, vocabulary)]
    assert_equals(pruned, paths, to, vocabulary)


@given(symbols(), st.integers(1, 9), segments)
def test_save_and_open_round_trip(
    drawn: tuple[Documents, int, str], depth: int, segment: str
) -> None:
    documents, vocabulary, _ = drawn
    tree = from_documents(documents, vocabulary, depth, segment)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tree.parquet"
        tree.save(file)
        opened = TokenTree.open(file)
        assert [path.name for path in Path(folder).iterdir()] == ["tree.parquet"]
    assert_equals(opened, oracle.segments(documents, depth, segment, vocabulary), depth, vocabulary)
    for key in ("documents", "bytes", "symbols", "bad_rows", "segment", "alphabet", "segments"):
        assert getattr(opened, key) == getattr(tree, key)


def test_the_binary_tree_of_the_paper_computed_by_hand() -> None:
    # 00, 01, 01 and 1, with EOS appended and cut to two symbols: 00, 01 twice, 1 EOS.
    tree = from_documents([[0, 0], [0, 1], [0, 1], [1]], 2, 2, "prefix", "uint8")
    assert tree.paths.tolist() == [[0, 0], [0, 1], [1, 2]]
    assert tree.counts.tolist() == [1, 2, 1]
    first, second = tree.statistics().depths
    assert (first.nodes, first.leaves, first.singletons) == (2, 2, 1)
    assert first.entropy_bits == pytest.approx(2 - 0.75 * np.log2(3))
    assert (first.huffman_bits, first.theorem_bits) == (1.0, 1)
    assert (second.nodes, second.leaves, second.singletons) == (3, 3, 2)
    assert second.entropy_bits == pytest.approx(1.5)
    assert (second.huffman_bits, second.theorem_bits) == (1.5, 2)
    assert second.conditional_entropy_bits == pytest.approx(1.5 - first.entropy_bits)
    statistics = tree.statistics()
    assert statistics.normalized_rate == pytest.approx((1.5 - np.log2(3)) / 2)
    assert statistics.ideal.bits_per_symbol == pytest.approx(4 * 1.5 / 8)
    assert statistics.theorem.bits_per_symbol == pytest.approx(4 * 2 / 8)
    assert statistics.ideal.bits_per_byte is None


def test_16_uniform_leaves_have_an_entropy_of_4_bits() -> None:
    documents = [[a, b] for a in range(4) for b in range(4)]
    row = from_documents(documents, 4, 2, "prefix").statistics().depths[-1]
    assert (row.entropy_bits, row.huffman_bits, row.theorem_bits) == (4.0, 4.0, 4)


def test_the_largest_vocabulary_is_supported() -> None:
    largest = 2**24
    tree = from_documents([[0, largest - 1]], largest, 2, "window")
    assert tree.paths.tolist() == [[0, largest - 1], [largest - 1, largest], [largest, largest]]
    with pytest.raises(InvalidArgumentError, match="vocabulary"):
        from_documents([[0]], largest + 1, 2, "window")


def test_a_single_leaf_costs_one_bit() -> None:
    row = from_documents([[0], [0]], 1, 1, "prefix").statistics().depths[0]
    assert (row.entropy_bits, row.huffman_bits, row.theorem_bits) == (0.0, 1.0, 0)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8), st.integers(1, 9))
def test_rates_follow_their_definitions(texts: list[str], depth: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.jsonl"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        trees = {
            segment: TokenTree.build(file, depth=depth, segment=segment) for segment in SEGMENTS
        }
    raw = [text.encode() for text in texts]
    for segment, tree in trees.items():
        statistics = tree.statistics()
        last = statistics.depths[-1]
        paths = oracle.segments(raw, depth, segment, 256)
        for rate, bits in [
            (statistics.ideal, last.entropy_bits),
            (statistics.huffman, last.huffman_bits),
            (statistics.theorem, last.theorem_bits),
        ]:
            total = bits * len(paths)
            if segment == "window":
                assert rate.bits_per_symbol is None
            else:
                total_symbols = sum(map(len, paths))
                assert rate.bits_per_symbol == pytest.approx(total / total_symbols, abs=1e-9)
            if segment == "chunk":
                size = sum(map(len, raw))
                assert rate.bits_per_byte == pytest.approx(total / size, abs=1e-9)
                assert rate.ratio == pytest.approx(total / size / 8, abs=1e-9)
                assert statistics.codebook_bytes is not None
                with_codebook = (total / 8 + statistics.codebook_bytes) / size
                assert rate.with_codebook_ratio == pytest.approx(with_codebook, abs=1e-9)
            else:
                assert rate.bits_per_byte is rate.ratio is rate.with_codebook_ratio is None
        expected = (last.entropy_bits - np.log2(last.leaves)) / depth
        assert statistics.normalized_rate == pytest.approx(expected, abs=1e-9)


def test_leaves_are_read_only_views() -> None:
    tree = from_documents([[1, 2, 3]], 5, 2, "window")
    assert tree.paths.dtype.kind == "u"
    with pytest.raises(ValueError, match="read-only"):
        tree.paths[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        tree.counts[0] = 1


def test_views_outlive_their_tree() -> None:
    tree = from_documents([[1, 2, 3]], 5, 2, "window")
    paths, counts = tree.paths, tree.counts
    del tree
    assert paths.tolist() == [[1, 2], [2, 3], [3, 5], [5, 5]]
    assert counts.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("depth", [0, 65])
def test_a_depth_out_of_range_is_rejected(depth: int, play: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=f"depth.*{depth}|{depth}.*depth"):
        TokenTree.build(play, depth=depth)
    with pytest.raises(InvalidArgumentError, match="depth"):
        from_documents([[0]], 1, depth, "chunk")


@pytest.mark.parametrize(
    "options", [{"segment": "word"}, {"alphabet": "morse"}, {"alphabet": "bpe:"}]
)
def test_unknown_names_are_rejected(options: dict[str, str], play: Path) -> None:
    with pytest.raises(InvalidArgumentError):
        TokenTree.build(play, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("offsets", [[], [0], [0, 4], [1, 3], [0, 2, 1, 3], [0, 2]], ids=str)
def test_invalid_offsets_are_rejected(offsets: list[int]) -> None:
    ids = np.array([0, 1, 2], np.uint8)
    with pytest.raises(InvalidArgumentError):
        TokenTree.from_symbols(ids, offsets, depth=2)


def test_ids_beyond_the_vocabulary_are_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match="vocabulary"):
        from_documents([[0, 7]], 7, 2, "chunk")


@pytest.mark.parametrize(
    "other",
    [(5, 3, "chunk"), (5, 2, "window"), (6, 2, "chunk")],
    ids=["depth", "segmentation", "vocabulary"],
)
def test_trees_of_different_shapes_are_not_merged(other: tuple[int, int, str]) -> None:
    tree = from_documents([[1, 2, 3]], 5, 2, "chunk")
    with pytest.raises(InvalidArgumentError):
        tree.merge(from_documents([[1, 2, 3]], *other))


@pytest.mark.parametrize("depth", [0, 4])
def test_pruning_to_a_depth_out_of_range_is_rejected(depth: int) -> None:
    with pytest.raises(InvalidArgumentError):
        from_documents([[1, 2, 3]], 5, 3, "chunk").prune(depth)


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(f"file {number} has its own text\n" * 9)
    files = sorted(tmp_path.iterdir())
    forward, backward = TokenTree.build(files), TokenTree.build(Corpus(files[::-1]))
    assert np.array_equal(forward.paths, backward.paths)
    assert np.array_equal(forward.counts, backward.counts)
