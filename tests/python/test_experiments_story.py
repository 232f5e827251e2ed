"""How a report begins: its headline, and sentences with values before and after."""

import math
from typing import Any

import numpy as np
import pytest
from planted_arms import NAMED, Left, planted

from elastic_core.experiments.analysis import Analysis, change, directed, enough_digits, in_percent
from elastic_core.experiments.facts import run_facts
from elastic_core.experiments.result import Provenance, ReportedRun
from elastic_core.experiments.story import score_measure
from elastic_core.experiments.studies import mitigation, reversion
from elastic_core.experiments.studies.mitigation import MitigationConfig
from elastic_core.experiments.studies.reversion import ReversionConfig
from elastic_core.statistics.intervals import Interval

DOSES = [16, 64]


def analysed(left: Left, gain: float = 1.0, seeds: int = 5, **more: Any) -> Analysis:
    """The analysis of planted rows of which a share is left, on some noise."""
    values = {
        **NAMED,
        "seeds": seeds,
        "align": [100, 200],
        "dose": DOSES,
        "arms": ["neutral", "opposite"],
        **more,
    }
    config = ReversionConfig.model_validate(values)
    rows = planted(
        config, reversion.lineages(config), lambda *_: gain, left, noise=1e-5 if gain else 0.01
    )
    return reversion.analyse(config, rows)


def test_the_headline_says_what_the_last_dose_took_back() -> None:
    analysis = analysed(lambda _lineage, _volume, _arm, dose: 1 - dose / 80)
    assert analysis.story.headline == "Neutral data took back 80% of the alignment after 64 rows"
    words = analysis.findings[0].words
    assert words.startswith("64 rows of neutral data took back 80% (95% CI ")
    assert words.endswith("its margin went from 1.000 to 0.200 nats per token.")
    assert analysis.findings[0].details.startswith("Share of the alignment 200 lost after 64 rows")


@pytest.mark.parametrize(
    ("left", "headline"),
    [
        (1.0, "Neutral data took back no measurable part of the alignment after 64 rows"),
        (-0.1, "Neutral data took back all of the alignment after 64 rows"),
    ],
)
def test_the_headline_claims_no_more_than_was_measured(left: float, headline: str) -> None:
    assert analysed(lambda *_: left).story.headline == headline


def test_the_headline_says_that_an_alignment_did_nothing() -> None:
    assert analysed(lambda *_: 0.5, gain=0.0).story.headline == (
        "The alignment did not measurably move the margin, so there was nothing to undo"
    )


def test_the_headline_names_a_single_seed() -> None:
    headline = analysed(lambda *_: 0.5, seeds=1).story.headline
    assert headline == "Neutral data took back 50% of the alignment after 64 rows, in a single seed"


def test_a_run_without_rows_has_no_headline() -> None:
    config = ReversionConfig.model_validate({**NAMED, "arms": ["neutral"]})
    story = reversion.analyse(config, []).story
    assert (story.headline, story.changes, story.examples) == ("", (), ())


def test_equal_alignments_share_a_headline() -> None:
    config = MitigationConfig.model_validate({**NAMED, "seeds": 3, "align": [100], "dose": DOSES})

    def left(lineage: Any, *_: Any) -> float:
        return 0.25 if lineage.name == "plain" else 0.5

    rows = planted(config, mitigation.lineages(config), lambda *_: 1.0, left, noise=1e-5)
    headline = mitigation.analyse(config, rows).story.headline
    assert headline == "Opposite data took back 50% to 75% of equal alignments after 64 rows"


def test_the_first_tables_have_the_base() -> None:
    tables = {table.name: table for table in analysed(lambda *_: 0.5).tables}
    assert tables["left"].rows[0] == ("base", "all", 0.0, 0.0, 0.0, "-")
    assert tables["margin"].rows[0][:3] == ("base", "neutral", 0.0)
    assert tables["divergence"].rows[0][:3] == ("base", "neutral", 0.0)


def test_changes_have_a_direction_and_both_values() -> None:
    before, after = np.array([[0.5], [0.524]]), np.array([[0.736], [0.76]])
    assert change("Aligning", "the score", before, after) == (
        "Aligning raised the score by 0.236 (95% CI 0.236 to 0.236), from 0.512 to 0.748."
    )
    lowered = change("Neutral rows", "it", after, before, " nats")
    assert " lowered it by 0.236 " in lowered
    assert lowered.endswith(" nats, from 0.748 to 0.512.")
    assert change("Nothing", "it", before, np.full((2, 1), math.nan)) == ""


def test_a_fall_turns_its_interval_round() -> None:
    assert directed(Interval(-0.5, -0.7, -0.3, 3)) == ("lowered", Interval(0.5, 0.3, 0.7, 3))
    assert directed(Interval(0.5, None, None, 1)) == ("raised", Interval(0.5, None, None, 1))


def test_small_changes_have_enough_digits() -> None:
    assert [enough_digits(value) for value in (0.5, 0.0123, 0.00123, 0.0, 1e-9)] == [3, 3, 4, 3, 6]


def test_shares_are_in_percent() -> None:
    assert in_percent(Interval(0.666, 0.609, 0.723, 6)) == "67% (95% CI 61% to 72%)"
    assert in_percent(Interval(0.666, None, None, 1)) == "67%"


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        ({}, "from 0 (negative) to 1 (positive)"),
        ({"kind": "hf:judge", "label": "good"}, "The probability of the label good by hf:judge"),
        ({"kind": "hf:judge"}, "The output of hf:judge"),
    ],
)
def test_the_score_has_a_range(scorer: dict[str, str], words: str) -> None:
    config = ReversionConfig.model_validate({**NAMED, "arms": ["neutral"], "scorer": scorer})
    assert words in score_measure(config)[1]


def test_the_settings_say_that_calibration_chose_the_learning_rate() -> None:
    analysis = analysed(lambda *_: 0.5)
    provenance = Provenance(0, 0, 0, 0.0, None, None, None, None, None)
    for calibrate, words in (
        (False, "learning rate 0.001,"),
        (True, "learning rate 0.001 at most"),
    ):
        config = ReversionConfig.model_validate(
            {
                **NAMED,
                "model": "hf:a",
                "arms": ["neutral"],
                "calibrate": calibrate,
                "recipe": {"learning_rate": 1e-3},
            }
        )
        facts = dict(run_facts(ReportedRun("run", analysis, config, provenance)))
        assert words in facts["recipe"]
