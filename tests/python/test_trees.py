"""Corpora and saved trees become trees of one shape."""

from pathlib import Path

import pytest

import elastic_core as ec
from elastic_core.corpora.sources import ReadOptions, paths_of
from elastic_core.corpora.trees import TreeOptions, open_or_build


@pytest.fixture
def saved(play: Path, tmp_path: Path) -> Path:
    """A tree of the play, of depth 3 and windows."""
    path = tmp_path / "play.parquet"
    ec.TokenTree.build(play, depth=3, segment="window").save(path)
    return path


def test_a_tree_file_is_told_from_rows(saved: Path, play: Path, tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"text": ["to be"]}).write_parquet(tmp_path / "rows.parquet")
    assert ec.TokenTree.is_file(saved)
    assert not ec.TokenTree.is_file(tmp_path / "rows.parquet")
    assert not ec.TokenTree.is_file(play)
    with pytest.raises(FileNotFoundError):
        ec.TokenTree.is_file(tmp_path / "nothing.parquet")


def test_corpora_are_built_as_saved_trees_are(saved: Path, play: Path) -> None:
    kept, built = open_or_build([saved, play], TreeOptions(), ReadOptions())
    assert (built.tree.depth, built.tree.segment) == (3, "window")
    assert kept.corpus is None
    assert built.corpus is not None
    assert built.tree.counts.tolist() == kept.tree.counts.tolist()


def test_the_usual_shape(play: Path) -> None:
    (found,) = open_or_build([play], TreeOptions(), ReadOptions())
    assert (found.tree.depth, found.tree.segment, found.tree.alphabet) == (8, "chunk", "byte")


def test_saved_trees_of_one_source_are_merged(saved: Path) -> None:
    (found,) = open_or_build([[saved, saved]], TreeOptions(), ReadOptions())
    assert found.tree.documents == 2
    assert found.name == f"{saved}, {saved}"


def test_a_deeper_saved_tree_is_pruned(saved: Path, play: Path) -> None:
    kept, built = open_or_build([saved, play], TreeOptions(depth=2), ReadOptions())
    assert kept.tree.depth == built.tree.depth == 2
    assert kept.tree.segments == 3 * 41 + 1


@pytest.mark.parametrize(
    ("options", "reading", "told"),
    [
        (TreeOptions(segment="chunk"), ReadOptions(), "segmentation window, not chunk"),
        (TreeOptions(alphabet="bit"), ReadOptions(), "alphabet byte, not bit"),
        (TreeOptions(), ReadOptions(limit=1), "every source here is a saved tree"),
    ],
)
def test_options_against_a_saved_tree_are_refused(
    saved: Path, options: TreeOptions, reading: ReadOptions, told: str
) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=told):
        open_or_build([saved], options, reading)


def test_a_source_is_text_or_trees(saved: Path, play: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="is a saved tree and the rest is text"):
        open_or_build([[saved, play]], TreeOptions(), ReadOptions())


def test_the_tokenizer_of_a_saved_tree_has_to_be_named(
    play: Path, tmp_path: Path, checkpoint: Path
) -> None:
    alphabet = f"bpe:{checkpoint / 'tokenizer.json'}"
    path = tmp_path / "bpe.parquet"
    ec.TokenTree.build(play, alphabet=alphabet).save(path)
    with pytest.raises(ec.InvalidArgumentError, match="bpe:PATH"):
        open_or_build([path, play], TreeOptions(), ReadOptions())
    kept, built = open_or_build([path, play], TreeOptions(alphabet=alphabet), ReadOptions())
    assert kept.tree.alphabet == built.tree.alphabet


def test_a_corpus_is_taken_where_a_path_is(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"said": "to be"}\n{"said": "or not"}\n{}\n')
    path = str(tmp_path / "rows.jsonl")
    reading = ReadOptions(text_key=("said",), on_bad_row="skip")
    corpus = ec.Corpus(path, text_key=["said"], on_bad_row="skip")
    assert ReadOptions.of(corpus) == reading
    assert paths_of(corpus) == (path,)
    (named,) = open_or_build([path], TreeOptions(), reading)
    (opened,) = open_or_build([corpus], TreeOptions(), ReadOptions(seed=3))
    assert opened.corpus is corpus
    assert (opened.paths, opened.tree.counts.tolist()) == (named.paths, named.tree.counts.tolist())
    with pytest.raises(ec.InvalidArgumentError, match=r"text_key is for corpora .* Corpus"):
        open_or_build([corpus], TreeOptions(), reading)


def test_measure_and_mass_take_a_corpus_with_its_own_options(play: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"said": "to be"}\n')
    rows, lines = (
        ec.Corpus(tmp_path / "rows.jsonl", text_key=["said"]),
        ec.Corpus(play, split="line"),
    )
    result = ec.measure(lines, rows, depth=3, compare=["zstd:3"], models=["tree:2"])
    assert (
        result.corpora[0]
        == (
            ec.measure(play, depth=3, split="line", compare=["zstd:3"], models=["tree:2"]).corpora[
                0
            ]
        )
    )
    assert [corpus.documents for corpus in result.corpora] == [3, 1, 4]
    config = result.config.to_dict()
    assert config["split"] == "document"
    assert [own["split"] for own in config["own_reading"]] == ["line", "document"]
    assert "own_reading" not in ec.measure(play).config.to_dict()
    mixed = ec.measure(play, rows, split="line").config.to_dict()
    assert mixed["own_reading"] == [None, config["own_reading"][1]]
    assert ec.mass(lines, depth=3, bootstrap=2).corpora == (
        ec.mass(play, depth=3, split="line", bootstrap=2).corpora
    )


def test_elasticity_takes_a_corpus_with_its_own_options(tmp_path: Path) -> None:
    for name, text in (("p", "to be or not"), ("a", "not to be"), ("t", "or not to be")):
        (tmp_path / f"{name}.txt").write_text(f"{text}\n" * 30)
    paths = [tmp_path / f"{name}.txt" for name in ("p", "a", "t")]
    corpora = [ec.Corpus(path, split="line") for path in paths]
    result = ec.elasticity(*corpora, depth=2, bootstrap=3, replicates=tmp_path / "kept.jsonl")
    named = ec.elasticity(*paths, depth=2, bootstrap=3, split="line")
    assert result.to_dict()["perturbations"] == named.to_dict()["perturbations"]
    assert (result.config.perturb, result.config.own_reading[2]) == (
        ((str(paths[2]),),),
        ReadOptions(split="line"),
    )
    # Replicates of corpora with other options are not reused.
    fewer = [ec.Corpus(path, split="line", limit=25) for path in paths]
    ec.elasticity(*fewer, depth=2, bootstrap=3, replicates=tmp_path / "kept.jsonl")
    assert len((tmp_path / "kept.jsonl").read_text().splitlines()) == 6
