"""Corpora in memory: texts, rows and tables of other libraries in place of paths."""

import gc
import os
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import elastic_core as ec

TEXTS = ["to be or not to be", "that is the question"] * 3
ROWS = [{"review": text, "stars": stars} for stars, text in enumerate(TEXTS)]


class Stream:
    """An Arrow stream of a library that is unknown here."""

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return pa.Table.from_pylist(ROWS).__arrow_c_stream__(schema)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """The counts of the leaves of the texts, each a file of its own."""
    folder = tmp_path_factory.mktemp("files")
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text)
    counts: list[int] = ec.TokenTree.build(folder, depth=3).counts.tolist()
    return counts


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        pd.DataFrame(ROWS),
        pl.DataFrame(ROWS),
        pa.Table.from_pylist(ROWS),
        pa.Table.from_pylist(ROWS).to_reader(),
        datasets.Dataset.from_list(ROWS),
        Stream(),
    ],
    ids=lambda data: f"{type(data).__module__.partition('.')[0]}-{type(data).__name__}",
)
def test_a_column_of_a_table_is_measured(data: Any, expected: list[int]) -> None:
    (corpus,) = ec.measure(data, text_key="review", depth=3).corpora
    assert corpus.name == "texts"
    assert corpus.documents == len(TEXTS)
    assert corpus.tree.counts.tolist() == expected


@pytest.mark.parametrize(
    "texts",
    [TEXTS, iter(TEXTS), pd.Series(TEXTS), pl.Series(TEXTS), pa.array(TEXTS)],
    ids=lambda texts: type(texts).__name__,
)
def test_texts_stand_for_a_path(texts: Any, expected: list[int]) -> None:
    named = ec.Texts(texts, name="hamlet")
    assert len(named) == len(TEXTS)
    assert repr(named) == "Texts('hamlet', 6 documents)"
    assert ec.measure(named, depth=3).corpora[0].name == "hamlet"
    assert ec.TokenTree.build(named, depth=3).counts.tolist() == expected


def test_several_corpora_keep_their_names_and_files_go_with_the_texts() -> None:
    first, second = ec.Texts(TEXTS, name="one"), ec.Texts(TEXTS, name="one")
    result = ec.measure(first, second, [{"text": "more"}], depth=2)
    assert [corpus.name for corpus in result.corpora] == ["one", "one (2)", "texts", "joint"]
    path = Path(os.fspath(first))
    assert path.is_file()
    del first
    gc.collect()
    assert not path.parent.exists()


def test_the_theorem_takes_a_list_of_tables() -> None:
    data = pl.DataFrame({"text": TEXTS})
    result = ec.elasticity(data, align=data[:2], perturb=[data[2:4], data[4:]], depth=2)
    assert [part.name for part in result.datasets] == ["texts"] * 4
    assert all(sentence.startswith("texts: ") for sentence in result.findings)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pl.DataFrame(ROWS), r"no column 'text'; name one of review, stars as text_key"),
        (ROWS, r"no column 'text'; name one of review, stars as text_key"),
        ([{"text": {1}}], r"row 1: Object of type set is not JSON serializable; convert it first"),
        ([{"text": "a"}, 3], r"text 2 is of type int; pass texts, or rows"),
        (pa.table({"text": pa.array([], pa.string())}), "there are no texts; pass at least one"),
    ],
)
def test_unusable_data_are_refused(data: Any, message: str) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=message):
        ec.measure(data)


def test_a_text_that_is_none_is_a_bad_row_of_the_corpus() -> None:
    texts = ec.Texts(["a", None], name="mine")
    with pytest.raises(ec.CorpusError, match=r"^mine, line 2: `text` is null"):
        ec.measure(texts, depth=1)
    assert ec.measure(texts, depth=1, on_bad_row="skip").corpora[0].bad_rows == 1


@pytest.mark.parametrize("data", [{"text": TEXTS}, 5, None, pl.LazyFrame(ROWS)])
def test_other_objects_are_no_corpus(data: Any) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=f"^{type(data).__name__} is no corpus; pass"):
        ec.measure(data)


def test_a_single_text_is_no_list_of_letters() -> None:
    with pytest.raises(ec.InvalidArgumentError, match="texts of type str: pass a list of texts"):
        ec.Texts("to be")
