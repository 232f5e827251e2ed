"""Recipes, rows and models that fine-tuning refuses, and rows that it leaves out."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from finetuned import QUICK, ROWS, quick, share_of_e, with_template
from transformers import AutoTokenizer, MambaConfig, MambaForCausalLM

import elastic_core as ec
from elastic_core import Recipe, Reward, train
from elastic_core.training.finetuning.recipe import ALGORITHMS
from elastic_core.training.finetuning.usable import RowCounts, RowReader, RowTokens, count_tokens

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"algorithm": "ppa"},
            "unknown algorithm 'ppa': choose sft, dpo, kto, simpo, ppo, rloo, g",
        ),
        ({"schedule": "wavy"}, "unknown schedule 'wavy'"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion': choose adamw, sgd"),
        ({"learning_rate": 0.0}, "learning_rate 0.0: must be more than 0"),
        ({"weight": float("nan")}, "weight nan: must be more than 0"),
        ({"batch": 0}, "batch 0: must be at least 1"),
        ({"max_length": 1}, "max_length 1: must be at least 2"),
        ({"beta": -1.0}, "beta -1.0: must be 0 or more"),
        ({"warm_up": 1.5}, "warm_up 1.5: write a whole number of steps"),
        ({"algorithm": "kto"}, "kto compares the rows of a batch"),
        ({"algorithm": "rloo", "generations": 1}, "generations 1: must be at least 2"),
        ({"algorithm": "grpo", "batch": 3, "accumulation": 1}, "generations 8: the 3 completions"),
    ],
)
def test_an_invalid_recipe_is_rejected(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ec.InvalidArgumentError) as error:
        Recipe(**more)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("algorithm", "rows", "more", "message"),
    [
        ("sft", [], {}, "no rows to train on; give sft at least one"),
        (
            "sft",
            [{"prompt": "a", "answer": "b"}],
            {},
            'prompt and completion, or text, or messages; row 0 is {"prompt": "a", "answer": ',
        ),
        (
            "dpo",
            [{"prompt": "a", "chosen": "b" * 200}],
            {},
            "dpo needs the columns prompt and chosen and rejected; row 0 is {",
        ),
        (
            "sft",
            [{"text": "a"}, {"text": None}],
            {},
            'row 1 has no text, which row 0 has; it is {"text": null}',
        ),
        ("sft", "To be", {}, "the rows are a str; pass a list of rows"),
        ("sft", {"text": "a"}, {}, "the rows are a dict; pass a list of rows"),
        ("sft", ["a", "b"], {}, 'row 0 is "a", not a mapping of columns; write rows such as {"te'),
        ("sft", [{"text": 5}], {}, "row 0: its text is a int; it must be text"),
        ("sft", [{"text": "a\ud800"}], {}, "row 0: its text has a lone surrogate, U+D800, at posi"),
        ("sft", [{"messages": []}], {}, "row 0: its messages is an empty conversation"),
        ("sft", [{"messages": ["a"]}], {}, 'row 0: its messages has "a" for a message; write role'),
        ("sft", [{"messages": "a"}], {}, "row 0: its messages is plain text, but must be a list"),
        (
            "grpo",
            [{"prompt": "a"}, {"prompt": [{"role": "user", "content": "a"}]}],
            {},
            "row 1: its prompt is a list of messages, but must be plain text as in row 0",
        ),
        (
            "kto",
            [{"prompt": "a", "completion": "b", "label": "yes"}],
            {},
            "row 0: its label is 'yes'; it must be True or False",
        ),
        (
            "kto",
            [row for row in ROWS["kto"] if row["label"]],
            {},
            "all 16 rows have the label True; kto needs rows with the label True and rows with",
        ),
        ("grpo", ROWS["grpo"], {}, "grpo needs a reward"),
        ("sft", ROWS["sft"], {"reward": share_of_e}, "sft learns from rows, not from a reward"),
        ("simpo", ROWS["dpo"], {"reference": "x"}, "simpo takes no reference model"),
        ("sft", ROWS["sft"], {"reference": "x"}, "sft without a beta uses no reference"),
        ("sft", ROWS["sft"], {"seed": -1}, "seed -1: must be 0 or more"),
        ("sft", ROWS["sft"], {"model": "scratch:1M"}, "scratch:1M: the model is untrained"),
        (
            "sft",
            [{"messages": [{"role": "user", "content": "a"}]}],
            {"model": "tree:3"},
            "tree:3: a tree model has no chat template",
        ),
    ],
)
def test_an_invalid_training_is_rejected(
    algorithm: str,
    rows: Any,
    more: dict[str, Any],
    message: str,
    tmp_path: Path,
) -> None:
    arguments: dict[str, Any] = {"model": "x", "seed": 0, **more}
    with pytest.raises(ec.InvalidArgumentError) as error:
        train(rows=rows, recipe=Recipe(algorithm, batch=2), out=tmp_path / "out", **arguments)
    assert message in str(error.value)
    assert len(str(error.value)) < 240
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_a_tree_model_supports_only_sft(algorithm: str, tmp_path: Path) -> None:
    with pytest.raises(ec.InvalidArgumentError, match="supports only plain sft"):
        quick(algorithm, Path("tree:4"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_reported(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("algorithms", "run"):
        name = f"elastic_core.training.finetuning.{module}"
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(ec.ModelError, match=r"trl is not installed; pip install 'elastic-core\[tr"):
        quick("dpo", checkpoint, tmp_path / "out")


def test_unsuitable_models_rewards_and_rows_are_rejected(checkpoint: Path, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"messages": [{"role": "user", "content": "a"}]}]
    with pytest.raises(ec.ModelError, match="its tokenizer has no chat template"):
        train(str(checkpoint), rows, Recipe(**QUICK), tmp_path / "chat", seed=0)
    recipe = Recipe("grpo", **QUICK)
    with pytest.raises(ec.InvalidArgumentError, match="the reward gave 1 numbers for 8 texts"):
        train(
            str(checkpoint),
            ROWS["grpo"],
            recipe,
            tmp_path / "r",
            seed=0,
            reward=Reward("one", lambda *_: [1.0]),
        )
    with pytest.raises(ec.ModelError, match=r"the folder has no config\.json"):
        quick("sft", tmp_path, tmp_path / "none")
    rows = [{"prompt": "to be " * 50, "completion": "or not"}]
    with pytest.raises(ec.InvalidArgumentError, match="no row has anything to learn within 32"):
        train(str(checkpoint), rows, Recipe(**QUICK), tmp_path / "long", seed=0)
    assert not list(tmp_path.iterdir())


def test_a_template_that_refuses_a_row_names_it(checkpoint: Path, tmp_path: Path) -> None:
    chat = with_template(
        checkpoint,
        tmp_path / "chat",
        "{% for message in messages %}{% if message.role == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}{{ message.content }}"
        "{% endfor %}",
    )
    turns = [{"role": "user", "content": "To be"}, {"role": "assistant", "content": "or not"}]
    rows = [{"messages": turns}, {"messages": [{"role": "system", "content": "Be"}, *turns]}]
    message = r"^row 1: the model's chat template refuses .* \(System role not supported\); change"
    with pytest.raises(ec.InvalidArgumentError, match=message):
        train(str(chat), rows, Recipe(**QUICK), tmp_path / "out", seed=0)
    assert not (tmp_path / "out.partial").exists()


def test_an_empty_prompt_without_bos_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "plain")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"bos_token": None}))
    rows = [*ROWS["ppo"], {"prompt": ""}]
    reward = Reward("share of e", share_of_e)
    with pytest.raises(ec.InvalidArgumentError, match="row 16 has an empty prompt, and the tok"):
        train(str(folder), rows, Recipe("ppo", **QUICK), tmp_path / "out", seed=0, reward=reward)


VANISHING = [
    *({"prompt": "word " * 80, "completion": " y"},) * 3,
    {"prompt": "b", "completion": " z"},
]


def preferences(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": " x"} for row in rows
    ]


@pytest.mark.parametrize("algorithm", ["sft", "dpo", "simpo", "kto"])
def test_rows_with_nothing_to_learn_are_counted_and_left_out(
    algorithm: str, checkpoint: Path, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = VANISHING
    if algorithm == "kto":
        rows = [{**row, "label": at in (0, 3)} for at, row in enumerate([*rows, rows[3]])]
    elif algorithm != "sft":
        rows = preferences(rows)
    recipe = Recipe(algorithm, **{**QUICK, "max_length": 16, "steps": 2})
    used = 2 if algorithm == "kto" else 1
    has = "have" if used == 2 else "has"
    message = f"{used} of {len(rows)} rows {has} anything to learn within 16 tokens"
    with pytest.warns(UserWarning, match=f"^{message}; the others are left out$"):
        result = train(str(checkpoint), rows, recipe, tmp_path / "out", seed=0)
    assert not result.diverged
    assert result.rows == RowCounts(given=len(rows), used=used, cut=0, limit=16)
    stored = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert stored["rows"] == {"given": len(rows), "used": used, "cut": 0, "limit": 16}
    alone = train(str(checkpoint), rows[3:], recipe, tmp_path / "alone", seed=0)
    assert alone.curve["loss"].tolist() == result.curve["loss"].tolist()
    match = f"^{message}; raise recipe.max_length, or shorten the prompts$"
    for out in (tmp_path / "out", tmp_path / "strict"):
        with pytest.raises(ec.InvalidArgumentError, match=match):
            train(str(checkpoint), rows, recipe, out, seed=0, require_all=True)
    with pytest.raises(ec.InvalidArgumentError, match="no row has anything to learn within 16 to"):
        train(str(checkpoint), rows[:3], recipe, tmp_path / "none", seed=0)
    assert not (tmp_path / "none").exists()


def test_tokens_to_learn_are_those_of_the_trainer(checkpoint: Path) -> None:
    reader = RowReader(AutoTokenizer.from_pretrained(checkpoint), 300)
    rows = [{"prompt": "ab", "completion": "xyz"}, {"text": "abcd"}, {"text": ""}]
    tokens = [
        count_tokens([row], Recipe(), reader, limit)[0] for row in rows for limit in (16, 4, 2)
    ]
    # One token for each letter, and eos; nothing predicts the first token of a text.
    assert tokens == [
        *(RowTokens(4, 6), RowTokens(2, 6), RowTokens(0, 6)),
        *(RowTokens(4, 5), RowTokens(3, 5), RowTokens(1, 5)),
        *(RowTokens(0, 1), RowTokens(0, 1), RowTokens(0, 1)),
    ]
    pair = {"prompt": "ab", "chosen": "xxy", "rejected": "xxz"}
    assert count_tokens([pair], Recipe("dpo"), reader, 5) == [RowTokens(3, 6)]
    assert count_tokens([pair], Recipe("dpo"), reader, 4) == [RowTokens(0, 6)]
    online = Recipe("grpo", completion_length=8)
    for limit, learned in ((10, 8), (9, 0), (None, 8)):
        assert count_tokens([{"prompt": "ab"}], online, reader, limit) == [RowTokens(learned, 10)]


def test_truncated_rows_are_counted_as_cut(checkpoint: Path, tmp_path: Path) -> None:
    rows = [{"text": "abcd" * 20}, {"text": "abcd"}]
    recipe = Recipe(**{**QUICK, "max_length": 100, "steps": 1})
    result = train(str(checkpoint), rows, recipe, tmp_path / "out", seed=0)
    assert result.rows == RowCounts(given=2, used=2, cut=1, limit=64)  # The model's positions.
    rows = [
        {"prompt": "abcd" * 20, "completion": "e"},
        rows[1] | {"prompt": "a", "completion": "b"},
    ]
    with pytest.raises(ec.InvalidArgumentError, match="no more positions, so shorten the prompts"):
        train(str(checkpoint), rows, recipe, tmp_path / "strict", seed=0, require_all=True)


def test_prompts_that_leave_no_room_for_completions_are_refused(
    checkpoint: Path, tmp_path: Path
) -> None:
    recipe = Recipe("grpo", **{**QUICK, "completion_length": 64})
    reward = Reward("share of e", share_of_e)
    with pytest.raises(ec.InvalidArgumentError, match=r"lower recipe\.completion_length, 64, or"):
        train(str(checkpoint), ROWS["grpo"], recipe, tmp_path / "out", seed=0, reward=reward)


def with_added_token(checkpoint: Path, folder: Path, **role: Any) -> Path:
    """A copy of the checkpoint whose tokenizer has an id more than the model has embeddings."""
    shutil.copytree(checkpoint, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens(role)
    tokenizer.save_pretrained(folder)
    return folder


def test_ids_beyond_the_embeddings_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    padded = with_added_token(checkpoint, tmp_path / "padded", pad_token="[PAD]")
    with pytest.raises(ec.ModelError, match=r"token \[PAD\] the id 300, but .* only 300 ids"):
        train(str(padded), ROWS["sft"], Recipe(**QUICK), tmp_path / "out", seed=0)
    masked = with_added_token(checkpoint, tmp_path / "masked", mask_token="[MASK]")
    rows = [*ROWS["sft"], {"prompt": "To [MASK]", "completion": " or"}]
    with pytest.raises(ec.InvalidArgumentError, match="row 16 has the token id 300, but the"):
        train(str(masked), rows, Recipe(**QUICK), tmp_path / "out", seed=0)
    assert not (tmp_path / "out.partial").exists()


def test_a_family_without_support_for_adapters_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "mamba")
    config = MambaConfig(vocab_size=300, hidden_size=16, state_size=4, num_hidden_layers=1)
    MambaForCausalLM(config).save_pretrained(folder)
    with pytest.raises(ec.ModelError, match=r"adapter does not fit a model of this family \("):
        quick("sft", folder, tmp_path / "out", lora_rank=2)
    assert not (tmp_path / "out.partial").exists()
