"""Races pre-training against a bare loop: same model, blocks, batch size and threads.

python benches/peers/training.py --corpus FOLDER --work FOLDER

The bare loop does the minimum: forward, backward, gradient clipping, step. Both train on the same
blocks in the same order, alternating. Creating the tokenizer and the blocks is not timed; the
preparations of transformers' Trainer before its first step are.
"""

import argparse
import shutil
import sys
from pathlib import Path

import torch
from harness import text_files
from turns import race

import elastic_core as ec
from elastic_core.models.scratch import new_model, train_tokenizer
from elastic_core.models.spec import scratch_size
from elastic_core.models.transformers.inputs import Tokenizer
from elastic_core.training.pretraining.loop import train
from elastic_core.training.pretraining.packing import Blocks, documents, pack
from elastic_core.training.pretraining.result import PretrainConfig, read_curve


def main() -> None:
    """Packs the corpus, runs the rounds, prints the results."""
    args = arguments()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    corpus = ec.Corpus(text_files(args.corpus)[: args.files])
    size = scratch_size(args.model)
    config = PretrainConfig(
        corpus=corpus.name,
        corpus_bytes=corpus.size,
        model=args.model,
        tokens=args.steps * size.batch,
        checkpoints=(),
        batch=size.batch,
        context=size.context,
        learning_rate=size.learning_rate,
        seed=0,
        repeat=True,
        dtype="float32",
        device="cpu",
    )
    file = args.work / "tokens.bin"
    tokenizer = train_tokenizer(
        (text for batch in documents(corpus) for text in batch), size.vocabulary
    )
    pack(corpus, Tokenizer(tokenizer.backend_tokenizer, size.vocabulary), 0, file, lambda _: None)
    blocks = Blocks(file, config.context, config.tokens // config.context, seed=0)
    print(f"{args.model}, {args.steps} steps of {config.batch} tokens, {args.rounds} rounds")

    def pretrain(config: PretrainConfig, blocks: Blocks) -> float:
        states = args.work / "states"
        shutil.rmtree(states, ignore_errors=True)
        model = new_model(size, config.context, seed=0)
        train(
            model,
            blocks,
            config,
            args.work,
            states=states,
            save=lambda _: None,
            on_step=lambda _, __: None,
        )
        return read_curve(args.work)[-1].loss

    race(
        lambda: (pretrain(config, blocks), config.tokens),
        lambda: (bare(config, blocks), config.tokens),
        args.rounds,
        ("elastic-core pretrain", "bare loop"),
    )


def bare(config: PretrainConfig, blocks: Blocks) -> float:
    """Trains with a minimal loop; returns the last loss."""
    model = new_model(scratch_size(config.model), config.context, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), config.learning_rate, fused=True)
    rows = config.batch // config.context
    for step in range(config.tokens // config.batch):
        batch = [blocks[number] for number in range(step * rows, (step + 1) * rows)]
        ids = torch.stack([block["input_ids"] for block in batch])
        loss = model(ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return float(loss.item())


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--work", type=Path, required=True, help="folder for tokens and states")
    parser.add_argument("--files", type=int, default=4, help="files of the corpus to read")
    parser.add_argument("--model", default="scratch:3M")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if not text_files(args.corpus):
        sys.exit(f"{args.corpus}: no .txt file there.")
    return args


if __name__ == "__main__":
    main()
