"""Claims: their registration in a configuration, their hash, and what a report says of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from planted_arms import NAMED

from elastic_core import InvalidArgumentError
from elastic_core.experiments.claims import (
    Claim,
    ClaimsConfig,
    Evidence,
    claims_sha256,
    judge_claims,
)
from elastic_core.experiments.config import apply_overrides, parse_config
from elastic_core.experiments.folder import RunFolder
from elastic_core.report.document import Document, Findings
from elastic_core.report.html import page_text
from elastic_core.report.markdown import markdown_text
from elastic_core.statistics.effects import holm, student_interval

REGISTERED = {
    "returns": Claim(sign="positive", smallest=0.002),
    "faster_return": Claim(sign="negative", smallest=0.05),
    "same_rate": Claim(test="equivalence", smallest=0.1, primary=False),
}


class FlowConfig(ClaimsConfig):
    """A study with three claims."""

    registered: ClassVar = REGISTERED
    study: str = "flow"


def parsed(*overrides: str) -> FlowConfig:
    return parse_config(apply_overrides(NAMED, overrides), FlowConfig, "my.yaml")


def rejection(*overrides: str) -> str:
    with pytest.raises(InvalidArgumentError) as error:
        parsed(*overrides)
    return str(error.value)


# Registration


def test_a_study_has_its_claims_without_being_asked() -> None:
    assert parsed().claims == REGISTERED
    assert FlowConfig(**NAMED).claims == REGISTERED


def test_a_configuration_changes_some_keys_of_some_claims() -> None:
    claims = parsed("claims.faster_return.smallest=0.1", "claims.returns={primary: false}").claims
    assert claims["faster_return"] == Claim(sign="negative", smallest=0.1)
    assert claims["returns"] == Claim(sign="positive", smallest=0.002, primary=False)
    assert claims["same_rate"] == REGISTERED["same_rate"]
    changed = parsed("claims.returns.test=equivalence", "claims.returns.sign=null")
    assert changed.claims["returns"].sign is None


def test_a_stored_configuration_is_read_back() -> None:
    config = parsed("claims.returns.smallest=1e-3")
    assert parse_config(config.model_dump(mode="json"), FlowConfig, "x") == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "claims.slower.smallest=1",
            "unknown claim slower; choose one of returns, faster_return, same_rate",
        ),
        (
            "claims.returns.smalest=1",
            "my.yaml: unknown key claims.returns.smalest; did you mean smallest?",
        ),
        (
            "claims.returns.smallest=null",
            "smallest None: a claim needs a smallest effect of interest; provide a number above 0",
        ),
        ("claims.returns.smallest=0", "smallest 0: input should be greater than 0"),
        ("claims.returns.smallest=-1", "smallest -1: input should be greater than 0"),
        ("claims.returns.smallest=.nan", "claims.returns.smallest nan: input should be"),
        ("claims.returns.smallest=.inf", "claims.returns.smallest inf: input should be"),
        ("claims.returns.smallest=true", "claims.returns.smallest True: true is not a number"),
        ("claims.returns.sign=up", "claims.returns.sign 'up': input should be 'positive' or"),
        ("claims.returns.sign=null", "test student needs a sign; choose positive or negative"),
        ("claims.returns.test=equivalence", "a claim of no effect; set its sign to null"),
        ("claims.returns.primary=some", "claims.returns.primary 'some': input should be"),
        ("claims.returns=5", "claims.returns 5: input should be"),
        ("claims=5", "my.yaml: claims 5: input should be a valid dictionary"),
    ],
)
def test_an_invalid_claim_is_refused_in_one_sentence(override: str, message: str) -> None:
    error = rejection(override)
    assert message in error
    assert "\n" not in error


def test_a_claim_without_a_smallest_effect_is_refused() -> None:
    with pytest.raises(ValueError, match="smallest"):
        Claim(sign="positive")  # type: ignore[call-arg]


def test_the_hash_depends_on_every_key_but_not_on_the_order() -> None:
    sha256 = claims_sha256(REGISTERED)
    assert sha256 == "49ff19eb226b9eb22073c2da2bc68e433e2662a624c6510aa2ed2542dbac5df2"
    assert claims_sha256(dict(reversed(REGISTERED.items()))) == sha256
    assert claims_sha256(parsed("claims.returns.smallest=2e-3").claims) == sha256
    changes = (
        ["claims.returns.smallest=0.003"],
        ["claims.returns.sign=negative"],
        ["claims.same_rate.primary=true"],
        ["claims.returns={test: equivalence, sign: null}"],
    )
    others = {claims_sha256(parsed(*change).claims) for change in changes}
    assert len(others | {sha256}) == 5


def test_the_claims_of_a_run_do_not_change(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(parsed(), "cafe")
    folder.check(parsed("seeds=9"), "cafe")
    with pytest.raises(InvalidArgumentError, match=r"claims.*0\.002.*0\.003"):
        folder.check(parsed("claims.returns.smallest=0.003"), "cafe")


# Verdicts


def around(mean: float, spread: float) -> np.ndarray:
    return mean + spread * np.array([-1.0, -1, 0, 1, 1])


def evidence(**values: Any) -> dict[str, Evidence]:
    """Evidence in which the alignment returns and the rates are the same."""
    draws = around(0.01, 0.002)[:, None] + 0.001 * np.array([[-1, 1]])
    return {
        "returns": Evidence(
            "Alignment returns.", "Margin lost", values.get("returns", draws), "nats/token"
        ),
        "faster_return": Evidence(
            "More alignment, faster return.",
            "Slope of log2 half-dose",
            values.get("faster_return", around(-0.05, 0.1)),
            unmet=values.get("unmet", ""),
        ),
        "same_rate": Evidence(
            "Both arms have the same rate.",
            "Difference of log2 half-doses",
            values.get("same_rate", around(0.0, 0.05)),
        ),
    }


def test_claims_become_findings_and_a_table() -> None:
    judged = judge_claims(REGISTERED, evidence())
    returns, faster, same = judged.findings
    assert returns.claim == "Alignment returns."
    assert returns.verdict == "holds"
    assert returns.words == "Margin lost: 0.0100 (95% CI 0.0075 to 0.0125) nats/token."
    assert returns.details == (
        "5 seeds; t-test: p < 0.001 (by Holm's correction p < 0.001). Mixed model of the draws: "
        "0.0100 (95% CI 0.0075 to 0.0125) nats/token."
    )
    assert faster.verdict == "cannot tell"
    assert faster.words == "Slope of log2 half-dose: -0.050 (95% CI -0.174 to 0.074)."
    assert faster.details == (
        "5 seeds; t-test: p = 0.326 (by Holm's correction p = 0.326). This run would have seen an "
        "effect of 0.168 with a power of 80%; the smallest of interest is 0.05."
    )
    assert same.verdict == "holds"
    assert same.words == "Difference of log2 half-doses: 0.00 (95% CI -0.06 to 0.06)."
    assert same.details == "5 seeds; equivalence test: p = 0.006 (not corrected)."
    [name, verdict, estimate, smallest, detectable, unit] = judged.table.rows[0]
    assert (name, verdict, smallest, unit) == ("returns", "holds", "0.002", "nats/token")
    assert estimate == student_interval(around(0.01, 0.002))
    assert detectable == pytest.approx(1.682 * 0.002, rel=1e-3)
    assert judged.table.digits == 4
    assert judged.sha256 == claims_sha256(REGISTERED)
    assert judged.sha256 in judged.table.note


def test_holms_correction_covers_the_primary_claims() -> None:
    judged = judge_claims(REGISTERED, evidence(faster_return=around(-0.13, 0.1)))
    one, two, three = judged.verdicts.values()
    assert [one.p_adjusted, two.p_adjusted] == pytest.approx(holm([one.p or 0, two.p or 0]))
    assert three.p_adjusted is None
    assert "2 primary claims: returns, faster_return." in judged.table.note
    # Alone the slope would be significant, as it is where the other claim is not primary.
    assert two.p == pytest.approx(0.044, abs=1e-3)
    assert two.kind == "holds"
    claims = {**REGISTERED, "same_rate": Claim(test="equivalence", smallest=0.1)}
    weak = evidence(returns=around(0.0, 1.0), faster_return=around(-0.13, 0.1))
    assert judge_claims(claims, weak).verdicts["faster_return"].kind == "cannot tell"


def test_words_say_what_a_verdict_leaves_open() -> None:
    judged = judge_claims(
        REGISTERED,
        evidence(
            returns=around(0.001, 0.0003),
            faster_return=around(-0.2, 0.14),
            same_rate=around(0.5, 0.05),
        ),
    )
    returns, faster, same = judged.findings
    assert returns.verdict == "no difference beyond ±0.002"
    assert returns.words.endswith(
        " The effect differs from zero, but is too small to be of interest."
    )
    assert returns.details.endswith(" Equivalence test of ±0.002 nats/token: p < 0.001.")
    assert faster.verdict == "holds"
    assert faster.words.endswith("It may be smaller than 0.05, the smallest effect of interest.")
    assert same.verdict == "does not hold"
    assert same.details == "5 seeds; test of an effect beyond ±0.1: p < 0.001 (not corrected)."
    none = judge_claims(REGISTERED, evidence(returns=around(0.0001, 0.0003))).findings[0]
    assert " Equivalence test of ±0.002 nats/token: p < 0.001." in none.details


def test_a_sentence_replaces_the_estimate_which_moves_to_the_details() -> None:
    own = replace(evidence()["same_rate"], sentence="Both took 30 rows.")
    finding = judge_claims(REGISTERED, {**evidence(), "same_rate": own}).findings[2]
    assert finding.words == "Both took 30 rows."
    assert finding.details.startswith("Difference of log2 half-doses: 0.00 (95% CI -0.06 to 0.06),")


def test_words_say_why_there_is_no_verdict() -> None:
    unmet = "The alignment did not move the model."
    missing = [0.1, np.nan, 0.3, 0.2]
    judged = judge_claims(
        REGISTERED, evidence(returns=[np.nan] * 4, unmet=unmet, same_rate=missing)
    )
    returns, faster, same = judged.findings
    assert (returns.verdict, returns.words) == ("no verdict", "No seed has an estimate.")
    assert faster.verdict == "no verdict"
    assert faster.words == f"{unmet} Slope of log2 half-dose: -0.050 (95% CI -0.174 to 0.074)."
    assert faster.details == "5 seeds."
    assert "3 of 4 seeds" in same.details
    assert returns.details == ""
    assert [row[4] for row in judged.table.rows[:2]] == [None, None]


def test_claims_and_evidence_match() -> None:
    some = evidence()
    del some["returns"]
    with pytest.raises(ValueError, match="returns"):
        judge_claims(REGISTERED, some)
    with pytest.raises(ValueError, match="same_rate"):
        judge_claims({"returns": REGISTERED["returns"]}, evidence())


def test_every_renderer_shows_verdicts_and_claims() -> None:
    judged = judge_claims(REGISTERED, evidence(returns=around(0.0001, 0.0003)))
    document = Document((Findings(judged.findings), judged.table))
    markdown = markdown_text(document)
    assert "| Alignment returns. | no difference beyond ±0.002 |" in markdown
    assert "| faster\\_return | cannot tell | -0.0500 (-0.1742 to 0.0742) | 0.05 |" in markdown
    page = page_text(document)
    assert '<span class="badge no-difference">no difference beyond ±0.002</span>' in page
    assert '<span class="badge no-difference">no difference</span> 1' in page
    assert '<span class="badge cannot-tell">cannot tell</span> 1' in page
