"""The mitigation study: mixed rows, planted half-doses at equal gain, end to end."""

import math
from pathlib import Path
from typing import Any

import pytest
from planted_arms import planted, verdicts
from reviews import for_transformer, write_reviews

from elastic_core import InvalidArgumentError
from elastic_core.experiments.arms.protocol import Lineage
from elastic_core.experiments.arms.texts import SideTexts
from elastic_core.experiments.cells import Metrics
from elastic_core.experiments.config import parse_config
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.rows import Interleaved
from elastic_core.experiments.run import experiment
from elastic_core.experiments.studies.mitigation import MitigationConfig, analyse, lineages

STUDY: dict[str, Any] = {"study": "mitigation", "align": [8, 24], "dose": [8, 16]}
NAMED: dict[str, Any] = {
    "study": "mitigation",
    "model": "scratch:0.3M",
    "data": {"positive": {"source": "good"}, "negative": {"source": "bad"}},
}


def config(values: dict[str, Any], **more: Any) -> MitigationConfig:
    return parse_config({**values, **more}, MitigationConfig, "test")


def test_mixing_runs_on_a_tree_model(tmp_path: Path) -> None:
    values = {**write_reviews(tmp_path), **STUDY, "recipe": {"weight": 4}, "seeds": 2}
    values["neutral"] = {"source": str(tmp_path / "corpus")}
    more = {"variants": {"mixed": {"mix": 0.5}}, "null_model": "tree:1"}
    finished = experiment(config(values, **more), tmp_path / "run", jobs=1)
    assert set(verdicts(finished.analysis)) == {"plain: returns", "mixed: lasts_longer"}
    assert [row[0] for row in finished.analysis.tables[1].rows] == ["base", "plain", "mixed"]
    rows = finished.folder.rows()
    own = [row for row in rows if "null" not in row["labels"]]
    assert len(own) == 2 * (1 + 2 * 2 + 3 * 2)  # Both variants share the placebo.
    assert len(rows) == len(own) + 2 * (1 + 2 + 2 * 2)
    (figure,) = finished.analysis.figures
    names = [series.name for series in figure.panels[0].series]
    assert names[:2] == ["plain", "mixed"]
    assert names[2].startswith("tree:1")


@pytest.mark.usefixtures("one_thread")
def test_every_variant_runs_on_a_transformer(tmp_path: Path) -> None:
    values = for_transformer(write_reviews(tmp_path))
    variants = {
        "plain": {},
        "mixed": {"mix": 0.5},
        "lora": {"recipe": {"lora_rank": 2}},
        "both": {"mix": 1, "recipe": {"beta": 0.5}},
    }
    more = {**STUDY, "align": [16], "dose": [8], "variants": variants, "measure": ["margin"]}
    finished = experiment(config(values, **more), tmp_path / "run", jobs=1)
    assert [row[0] for row in finished.analysis.tables[1].rows] == ["base", *variants]
    rows = [row for row in finished.folder.rows() if row["labels"]["stage"] == "align"]
    assert len({row["margin"] for row in rows}) == len(variants)


def test_mixed_rows_are_spread_evenly_and_nested(tmp_path: Path) -> None:
    values = config({**write_reviews(tmp_path), **STUDY})
    seed_context = RunContext(values, ModelStore(tmp_path)).seed_context(0)
    good, bad = SideTexts("positive", 0, 1), SideTexts("negative", 0, 1)

    def texts(ratio: float, count: int) -> list[str]:
        rows = Interleaved(good, bad, ratio, count).resolve(seed_context)
        return [row["text"] for row in rows]

    own = [row["text"] for row in good.first(20).resolve(seed_context)]
    mixed = [row["text"] for row in bad.first(10).resolve(seed_context)]
    found = texts(0.5, 30)
    assert [text for text in found if text in own] == own
    assert [text for text in found if text in mixed] == mixed
    assert [at for at, text in enumerate(found) if text in mixed] == list(range(2, 30, 3))
    assert texts(0.5, 12) == found[:12]
    assert texts(1.0, 6) == [own[0], mixed[0], own[1], mixed[1], own[2], mixed[2]]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"variants": {"plain": {"mix": 1}}}, "variants.plain: it is the reference"),
        ({"variants": {"x": {"mux": 1}}}, "unknown key variants.x.mux; did you mean mix?"),
        ({"variants": {"x": {"recipe": {"bata": 1}}}}, "unknown key bata; did you mean beta?"),
        ({"gain": 0}, "gain"),
        ({"align": [100]}, "align: checkpoint 100: a step takes 8 rows"),
        ({"variants": {"x": {"recipe": {"algorithm": "dpo"}}}}, "mitigation trains on whole texts"),
        (
            {"variants": {"x": {"recipe": {"lora_rank": 2}}}, "model": "tree:3"},
            "variants.x: tree models do not support lora_rank; use only mix",
        ),
    ],
)
def test_an_invalid_variant_is_rejected(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        config({**NAMED, **more})
    assert message in str(error.value)


def decaying(values: MitigationConfig, scales: dict[str, float], noise: float) -> list[Metrics]:
    """Rows of variants that gain alike and decay exponentially."""

    def gain(_: Lineage, volume: int) -> float:
        return 0.02 * volume / 384

    def left(lineage: Lineage, _: int, __: str, dose: int) -> float:
        return math.exp(-dose / scales[lineage.name])

    return planted(values, lineages(values), gain, left, noise=noise)


@pytest.mark.parametrize(
    ("scale", "noise", "verdict"),
    [
        (200, 0.0001, "holds"),
        (20, 0.0001, "does not hold"),
        (62, 0.0001, "no difference beyond ±0.5"),
        (80, 0.004, "cannot tell"),
    ],
)
def test_planted_half_doses_are_compared(scale: float, noise: float, verdict: str) -> None:
    values = config(NAMED, dose=[8, 16, 32, 64, 128, 1024], seeds=8)
    rows = decaying(values, {"plain": 60, "mixed": scale}, noise)
    found = verdicts(analyse(values, rows))
    if verdict == "cannot tell":
        assert found["mixed: lasts_longer"] in ("cannot tell", "no verdict")
    else:
        assert found == {"plain: returns": "holds", "mixed: lasts_longer": verdict}
