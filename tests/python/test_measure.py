"""`measure`: JSON schema, values against the oracle, joint corpora, rejected input."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest

import elastic_core as ec
from elastic_core.common.progress import Step

RATE_KEYS = ["bits_per_symbol", "bits_per_byte", "ratio", "with_codebook_ratio"]
MODEL_KEYS = [
    "model",
    "bits_per_token",
    "bits_per_character",
    "bits_per_byte",
    "ratio",
    "documents",
    "tokens",
    "settings",
]
DEPTH_KEYS = [
    "depth",
    "nodes",
    "leaves",
    "singletons",
    "entropy_bits",
    "conditional_entropy_bits",
    "huffman_bits",
    "theorem_bits",
]
CORPUS_KEYS = [
    "name",
    "documents",
    "bytes",
    "symbols",
    "bad_rows",
    "depths",
    "static_rate",
    "normalized_rate",
    "compare",
    "model_rates",
    "files",
]
CONFIG_KEYS = [
    "paths",
    "depth",
    "segment",
    "alphabet",
    "memory",
    "compare",
    "models",
    "model_options",
    "split",
    "text_key",
    "limit",
    "sample",
    "seed",
    "on_bad_row",
    "versions",
]


@pytest.fixture
def poem(tmp_path: Path) -> Path:
    file = tmp_path / "poem.txt"
    file.write_text("shall I compare thee to a summer's day?\n" * 2)
    return file


def assert_schema(result: dict[str, Any]) -> None:
    """Asserts that keys, their order and the types of values follow the schema."""
    assert list(result) == ["schema", "config", "corpora"]
    assert result["schema"] == "elastic-core/measure/1"
    assert list(result["config"]) == CONFIG_KEYS
    assert list(result["config"]["versions"]) == ["elastic_core", "python", "platform"]
    for corpus in result["corpora"]:
        assert list(corpus) == CORPUS_KEYS
        assert list(corpus["static_rate"]) == RATE_KEYS
        assert isinstance(corpus["normalized_rate"], float)
        for number, row in enumerate(corpus["depths"], 1):
            assert list(row) == DEPTH_KEYS
            assert row["depth"] == number
            assert all(
                isinstance(row[key], int)
                for key in ("nodes", "leaves", "singletons", "theorem_bits")
            )
        for compared in corpus["compare"]:
            assert list(compared) == ["name", "bytes", "bits_per_byte", "ratio"]
        for rate in corpus["model_rates"]:
            assert list(rate) == MODEL_KEYS


def test_the_json_follows_the_schema(play: Path) -> None:
    compare, models = ["zstd:3", "xz:1"], ["tree:2"]
    result = ec.measure(play, depth=5, memory="64MiB", compare=compare, models=models)
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert_schema(data)
    assert data["config"]["paths"] == [[str(play)]]
    assert data["config"]["memory"] == "64MiB"
    assert data["config"]["text_key"] == ["text"]
    assert len(data["corpora"]) == 1
    assert len(data["corpora"][0]["depths"]) == 5
    assert [compared["name"] for compared in data["corpora"][0]["compare"]] == ["zstd:3", "xz:1"]


@pytest.mark.parametrize("segment", ["chunk", "prefix", "window"])
def test_depths_and_rates_match_the_oracle(segment: str, play: Path) -> None:
    (corpus,) = ec.measure(play, depth=6, segment=segment).corpora
    text = play.read_bytes()
    paths = oracle.segments([text], 6, segment, 256)
    assert (corpus.documents, corpus.bytes, corpus.symbols) == (1, len(text), len(text))
    for row in corpus.depths:
        expected = oracle.depth_row(paths, row.depth)
        assert {key: getattr(row, key) for key in expected} == pytest.approx(expected)
    bits = corpus.depths[-1].entropy_bits * len(paths)
    rate = corpus.static_rate
    if segment == "window":
        assert rate.bits_per_symbol is None
    else:
        assert rate.bits_per_symbol == pytest.approx(bits / sum(map(len, paths)))
    if segment == "chunk":
        assert rate.bits_per_byte == pytest.approx(bits / len(text))
        assert rate.ratio == pytest.approx(bits / len(text) / 8)
        codebook = corpus.tree.statistics().codebook_bytes
        assert codebook is not None
        assert rate.with_codebook_ratio == pytest.approx((bits / 8 + codebook) / len(text))
    else:
        assert rate.bits_per_byte is rate.ratio is rate.with_codebook_ratio is None


def test_codes_are_no_shorter_than_the_ideal_code(play: Path) -> None:
    (corpus,) = ec.measure(play).corpora
    ideal, huffman = corpus.static_rate, corpus.huffman_rate
    assert ideal.ratio is not None
    assert huffman.ratio is not None
    assert corpus.theorem_rate.ratio is not None
    assert ideal.ratio <= huffman.ratio
    assert ideal.ratio <= corpus.theorem_rate.ratio
    assert corpus.normalized_rate <= 0


def test_several_corpora_are_followed_by_the_joint_one(play: Path, poem: Path) -> None:
    result = ec.measure(play, poem, depth=4)
    assert [corpus.name for corpus in result.corpora] == [str(play), str(poem), "joint"]
    one, two, joint = result.corpora
    (together,) = ec.measure([play, poem], depth=4).corpora
    assert joint.documents == one.documents + two.documents
    assert joint.bytes == one.bytes + two.bytes
    assert joint.depths == together.depths
    assert joint.static_rate == together.static_rate
    assert np.array_equal(joint.tree.paths, together.tree.paths)


def test_several_paths_are_one_corpus(play: Path, poem: Path) -> None:
    (corpus,) = ec.measure([play, poem]).corpora
    assert corpus.name == f"{play}, {poem}"
    assert corpus.documents == 2


def test_repeated_corpora_get_distinct_names(play: Path) -> None:
    result = ec.measure(play, play, play)
    names = [corpus.name for corpus in result.corpora]
    assert names == [str(play), f"{play} (2)", f"{play} (3)", "joint"]


def test_a_corpus_named_joint_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "joint").write_text("to be")
    (tmp_path / "other").write_text("or not")
    monkeypatch.chdir(tmp_path)
    assert [corpus.name for corpus in ec.measure("joint", "other").corpora] == [
        "joint (2)",
        "other",
        "joint",
    ]
    assert [corpus.name for corpus in ec.measure("joint").corpora] == ["joint"]


def test_reference_compressors_read_the_same_documents(play: Path, poem: Path) -> None:
    result = ec.measure(play, poem, compare=["zstd:19"])
    sizes = [corpus.compare[0].bytes for corpus in result.corpora]
    assert max(sizes[:2]) < sizes[2] < sum(sizes[:2])
    for corpus in result.corpora:
        (compared,) = corpus.compare
        assert compared.ratio == pytest.approx(compared.bytes / corpus.bytes)
        assert compared.bits_per_byte == pytest.approx(8 * compared.bytes / corpus.bytes)


def test_the_result_does_not_depend_on_memory_threads_or_order(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for name in ("a.txt", "b.txt"):
        content = random.integers(97, 105, size=600_000, dtype=np.uint8)
        (tmp_path / name).write_bytes(content.tobytes())
    a, b = tmp_path / "a.txt", tmp_path / "b.txt"
    first = ec.measure(a, b, threads=1)
    again = ec.measure(b, a, threads=4, memory="3MiB")
    assert first.corpora[0].depths == again.corpora[1].depths
    assert first.corpora[2].depths == again.corpora[2].depths
    assert first.corpora[2].static_rate == again.corpora[2].static_rate


def test_progress_reports_known_phases(play: Path, poem: Path) -> None:
    steps: list[Step] = []
    ec.measure(play, poem, progress=steps.append)
    assert all(step.phase in PHASES for step in steps)
    assert all(step.done >= 0 for step in steps)


PHASES = ("read", "merge", "measure", "write", "compress")


def test_an_exception_in_progress_stops_the_job(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(np.random.default_rng(1).bytes(1 << 25))

    def give_up(_: Step) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        ec.measure(tmp_path / "long.txt", segment="window", memory="8MiB", progress=give_up)


def test_a_saved_tree_gives_the_result_of_its_corpus(play: Path, tmp_path: Path) -> None:
    (built,) = ec.measure(play).corpora
    built.tree.save(tmp_path / "tree.parquet")
    result = ec.measure_tree(tmp_path / "tree.parquet")
    assert_schema(result.to_dict())
    (opened,) = result.corpora
    assert opened.depths == built.depths
    assert opened.static_rate == built.static_rate
    assert (result.config.depth, result.config.segment) == (8, "chunk")
    assert result.to_dict()["config"]["split"] is None


@pytest.mark.parametrize(
    "options",
    [
        {"depth": 0},
        {"depth": 65},
        {"segment": "word"},
        {"alphabet": "morse"},
        {"memory": "plenty"},
        {"threads": 0},
        {"split": "word"},
    ],
    ids=str,
)
def test_invalid_arguments_are_rejected(options: dict[str, Any], play: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError):
        ec.measure(play, **options)


@pytest.mark.parametrize("name", ["arj:9", "zstd:99", "zstd:high", "zstd", ""])
def test_unknown_compressors_are_rejected_before_building_trees(
    name: str, play: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["elastic_core.measuring.measure"], "TokenTree", None)
    with pytest.raises(ec.InvalidArgumentError, match="compressor"):
        ec.measure(play, compare=["zstd:3", name])


def test_a_missing_corpus_is_rejected() -> None:
    with pytest.raises(ec.InvalidArgumentError, match="no corpus"):
        ec.measure()


def test_standard_input_cannot_be_named_twice() -> None:
    with pytest.raises(ec.InvalidArgumentError, match="once"):
        ec.measure("-", "-")


def test_errors_share_a_base_class() -> None:
    kinds = [ec.InvalidArgumentError, ec.CorpusError, ec.TokenizerError, ec.TreeFileError]
    assert all(issubclass(kind, ec.ElasticCoreError) for kind in kinds)
    assert issubclass(ec.InvalidArgumentError, ValueError)


def test_every_public_name_exists_and_is_documented() -> None:
    for name in ec.__all__:
        public = getattr(ec, name)
        assert name == "__version__" or public.__doc__, name


def test_importing_the_package_loads_no_heavy_library() -> None:
    heavy = ("rich", "click", "matplotlib", "torch", "pyarrow")
    code = f"import sys, elastic_core; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.data
def test_rates_of_real_text_are_plausible(data: Path, tmp_path: Path) -> None:
    import lzma

    (source,) = (data / "tinyshakespeare").glob("*.xz")
    (tmp_path / "shakespeare.txt").write_bytes(lzma.decompress(source.read_bytes()))
    (corpus,) = ec.measure(tmp_path / "shakespeare.txt", depth=4, compare=["xz:6"]).corpora
    assert corpus.bytes > 10**6
    assert 4 < corpus.depths[0].entropy_bits < 5
    ratio = corpus.static_rate.ratio
    assert ratio is not None
    assert 0.2 < ratio < 0.6
    assert 0.2 < (corpus.compare[0].ratio or 0) < 0.4
