"""The context of a run: which scorer teaches models and which one judges them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reviews import VOLUMES, configured, for_transformer, write_reviews

from elastic_core import InvalidArgumentError, __version__
from elastic_core.common.hashing import digest
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.datasets import SIDES
from elastic_core.experiments.facts import scorer_in_words
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.instruments import prepare
from elastic_core.experiments.studies.study import base
from elastic_core.experiments.worker import process_cell
from elastic_core.scoring import LinearScorer

REWARDED = {"reverse_recipe": {"algorithm": "ppo"}}


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    return {**write_reviews(tmp_path), "study": "resistance", "rows": 16, "slices": 2, "answers": 8}


def context(values: dict[str, Any], **more: Any) -> RunContext:
    return RunContext(configured(values, **more), ModelStore(Path("models")))


def texts(rows: Any) -> set[str]:
    return {row["prompt"] + row["completion"] for row in rows}


def test_a_scorer_that_teaches_no_model_judges(values: dict[str, Any]) -> None:
    plain = context(values)
    assert plain.judge is plain.scorer
    assert plain.datasets.judge is plain.datasets.scorer
    assert plain.hashes.measured == digest(
        [plain.config.held_out.model_dump(), plain.config.scorer.model_dump()]
    )
    scorer = plain.config.scorer.model_dump()
    assert plain.hashes.data == digest([__version__, plain.datasets.identity, scorer])
    assert "judges" not in scorer_in_words(plain.config)


def test_a_scorer_that_gives_rewards_does_not_judge(values: dict[str, Any]) -> None:
    plain, taught = context(values), context(values, **REWARDED)
    assert isinstance(taught.scorer, LinearScorer)
    assert isinstance(taught.judge, LinearScorer)
    assert taught.judge.identity != taught.scorer.identity
    assert taught.hashes.measured != plain.hashes.measured
    split = taught.datasets.split(0)
    for side in SIDES:
        parts = [
            texts(rows.rows)
            for rows in (
                taught.datasets.scorer[side],
                taught.datasets.judge[side],
                split.held_out[side],
                split.pool[side],
            )
        ]
        assert [len(part) for part in parts] == [40, 40, 10, 30]
        assert len(set.union(*parts)) == 120
    labelled = taught.seed_context(0).fixed_texts().labelled
    assert set(labelled["positive"]) == texts(taught.datasets.judge["positive"].rows)
    assert scorer_in_words(taught.config).endswith("another linear classifier judges them")


def test_the_scorer_may_learn_from_the_beginnings_of_rows(values: dict[str, Any]) -> None:
    plain, cut = context(values), context(values, scorer={"rows": 40, "words": 5})
    assert isinstance(plain.scorer, LinearScorer)
    assert isinstance(cut.scorer, LinearScorer)
    assert cut.scorer.identity != plain.scorer.identity
    assert cut.hashes.measured != plain.hashes.measured
    all_words = context(values, scorer={"rows": 40, "words": 1000}).scorer
    assert isinstance(all_words, LinearScorer)
    assert all_words.identity == plain.scorer.identity
    labelled = cut.seed_context(0).fixed_texts().labelled
    assert labelled == plain.seed_context(0).fixed_texts().labelled


def test_the_margin_reads_as_much_of_a_text_as_training_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    values = {**for_transformer(write_reviews(tmp_path)), **VOLUMES}
    whole = context(values)
    held_out = {**values["held_out"], "length": 12}
    cut = context(values, held_out=held_out)
    assert whole.seed_context(0).fixed_texts().longest == 48
    assert cut.seed_context(0).fixed_texts().longest == 12
    assert cut.hashes.measured != whole.hashes.measured
    tree = context({**values, "model": "tree:3", "recipe": {}}, held_out=held_out)
    assert tree.seed_context(0).fixed_texts().longest is None


def test_the_scores_of_models_are_those_of_the_judge(
    values: dict[str, Any], tmp_path: Path
) -> None:
    taught = RunContext(configured(values, **REWARDED), ModelStore(tmp_path / "models"))
    root = base(taught.config, 0)
    metrics = process_cell(taught, root)
    prompts = taught.seed_context(0).prompts()
    drawn = taught.reference(root).draw(taught.model(root))
    answers = [text.decode(errors="replace") for text in taught.model(root).spell(drawn)]
    whole = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    assert taught.judge is not None
    assert taught.scorer is not None
    assert metrics["score"] == pytest.approx(taught.judge(whole).mean())
    assert metrics["score"] != pytest.approx(taught.scorer(whole).mean(), abs=1e-6)
    fixed = taught.seed_context(0).fixed_texts()
    (instrument,) = prepare(["score"], taught.model(root), fixed, taught.judge)
    assert taught.instruments(root, ["score"])[0].measure(taught.model(root)) == instrument.measure(
        taught.model(root)
    )


def test_a_linear_scorer_judges_what_another_rewarded(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reward:
        name = "hf:reward"

        def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
            return np.zeros(len(texts))

    monkeypatch.setattr("elastic_core.scoring.load_scorer", lambda *_, **__: Reward())
    more = {"scorer": {"kind": "hf:reward", "rows": 40}}
    plain, taught = context(values, **more), context(values, **more, **REWARDED)
    assert plain.judge is plain.scorer
    assert taught.scorer is not None
    assert taught.scorer.name == "hf:reward"
    assert isinstance(taught.judge, LinearScorer)
    assert not plain.datasets.judge
    assert not taught.datasets.scorer
    assert [len(taught.datasets.rows[side]) for side in SIDES] == [80, 80]


def test_two_scorers_share_rows_of_their_own(values: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    write_reviews(tmp_path / "more", 220)  # The first 120 also occur on the sides.
    names = {"positive": "good.jsonl", "negative": "bad.jsonl"}
    own = {side: {"source": str(tmp_path / "more" / name)} for side, name in names.items()}
    taught = context(values, **REWARDED, scorer={"rows": 40, **own}).datasets
    for side in SIDES:
        parts = [texts(part[side].rows) for part in (taught.scorer, taught.judge, taught.rows)]
        assert [len(part) for part in parts] == [40, 40, 120]
        assert len(set.union(*parts)) == 200
    few = context(values, **REWARDED, scorer={"rows": 60, **own}).datasets
    assert [len(rows["positive"]) for rows in (few.scorer, few.judge)] == [50, 50]


@pytest.mark.parametrize("kind", ["linear", "hf:reward"])
def test_a_judge_needs_both_sides(values: dict[str, Any], kind: str) -> None:
    data = {**values["data"], "negative": None}
    one_sided = {**values, "data": data, "scorer": {"kind": kind}}
    message = f"scorer {kind}: models learn from it, so another scorer, .* set data.negative.source"
    with pytest.raises(InvalidArgumentError, match=message):
        _ = context(one_sided, recipe={"algorithm": "grpo"}).datasets


def test_too_few_rows_for_two_scorers_are_refused(values: dict[str, Any]) -> None:
    message = "two scorers, one that models learn from and one that judges, would take 160 of 120"
    with pytest.raises(InvalidArgumentError, match=message):
        _ = context(values, **REWARDED, scorer={"rows": 80}).datasets
