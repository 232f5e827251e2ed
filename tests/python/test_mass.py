"""`mass`: JSON schema, verdicts, corpora with a known law, reports, rejected input."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import elastic_core as ec
from elastic_core.common.files import json_text
from elastic_core.common.progress import Step
from elastic_core.mass_law.figure import draw
from elastic_core.mass_law.laws import Exponential, Pareto
from elastic_core.mass_law.report import COLUMNS, document
from elastic_core.report.csv import csv_text
from elastic_core.report.markdown import markdown_text
from elastic_core.report.plot import save
from elastic_core.report.render import write_folder
from elastic_core.report.terminal import print_document

CONFIG_KEYS = [
    "paths",
    "depth",
    "segment",
    "alphabet",
    "memory",
    "bootstrap",
    "split",
    "text_key",
    "limit",
    "sample",
    "seed",
    "on_bad_row",
    "versions",
]
CORPUS_KEYS = [
    "name",
    "depth",
    "segment",
    "alphabet",
    "documents",
    "bytes",
    "symbols",
    "bad_rows",
    "segments",
    "depths",
]
DEPTH_KEYS = ["depth", "leaves", "singletons", "unseen_mass", "verdict", "whole", "tail"]
FIT_KEYS = [
    "tested",
    "x_min",
    "leaves",
    "leaf_share",
    "mass_share",
    "verdict",
    "reason",
    "p",
    "favoured",
    "laws",
    "ratios",
]
RATIO_KEYS = ["tested", "law", "ratio", "normalized", "p", "favours"]
LAWS = {
    "poisson-pareto": ["alpha", "scale"],
    "pareto": ["alpha"],
    "lognormal": ["mu", "sigma"],
    "exponential": ["rate"],
    "zipf-mandelbrot": ["alpha", "shift"],
}


def assert_schema(result: dict[str, Any]) -> None:
    """Asserts that the keys follow the schema, in order."""
    assert list(result) == ["schema", "config", "corpora"]
    assert result["schema"] == "elastic-core/mass/1"
    assert list(result["config"]) == CONFIG_KEYS
    for corpus in result["corpora"]:
        assert list(corpus) == CORPUS_KEYS
        for number, row in enumerate(corpus["depths"], 1):
            assert list(row) == DEPTH_KEYS
            assert row["depth"] == number
            for fit in (row["whole"], row["tail"]):
                if fit is not None:
                    assert list(fit) == FIT_KEYS
                    for law in fit["laws"]:
                        assert list(law) == ["law", "parameters", "log_likelihood", "distance"]
                        assert list(law["parameters"]) == LAWS[law["law"]]
                    for ratio in fit["ratios"]:
                        assert list(ratio) == RATIO_KEYS


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of words whose probabilities follow a Pareto law with exponent 2."""
    folder = tmp_path_factory.mktemp("words")
    ec.synth(corpora=["corpus=1:20k"], law="pareto:2", leaves=5000, depth=4, out=folder)
    return folder / "corpus.jsonl"


@pytest.fixture(scope="module")
def result(words: Path) -> ec.MassResult:
    play = words.with_name("play.txt")
    play.write_text("to be or not to be, that is the question\n" * 3)
    return ec.mass(words, play, depth=4, bootstrap=3)


def table(result: ec.MassResult) -> str:
    out = io.StringIO()
    print_document(document(result), Console(file=out, width=80))
    return out.getvalue()


def test_the_json_follows_the_schema(result: ec.MassResult) -> None:
    data = json.loads(json_text(result.to_dict()))
    assert_schema(data)
    assert data["config"]["bootstrap"] == 3
    assert [len(corpus["depths"]) for corpus in data["corpora"]] == [4, 4]
    assert [law["law"] for law in data["corpora"][0]["depths"][3]["whole"]["laws"]] == list(LAWS)


def test_leaf_and_mass_shares_match_the_tree(words: Path) -> None:
    (corpus,) = ec.mass(words, depth=3, bootstrap=0).corpora
    tree = ec.TokenTree.build(words, depth=3)
    counts = tree.counts
    row = corpus.depths[2]
    assert (row.leaves, row.singletons) == (len(tree), (counts == 1).sum())
    assert row.unseen_mass == pytest.approx((counts == 1).sum() / tree.segments)
    assert row.tail is not None
    above = counts[counts >= row.tail.x_min]
    assert row.tail.leaves == len(above)
    assert row.tail.leaf_share == pytest.approx(len(above) / len(tree))
    assert row.tail.mass_share == pytest.approx(above.sum() / tree.segments)
    assert row.whole.x_min == counts.min()
    assert row.whole.leaf_share == row.whole.mass_share == 1


