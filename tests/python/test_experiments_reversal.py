"""The reversal study: rows until the divergence and the margin are back, planted and end to end."""

import math
from pathlib import Path
from typing import Any

import pytest
from planted_arms import NAMED, planted, verdicts
from reviews import write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.cells import Metrics
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.reversal import ReversalConfig, analyse
from elastic_core.experiments.studies.sides import lineages

VALUES: dict[str, Any] = {
    **NAMED,
    "align": [64, 256],
    "dose": [8, 16, 32, 64, 128, 256],
    "eps": 0.01,
    "seeds": 5,
}


def falling(config: ReversalConfig, needed: dict[int, float], noise: float = 0.0) -> list[Metrics]:
    """Rows of alignments that fall linearly to nothing, each with a gain of 0.02."""

    def left(_: Lineage, volume: int, __: str, dose: int) -> float:
        return 1 - dose / needed[volume]

    return planted(config, lineages(config), lambda *_: 0.02, left, noise=noise)


@pytest.fixture(scope="module")
def config() -> ReversalConfig:
    return parse_config(VALUES, ReversalConfig, "test")


def test_planted_numbers_of_rows_are_read_off_the_curves(config: ReversalConfig) -> None:
    analysis = analyse(config, falling(config, {64: 100.0, 256: 48.0}))
    needed = next(table for table in analysis.tables if table.name == "needed")
    base, *aligned = needed.rows
    assert base == ("base", 0.0, 0.0, "-", "-", "-", "-")
    # The margin is 0 at 100 and 48 rows. KL(model || base) is 0.02 (1 - n / needed) and a drift of
    # 1e-5 n; it is at 0.01 after 0.01 / (0.02 / needed - 1e-5) rows.
    assert [row[5] for row in aligned] == ["100", "48"]
    by_kl = [0.01 / (0.02 / rows - 1e-5) for rows in (100, 48)]
    assert [row[3] for row in aligned] == [f"{rows:.0f}" for rows in by_kl]
    assert {row[4] for row in aligned} == {row[6] for row in aligned} == {"5 of 5"}


def test_less_after_more_is_found_and_its_opposite(config: ReversalConfig) -> None:
    less = verdicts(analyse(config, falling(config, {64: 100.0, 256: 48.0}, noise=0.0005)))
    assert less["less_by_margin"] == "holds"
    assert less["fewer_than_aligned"] == "holds"
    more = verdicts(analyse(config, falling(config, {64: 48.0, 256: 200.0}, noise=0.0005)))
    assert more["less_by_margin"] == "does not hold"


def test_models_that_do_not_return_leave_no_verdict(config: ReversalConfig) -> None:
    analysis = analyse(config, falling(config, {64: 100.0, 256: 5000.0}))
    assert set(verdicts(analysis).values()) == {"no verdict"}
    assert "5 of 10 curves do not fall that far by the last dose" in analysis.findings[1].words
    needed = next(table for table in analysis.tables if table.name == "needed")
    assert needed.rows[2][3:] == ("not reached", "0 of 5", "not reached", "0 of 5")


def test_an_alignment_within_eps_of_the_base_supports_no_verdict(config: ReversalConfig) -> None:
    wide = config.model_copy(update={"eps": 0.05})
    analysis = analyse(wide, falling(wide, {64: 100.0, 256: 48.0}))
    assert verdicts(analysis)["less_by_divergence"] == "no verdict"
    assert "there is nothing to undo; lower eps" in analysis.findings[0].words


def test_the_criterion_has_to_be_measured() -> None:
    with pytest.raises(InvalidArgumentError, match="the criterion of reversal is the KL; add kl"):
        parse_config({**VALUES, "measure": ["margin"]}, ReversalConfig, "test")
    with pytest.raises(InvalidArgumentError, match="eps"):
        parse_config({**VALUES, "eps": 0}, ReversalConfig, "test")


def test_a_run_reads_its_rows_off_the_measured_curve(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), "seeds": 1, "align": [30], "dose": [4, 12, 28]}
    config = parse_config({**values, "eps": 1e-9}, ReversalConfig, "test")
    run = experiment(config, tmp_path / "run", jobs=1)
    needed = next(table for table in run.analysis.tables if table.name == "needed")
    rows = {(row["labels"].get("align"), row["labels"].get("dose")): row
            for row in run.folder.rows()}  # fmt: skip
    left = [rows[30, None]["margin"]]
    left += [rows[30, dose]["margin"] - rows[0, dose]["margin"] for dose in (4, 12, 28)]
    at = next((at for at, value in enumerate(left) if value <= 0), None)
    if at is None:
        assert needed.rows[1][5] == "not reached"
    else:
        doses = [0, 4, 12, 28]
        share = left[at - 1] / (left[at - 1] - left[at])
        expected = doses[at - 1] + share * (doses[at] - doses[at - 1])
        assert math.isclose(float(str(needed.rows[1][5])), expected, abs_tol=0.5)
    assert needed.rows[1][3] == "not reached"
