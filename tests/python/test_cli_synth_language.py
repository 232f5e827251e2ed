"""`elastic-core synth language`: its files, its truth, and wrong calls; and that `synth` stays."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import CommandLine
from test_cli_errors import assert_error
from test_synth import read

import elastic_core as ec
from elastic_core.data.load import load_examples
from elastic_core.synthesis.language.learners import ARMS

SMALL = "--documents 5000 --rows 300 --sentences 4 --classes 4 --words 2"
ROWS = ("positive", "negative", "novel", "neutral")


def test_the_files_are_what_the_truth_says(cli: CommandLine, tmp_path: Path) -> None:
    done = cli("synth", "language", "speech", *SMALL.split())
    assert done.code == 0, done.err
    assert max(map(len, done.out.splitlines())) <= 80
    for words in ("speech/novel.jsonl", "5,000", "nats/symbol", "bits/byte", "80 words"):
        assert words in done.out
    folder = tmp_path / "speech"
    assert {file.name for file in folder.iterdir()} == {
        *(f"{name}.jsonl" for name in ("pretrain", *ROWS)),
        "truth.json",
    }
    truth = json.loads((folder / "truth.json").read_text())
    language = ec.Language.load(folder / "truth.json")
    assert language.bayes_loss == truth["bayes_loss"] < language.entropy_rate + 0.1
    openings = set(language.grammar.opening[0])
    for file in truth["files"]:
        examples = load_examples(folder / f"{file['name']}.jsonl")
        is_rows = file["name"] in ROWS
        assert examples.format == ("prompt-completion" if is_rows else "text")
        texts = examples.texts()
        assert len(texts) == file["documents"] == sum(file["styles"].values())
        assert sum(map(len, texts)) == file["bytes"]
        assert sum(len(text.replace(".", " .").split()) + 1 for text in texts) == file["symbols"]
        assert np.isfinite(language.log_probs(texts)).all()
        assert {text.split()[0] for text in texts} == openings
        weights = np.array(list(file["styles"].values())) / file["documents"]
        assert language.posterior(texts, weights).mean(axis=0) == pytest.approx(weights, abs=0.06)
        if is_rows:
            assert {len(prompt.split()) for prompt in examples.prompts()} == {6}
    prompts = [
        prompt for name in ROWS for prompt in load_examples(folder / f"{name}.jsonl").prompts()
    ]
    assert len(set(prompts)) == len(prompts) == 1200
    assert truth["files"][1]["styles"] == {"positive": 300, "negative": 0, "other": 0, "novel": 0}
    assert truth["files"][0]["styles"]["novel"] == truth["files"][4]["styles"]["novel"] == 0


def test_the_curves_are_those_of_the_learners(tmp_path: Path) -> None:
    result = ec.synth_language(documents=500, rows=210, sentences=3, classes=3, out=tmp_path / "s")
    truth = json.loads((tmp_path / "s" / "truth.json").read_text())
    assert result.to_dict() == truth
    learners = {(curve["learner"], curve["arm"], curve["aligned"]) for curve in truth["curves"]}
    names = ("mixture", "exponential-average")
    assert learners == {(name, arm, n) for name in names for arm in ARMS for n in (0, 25, 100)}
    for curve in truth["curves"]:
        assert curve["rows"] == [0, 25, 50, 100, 200]
        assert np.shape(curve["margin"]) == np.shape(curve["kl"]) == (5,)
        assert np.shape(curve["losses"]) == (5, 4)
    same = ec.mixture_curve(
        result.language, documents=500, aligned=100, arm="neutral", rows=[0, 25, 50, 100, 200]
    )
    assert same.to_dict() in truth["curves"]


def test_the_same_seed_gives_the_same_bytes(cli: CommandLine, tmp_path: Path) -> None:
    options = "--shares 0.2,0.8 --documents 300 --rows 20 --contrast 9 --opening 3 --end 0.5"
    done = cli("synth", "language", "one", *options.split(), "--seed", "7", "--format", "json")
    assert (done.code, done.out) == (0, (tmp_path / "one" / "truth.json").read_text())
    for name, seed in (("same", 7), ("other", 8)):
        ec.synth_language(
            shares=[0.2, 0.8],
            documents=300,
            rows="20",
            contrast=9,
            opening=3,
            end=0.5,
            seed=seed,
            out=tmp_path / name,
        )
    assert read(tmp_path / "one") == read(tmp_path / "same") != read(tmp_path / "other")
    ec.synth_language(
        shares=[0.2, 0.8],
        documents=600,
        rows=50,
        contrast=9,
        opening=3,
        end=0.5,
        seed=7,
        out=tmp_path / "more",
    )
    for file in (tmp_path / "one").glob("*.jsonl"):
        assert (tmp_path / "more" / file.name).read_bytes().startswith(file.read_bytes())


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("", ["DIR"]),
        ("out --shares 0.5,0.4", ["0.9", "not to 1"]),
        ("out --shares 1.5,-0.5", ["-0.5", "not above 0"]),
        ("out --shares 1", ["too few", "at least two styles"]),
        ("out --shares half", ["half", "not numbers"]),
        ("out --rows 0", ["rows: ", "not a count"]),
        ("out --documents none", ["documents: ", "not a count"]),
        ("out --opening 2", ["8,000 different openings", "64", "longer opening"]),
        ("out --contrast 1", ["contrast of 1"]),
        ("out --sentences 100", ["fewer sentences"]),
        ("full", ["full", "not empty", "--force"]),
        ("play.txt", ["play.txt", "in the way"]),
    ],
)
def test_errors_are_one_sentence(
    arguments: str, parts: list[str], cli: CommandLine, play: Path
) -> None:
    (play.parent / "full").mkdir()
    (play.parent / "full" / "notes.txt").touch()
    assert_error(cli("synth", "language", *arguments.split()), 2, *parts)
    assert {path.name for path in play.parent.iterdir()} == {"full", "play.txt"}


def test_force_replaces_the_files_and_keeps_others(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    (tmp_path / "out" / "truth.json").touch()
    options = "--documents 10 --rows 2 --sentences 2 --force"
    assert cli("synth", "language", "out", *options.split()).code == 0
    assert (tmp_path / "out" / "notes.txt").exists()
    assert ec.Language.load(tmp_path / "out" / "truth.json").config.sentences == 2


def test_other_files_are_not_the_truth_of_a_language(tmp_path: Path) -> None:
    ec.synth(corpora=["a=1:5"], leaves=3, out=tmp_path)
    for text in (None, "{", "[]", '{"schema": "elastic-core/language/1"}'):
        if text:
            (tmp_path / "truth.json").write_text(text)
        with pytest.raises(ec.InvalidArgumentError, match="of a language of this version"):
            ec.Language.load(tmp_path / "truth.json")
    with pytest.raises(FileNotFoundError):
        ec.Language.load(tmp_path / "none.json")


@pytest.mark.parametrize("call", ["corpora out --leaves 4", "--leaves 4 out", "out --leaves 4"])
def test_the_name_of_the_first_command_may_be_left_out(
    call: str, cli: CommandLine, tmp_path: Path
) -> None:
    done = cli("synth", *call.split(), "--corpus", "a=1:9")
    assert (done.code, done.err) == (0, "")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "a.jsonl",
        "leaves.csv",
        "truth.json",
    ]