def test_a_planted_pareto_law_is_recovered(words: Path) -> None:
    (corpus,) = ec.mass(words, depth=4, bootstrap=8).corpora
    row = corpus.depths[3]
    assert row.tail is not None
    assert row.tail.mass_share > 0.5
    for part, name, error in ((row.whole, "poisson-pareto", 0.05), (row.tail, "pareto", 0.2)):
        assert part.tested == name
        assert part.tested_fit is not None
        assert part.tested_fit.law.parameters["alpha"] == pytest.approx(2, abs=error)
        assert part.favoured is None
        assert part.verdict == "plausible"
    assert row.verdict == "plausible"


def test_sampling_noise_is_no_reason_to_reject_the_assumption(words: Path) -> None:
    """The counts of rare leaves do not follow the Pareto law that their probabilities follow."""
    (corpus,) = ec.mass(words, depth=4, bootstrap=0).corpora
    whole = corpus.depths[3].whole
    distances = {fit.name: fit.distance for fit in whole.laws}
    assert distances["poisson-pareto"] < 0.02 < 0.05 < distances["pareto"]
    (pareto,) = (ratio for ratio in whole.ratios if ratio.law == "pareto")
    assert (pareto.favours, pareto.normalized is None) == ("poisson-pareto", False)


def test_equally_frequent_leaves_cannot_be_fitted(tmp_path: Path) -> None:
    (tmp_path / "all.bin").write_bytes(bytes(range(256)) * 3)
    (corpus,) = ec.mass(tmp_path / "all.bin", depth=2, bootstrap=5).corpora
    whole = corpus.depths[1].whole
    assert whole.verdict == "rejected" or whole.reason is not None
    (tmp_path / "two.bin").write_bytes(bytes(range(255)))
    (corpus,) = ec.mass(tmp_path / "two.bin", depth=1, bootstrap=5, segment="window").corpora
    (row,) = corpus.depths
    assert row.tail is None
    assert (row.verdict, row.whole.reason) == ("unfitted", "all leaves occur equally often")
    assert row.unseen_mass == 1


def test_a_single_leaf_cannot_be_fitted(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"text": ""}\n')
    (corpus,) = ec.mass(tmp_path / "one.jsonl", depth=2).corpora
    assert {row.verdict for row in corpus.depths} == {"unfitted"}
    assert corpus.depths[0].whole.reason == "fewer than 10 leaves"


def fit(p: float | None, *, fitted: bool = True) -> ec.TailFit:
    laws = (ec.LawFit("pareto", Pareto(1, 2.0), -1.0, 0.1),) if fitted else ()
    return ec.TailFit("pareto", 1, 10, 1.0, 1.0, laws, (), p)


@pytest.mark.parametrize(
    ("whole", "tail", "verdict"),
    [
        (fit(0.5), fit(0.5), "plausible"),
        (fit(0.1), None, "plausible"),
        (fit(0.09), fit(0.1), "tail"),
        (fit(None, fitted=False), fit(0.1), "tail"),
        (fit(0.0), fit(0.0), "rejected"),
        (fit(0.0), None, "rejected"),
        (fit(None), fit(None), "untested"),
        (fit(None, fitted=False), None, "unfitted"),
    ],
)
def test_verdict_from_fits(
    whole: ec.TailFit, tail: ec.TailFit | None, verdict: str, result: ec.MassResult
) -> None:
    row = replace(result.corpora[0].depths[0], whole=whole, tail=tail)
    assert row.verdict == verdict


def test_the_favoured_law_is_the_likeliest_that_beats_the_tested_one() -> None:
    ratios = (
        ec.LikelihoodRatio("pareto", "lognormal", -3.0, -2.5, 0.01),
        ec.LikelihoodRatio("pareto", "exponential", 50.0, 9.0, 0.0),
        ec.LikelihoodRatio("pareto", "zipf-mandelbrot", -9.0, None, 0.05),
    )
    assert [ratio.favours for ratio in ratios] == ["lognormal", "pareto", None]
    assert replace(fit(0.5), ratios=ratios).favoured == "lognormal"
    assert replace(fit(0.5), ratios=ratios[1:]).favoured is None


def test_the_result_depends_on_the_seed_and_not_on_threads(words: Path) -> None:
    one, two, other = (
        ec.mass(words, depth=2, bootstrap=8, seed=seed, threads=threads)
        for seed, threads in ((1, 1), (1, 3), (2, 1))
    )
    assert one.corpora == two.corpora
    assert one.corpora != other.corpora


def test_corpora_do_not_affect_each_other(result: ec.MassResult, words: Path) -> None:
    assert ec.mass(words, depth=4, bootstrap=3).corpora[0] == result.corpora[0]


def test_a_saved_tree_gives_the_result_of_its_corpus(
    result: ec.MassResult, words: Path, tmp_path: Path
) -> None:
    ec.TokenTree.build(words, depth=4).save(tmp_path / "words.parquet")
    (corpus,) = ec.mass(tmp_path / "words.parquet", bootstrap=3).corpora
    assert corpus.depths == result.corpora[0].depths
    assert (corpus.depth, corpus.segment, corpus.alphabet) == (4, "chunk", "byte")


