"""Races fine-tuning against TRL's bare trainer: same model, rows, batch size and threads.

python benches/peers/sft.py --corpus FOLDER --work FOLDER

Both load the same small model, which is created first and not timed, train on the same rows in the
same order, and save the result, alternating.
"""

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import torch
from harness import text_files
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import SFTConfig, SFTTrainer
from turns import race

import elastic_core as ec
from elastic_core import Recipe, train
from elastic_core.models.transformers.checkpoint import silence_transformers

Rows = list[dict[str, Any]]
Contestant = Callable[[Path, Rows, Recipe, Path], tuple[float, int]]


def main() -> None:
    """Creates the model and the rows, runs the rounds, prints the results."""
    args = arguments()
    torch.set_num_threads(args.threads)
    files = text_files(args.corpus)[: args.files]
    model = args.work / "model"
    ec.pretrain(files, model=args.model, tokens=1, out=model, dtype="float32", device="cpu")
    recipe = Recipe(
        steps=args.steps,
        batch=args.batch,
        accumulation=1,
        max_length=args.length,
        dtype="float32",
        device="cpu",
    )
    rows = windows("".join(file.read_text() for file in files), args.steps * args.batch)
    print(f"{args.model}, {args.steps} steps of {args.batch} rows, {args.rounds} rounds")

    def timed_run(contestant: Contestant) -> Callable[[], tuple[float, int]]:
        def enter() -> tuple[float, int]:
            out = args.work / contestant.__name__
            shutil.rmtree(out, ignore_errors=True)
            return contestant(model, rows, recipe, out)

        return enter

    race(timed_run(ours), timed_run(bare), args.rounds, ("elastic-core train", "bare SFTTrainer"))


def windows(text: str, count: int) -> Rows:
    """Consecutive rows of a thousand characters."""
    return [{"text": text[start : start + 1000]} for start in range(0, 1000 * count, 1000)]


def ours(model: Path, rows: Rows, recipe: Recipe, out: Path) -> tuple[float, int]:
    """Trains with `train`; returns the last loss and the tokens."""
    result = train(str(model), rows, recipe, out, seed=0)
    assert result.tokens is not None
    return result.final_loss, result.tokens


def bare(model: Path, rows: Rows, recipe: Recipe, out: Path) -> tuple[float, int]:
    """Trains with TRL's trainer as in its documentation; returns the last loss and the tokens."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    prefixed = [{"text": tokenizer.bos_token + row["text"]} for row in rows]
    datasets.disable_progress_bars()
    with silence_transformers():
        arguments = SFTConfig(
            output_dir=str(out),
            max_steps=recipe.steps or -1,
            per_device_train_batch_size=recipe.batch,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="constant",
            max_length=recipe.max_length,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            seed=0,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
            arguments,
            train_dataset=datasets.Dataset.from_list(prefixed),
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        trainer.save_model(str(out))
    last = trainer.state.log_history[-2]
    return last["loss"], int(last["num_tokens"])


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--work", type=Path, required=True, help="folder for models")
    parser.add_argument("--files", type=int, default=4, help="files of the corpus to read")
    parser.add_argument("--model", default="scratch:3M")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=8, help="rows in a step")
    parser.add_argument("--length", type=int, default=256, help="maximum tokens per row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if not text_files(args.corpus):
        sys.exit(f"{args.corpus}: no .txt file there.")
    return args


if __name__ == "__main__":
    main()
