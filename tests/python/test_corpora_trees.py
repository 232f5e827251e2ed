"""Building corpora and opening saved_tree trees as trees of one shape."""

from pathlib import Path

import pytest

import elastic_core as ec
from elastic_core.corpora.sources import ReadOptions, paths_of
from elastic_core.corpora.trees import TreeOptions, open_or_build


@pytest.fixture
def saved_tree(play: Path, tmp_path: Path) -> Path:
    """A saved tree of the play, of depth 3 and windows."""
    path = tmp_path / "play.parquet"
    ec.TokenTree.build(play, depth=3, segment="window").save(path)
    return path


def test_tree_files_are_distinguished_from_rows(
    saved_tree: Path, play: Path, tmp_path: Path
) -> None:
    import polars as pl

    pl.DataFrame({"text": ["to be"]}).write_parquet(tmp_path / "rows.parquet")
    assert ec.TokenTree.is_file(saved_tree)
    assert not ec.TokenTree.is_file(tmp_path / "rows.parquet")
    assert not ec.TokenTree.is_file(play)
    with pytest.raises(FileNotFoundError):
        ec.TokenTree.is_file(tmp_path / "nothing.parquet")


def test_corpora_are_built_in_the_shape_of_saved_trees(saved_tree: Path, play: Path) -> None:
    opened, built = open_or_build([saved_tree, play], TreeOptions(), ReadOptions())
    assert (built.tree.depth, built.tree.segment) == (3, "window")
    assert opened.corpus is None
    assert built.corpus is not None
    assert built.tree.counts.tolist() == opened.tree.counts.tolist()


def test_the_default_shape(play: Path) -> None:
    (built,) = open_or_build([play], TreeOptions(), ReadOptions())
    assert (built.tree.depth, built.tree.segment, built.tree.alphabet) == (8, "chunk", "byte")


def test_saved_trees_of_one_source_are_merged(saved_tree: Path) -> None:
    (merged,) = open_or_build([[saved_tree, saved_tree]], TreeOptions(), ReadOptions())
    assert merged.tree.documents == 2
    assert merged.name == f"{saved_tree}, {saved_tree}"


def test_a_deeper_saved_tree_is_pruned(saved_tree: Path, play: Path) -> None:
    opened, built = open_or_build([saved_tree, play], TreeOptions(depth=2), ReadOptions())
    assert opened.tree.depth == built.tree.depth == 2
    assert opened.tree.segments == 3 * 41 + 1


@pytest.mark.parametrize(
    ("options", "reading", "message"),
    [
        (TreeOptions(segment="chunk"), ReadOptions(), "segmentation window, not chunk"),
        (TreeOptions(alphabet="bit"), ReadOptions(), "alphabet byte, not bit"),
        (TreeOptions(), ReadOptions(limit=1), "every source here is a saved tree"),
    ],
)
def test_options_that_contradict_a_saved_tree_are_rejected(
    saved_tree: Path, options: TreeOptions, reading: ReadOptions, message: str
) -> None:
    with pytest.raises(ec.InvalidArgumentError, match=message):
        open_or_build([saved_tree], options, reading)


def test_a_source_of_text_and_trees_is_rejected(saved_tree: Path, play: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="is a saved tree and the rest is text"):
        open_or_build([[saved_tree, play]], TreeOptions(), ReadOptions())


def test_a_saved_tree_with_a_tokenizer_needs_its_path(
    play: Path, tmp_path: Path, checkpoint: Path
) -> None:
    alphabet = f"bpe:{checkpoint / 'tokenizer.json'}"
    path = tmp_path / "bpe.parquet"
    ec.TokenTree.build(play, alphabet=alphabet).save(path)
    with pytest.raises(ec.InvalidArgumentError, match="bpe:PATH"):
        open_or_build([path, play], TreeOptions(), ReadOptions())
    opened, built = open_or_build([path, play], TreeOptions(alphabet=alphabet), ReadOptions())
    assert opened.tree.alphabet == built.tree.alphabet


def test_a_corpus_is_accepted_in_place_of_a_path(tmp_path: Path) -> None:
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


def test_measure_and_mass_accept_a_corpus_with_its_own_options(play: Path, tmp_path: Path) -> None:
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


def test_elasticity_accepts_a_corpus_with_its_own_options(tmp_path: Path) -> None:
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