def test_progress_counts_replicates(words: Path) -> None:
    steps: list[Step] = []
    ec.mass(words, depth=2, bootstrap=5, progress=steps.append)
    replicates = [step for step in steps if step.phase == "bootstrap"]
    expected = [Step("bootstrap", str(words), done, 20, "replicates") for done in range(1, 21)]
    assert replicates == expected


@pytest.mark.parametrize(
    "options",
    [{"bootstrap": -1}, {"depth": 65}, {"segment": "word"}, {"threads": 0}, {"split": "line"}],
    ids=str,
)
def test_invalid_arguments_are_rejected(options: dict[str, Any], words: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError):
        ec.mass(words, **options)


def test_a_missing_or_empty_corpus_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="no corpus"):
        ec.mass()
    (tmp_path / "empty.txt").touch()
    with pytest.raises(ec.CorpusError, match="no documents"):
        ec.mass(tmp_path / "empty.txt")


def test_importing_the_package_does_not_load_scipy() -> None:
    code = "import sys, elastic_core; print('scipy.optimize' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_table_fits_80_columns_and_has_the_verdicts(result: ec.MassResult) -> None:
    text = table(result)
    paths = tuple(corpus.name for corpus in result.corpora)
    assert max(len(line) for line in text.splitlines() if not line.startswith(paths)) <= 80
    for word in ("x_min", "% of mass", "favoured", "Depth", "Pareto law", "<0.33"):
        assert word in text


def test_the_table_explains_verdicts(result: ec.MassResult) -> None:
    corpus = result.corpora[0]
    fits = [fit(0.5), fit(0.0), fit(None), fit(None, fitted=False)]
    rows = tuple(
        replace(row, whole=replace(whole, reason="too few"), tail=None)
        for row, whole in zip(corpus.depths, fits, strict=True)
    )
    text = table(replace(result, corpora=(replace(corpus, depths=rows),)))
    assert "Depth 1: the probabilities of all leaves may follow a Pareto law." in text
    assert "Depth 2: a Pareto law is rejected, for all leaves and" in text
    assert "Depth 3: not tested, because there was no bootstrap." in text
    assert "Depth 4: no Pareto law can be fitted: too few." in text
    rows = tuple(replace(row, whole=fit(0.0), tail=fit(0.5)) for row in corpus.depths)
    text = table(replace(result, corpora=(replace(corpus, depths=rows),)))
    sentence = "Depths 1-4: a tail of 100% of the leaves with 100% of the mass may follow a Pareto"
    assert sentence in " ".join(text.split())


def test_markdown_has_clean_tables(result: ec.MassResult) -> None:
    named = replace(result, corpora=(replace(result.corpora[0], name="a|b*c_d"),))
    text = markdown_text(document(named))
    assert text.startswith(r"## a\|b\*c\_d")
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1


def test_csv_has_a_row_per_corpus_depth_and_part(result: ec.MassResult) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(document(result)))))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["name"], row["depth"], row["part"]) for row in rows] == [
        (corpus.name, str(depth.depth), part)
        for corpus in result.corpora
        for depth in corpus.depths
        for part in ("whole", "tail")
        if part == "whole" or depth.tail
    ]
    tested = result.corpora[0].depths[0].whole.tested_fit
    assert tested is not None
    assert rows[0]["part_tested"] == "poisson-pareto"
    assert float(rows[0]["poisson-pareto_scale"]) == tested.law.parameters["scale"]


def test_the_figure_is_deterministic(result: ec.MassResult, tmp_path: Path) -> None:
    named = replace(result, corpora=(replace(result.corpora[0], name="$5 and $6", depth=2),))
    for stem in ("one", "two"):
        save(draw(named), tmp_path, stem)
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_an_unfitted_result_is_drawn_too(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"text": ""}\n')
    result = ec.mass(tmp_path / "one.jsonl", depth=2)
    write_folder(result, document(result), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.[jps]*g")) == ["mass.png", "mass.svg"]
    assert_schema(json.loads((tmp_path / "result.json").read_text()))


def test_fitted_lines_reach_the_largest_count(result: ec.MassResult) -> None:
    figure = draw(result)
    panel, row = figure.axes[0], result.corpora[0].depths[0]
    lines = [np.asarray(line.get_xdata()) for line in panel.get_lines()]
    ends = [x.max() for x in lines if x.size]
    assert set(ends) == {row.spectrum.counts[-1]}
    assert row.tail is not None
    assert [fitted.name for fitted in row.whole.laws] == list(LAWS)
    assert [fitted.name for fitted in row.tail.laws] == list(LAWS)[1:]
    assert isinstance(row.tail.laws[2].law, Exponential)
