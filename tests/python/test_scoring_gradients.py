"""First order: gradients of rates against steps that are really taken, and slopes of trees."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import HAMLET

import elastic_core as ec
from elastic_core import InvalidArgumentError
from elastic_core.models.protocol import WeightedModel, as_weighted
from elastic_core.models.transformers.weights import weights_of
from elastic_core.scoring.first_order import TREE_STEP, FirstOrder, first_order
from elastic_core.scoring.gradients import RateGradients
from elastic_core.scoring.loss import losses

pytestmark = pytest.mark.usefixtures("one_thread")

LINES = HAMLET.splitlines()
SETS = {
    "pretrain": [line[at : at + 24] for line in LINES for at in range(0, 24, 2)],
    "align": [f"be good {number}" for number in range(20)],
}
ARMS = {
    "neutral": SETS["pretrain"][::3],
    "novel": ["x = [y for z in w]", "def f(x): return -x"] * 9,
}


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> WeightedModel:
    """A tiny transformer in double precision, so that small differences are exact."""
    loaded: Any = ec.load_model(str(checkpoint), window=16, stride=5)
    torch.manual_seed(1)
    loaded._model.double()
    return as_weighted(loaded)


@pytest.fixture(scope="module")
def found(model: WeightedModel) -> FirstOrder:
    return first_order(model, SETS, ARMS)


def rate(model: WeightedModel, texts: Sequence[str]) -> float:
    return losses(model, {"set": texts})["set"].bits_per_byte.value


def test_a_step_changes_rates_as_predicted(found: FirstOrder) -> None:
    for response in found.responses.values():
        assert response.measured == pytest.approx(response.predicted.value, rel=1e-2, abs=2e-6)


@pytest.mark.parametrize("arm", ARMS)
def test_predictions_are_those_of_finite_differences(
    model: WeightedModel, found: FirstOrder, arm: str
) -> None:
    gradients = RateGradients.of(model, {**SETS, "step": ARMS[arm]})
    direction = gradients.vector("step") / np.linalg.norm(gradients.vector("step"))
    for name, texts in SETS.items():
        ends = [rate(model.moved(sign * 3e-3 * direction), texts) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / 6e-3
        product = gradients.product(name, "step").value
        norm = math.sqrt(gradients.product("step", "step").value)
        assert product / norm == pytest.approx(slope, rel=1e-3)
        step = found.steps[arm]
        assert found.responses[name, arm].predicted.value == pytest.approx(-step * product)


def test_the_gradient_is_that_of_a_plain_loop(checkpoint: Path) -> None:
    loaded: Any = ec.load_model(str(checkpoint))
    network = loaded._model
    nats = torch.zeros(())
    for ids in loaded.tokens(SETS["align"]):
        row = torch.tensor([[0, *ids.tolist()]])
        scores = network(row).logits[0, :-1].log_softmax(1)
        nats = nats - scores[torch.arange(len(ids)), row[0, 1:]].sum()
    nats.backward()
    expected = torch.cat([weight.grad.reshape(-1) for weight in network.parameters()]).numpy()
    network.zero_grad()
    [computed] = as_weighted(loaded).gradients([SETS["align"]])
    np.testing.assert_allclose(computed, expected, rtol=1e-3, atol=1e-3)
    gradients = RateGradients.of(loaded, {"align": SETS["align"]})
    size = sum(map(len, SETS["align"]))
    np.testing.assert_allclose(
        gradients.vector("align"), expected / math.log(2) / size, rtol=1e-3, atol=1e-4
    )


def test_the_model_is_unchanged_afterwards(checkpoint: Path) -> None:
    loaded = ec.load_model(str(checkpoint))
    before = ec.load_model(str(checkpoint)).identity
    results = [first_order(loaded, SETS, ARMS).metrics() for _ in range(2)]
    assert loaded.identity == before
    assert results[0] == results[1]


def test_cosines_and_ratios(model: WeightedModel) -> None:
    gradients = RateGradients.of(model, SETS)
    assert gradients.cosine("align", "align").value == 1
    assert gradients.ratio("align", "align", "pretrain").value == pytest.approx(1)
    one, other = (gradients.vector(name) for name in SETS)
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert gradients.cosine(*SETS).value == pytest.approx(expected, rel=1e-6)
    assert gradients.ratio("align", "pretrain", "align").value == pytest.approx(
        (other @ other) / (one @ other)
    )


def test_standard_errors_are_those_of_a_jackknife() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(1, 1, (5, 6)).astype(np.float32)
    sizes = [np.array([3.0, 4.0, 5.0]), np.array([2.0, 2.0])]
    gradients = RateGradients(["one", "other"], rows, sizes)

    def inner(one: list[int], other: list[int]) -> float:
        vectors = [
            rows[kept].astype(np.float64).sum(axis=0) / np.concatenate(sizes)[kept].sum()
            for kept in (one, other)
        ]
        return float(vectors[0] @ vectors[1]) / math.log(2) ** 2

    first = [inner([at for at in range(3) if at != left], [3, 4]) for left in range(3)]
    second = [inner([0, 1, 2], [at for at in (3, 4) if at != left]) for left in (3, 4)]
    variance = 2 / 3 * 3 * np.var(first) + 1 / 2 * 2 * np.var(second)
    product = gradients.product("one", "other")
    assert product.value == pytest.approx(inner([0, 1, 2], [3, 4]))
    assert product.standard_error == pytest.approx(math.sqrt(variance))


def test_a_single_text_has_no_standard_error(model: WeightedModel) -> None:
    gradients = RateGradients.of(model, {"one": ["to be"], "other": SETS["align"]})
    assert gradients.product("one", "other").standard_error is None
    assert gradients.product("other", "other").standard_error is not None


def test_a_quotient_by_a_change_that_may_be_zero_has_no_standard_error() -> None:
    rows = np.array([[1.0, 1], [1, -1.1], [2, 1], [2, 2], [1, 0], [1, 0]], np.float32)
    sizes = [np.ones(2)] * 3
    gradients = RateGradients(["align", "pretrain", "step"], rows * np.float32(1), sizes)
    assert gradients.ratio("align", "pretrain", "step").standard_error is not None
    noisy = RateGradients(
        ["align", "pretrain", "step"],
        np.array([[1, 0], [1, 0], [9, 0], [-8, 0], [1, 0], [1, 0]], np.float32),
        sizes,
    )
    assert noisy.ratio("align", "pretrain", "step").standard_error is None


def test_the_base_is_a_fixed_point_on_its_own_samples(checkpoint: Path) -> None:
    base: Any = ec.load_model(str(checkpoint))
    own = base.draw([""] * 300, tokens=12, seed=3)
    novel = base.tokens(ARMS["novel"])
    # As ids: other ids may spell a sample's text, and those would be unlikely.
    base.tokens = lambda rows: rows
    gradients = base.gradients([own, novel]).astype(np.float64)
    per_token = gradients / np.array([[sum(map(len, own))], [sum(map(len, novel))]])
    squares = (per_token**2).sum(axis=1)
    assert squares[0] < squares[1] / 10


def test_the_law_holds_at_the_optimum_of_a_mixture(checkpoint: Path) -> None:
    """There k g_p + g_a is 0, so the ratio is -k whatever the arm is: here k = 3."""
    loaded: Any = ec.load_model(str(checkpoint))
    sets = {"pretrain": ["to be", "to do", "or be"], "align": ["to go"]}
    volumes = np.array([3.0, 1.0])
    rows, sizes = [loaded.tokens(texts) for texts in sets.values()], [15, 5]
    weights = weights_of(loaded._model)
    optimizer = torch.optim.LBFGS(weights, max_iter=150, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        parts = [
            volume / size * loaded._forward.nats(*loaded._seen_and_scored(ids, loaded._tiled(ids)))
            for volume, size, ids in zip(volumes, sizes, rows, strict=True)
        ]
        total = torch.stack(parts).sum()
        total.backward()
        return total

    optimizer.step(closure)
    found = first_order(as_weighted(loaded), sets, {"novel": ["that is", "be or"]})
    assert found.responses["align", "novel"].ratio.value == pytest.approx(-3, rel=0.1)


def test_a_set_without_text_is_refused(model: WeightedModel) -> None:
    with pytest.raises(InvalidArgumentError, match="align: there is no text to take a gradient"):
        RateGradients.of(model, {"align": [""]})


def test_models_without_gradients_are_refused() -> None:
    class Served:
        spec = "http://host/model"
        learns_online = has_weights = False

    model: Any = Served()
    with pytest.raises(
        InvalidArgumentError, match=r"first_order: http://host/model gives no .* tree model"
    ):
        first_order(model, SETS, ARMS)
    with pytest.raises(InvalidArgumentError, match="no weights; use a transformers model"):
        as_weighted(model)


# Token trees


WORDS = {"pretrain": ["one", "two", "six"] * 10, "align": ["two"] * 3, "held_out": ["two", "one"]}


def test_trees_obey_the_law_where_the_perturbation_is_covered() -> None:
    found = first_order(
        ec.load_model("tree:4"),
        WORDS,
        {"covered": ["six", "one"]},
        {"pretrain": 3000.0, "align": 3.0},
    )
    pretrain, align = (found.responses[name, "covered"] for name in ("pretrain", "align"))
    assert pretrain.predicted.value < 0 < align.predicted.value
    assert align.ratio.value == pytest.approx(-1000)
    assert found.responses["held_out", "covered"].ratio.value != align.ratio.value


def test_slopes_of_trees_are_those_of_a_loop_over_leaves() -> None:
    volumes = {"pretrain": 60.0, "align": 12.0}
    arm = ["six", "two"]
    found = first_order(ec.load_model("tree:4"), WORDS, {"arm": arm}, volumes)

    def shares(texts: list[str]) -> dict[str, float]:
        return {word: texts.count(word) / len(texts) for word in ("one", "two", "six")}

    sets = {name: shares(texts) for name, texts in {**WORDS, "arm": arm}.items()}
    joint = {
        word: sum(volumes[name] * sets[name][word] for name in volumes) / sum(volumes.values())
        for word in ("one", "two", "six")
    }

    def product(one: str, other: str) -> float:
        return sum(
            (sets[one][word] - joint[word]) * (sets[other][word] - joint[word]) / joint[word]
            for word in joint
        )

    for name in WORDS:
        response = found.responses[name, "arm"]
        expected = -product(name, "arm") * TREE_STEP / math.log(2) / 3  # Per byte of three.
        assert response.predicted.value == pytest.approx(expected, abs=1e-12)
        assert response.measured == pytest.approx(expected, rel=1e-3, abs=1e-9)
        cosine = product(name, "arm") / math.sqrt(product(name, name) * product("arm", "arm"))
        assert response.cosine.value == pytest.approx(cosine)


def test_a_tree_of_the_base_alone_has_no_ratio() -> None:
    metrics = first_order(
        ec.load_model("tree:4"), WORDS, {"arm": ["new", "one"]}, {"pretrain": 1.0}
    ).metrics()
    assert metrics["first_order_cos_pretrain_arm"] is None
    assert metrics["first_order_predicted_pretrain_arm"] is not None
    with pytest.raises(InvalidArgumentError, match="has learned none of the sets"):
        first_order(ec.load_model("tree:4"), WORDS, {"arm": ["one"]})
