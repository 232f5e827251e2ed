"""A run of pre-training and its folder: resumes an unfinished run, returns a finished one."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import BaseFileLock, FileLock
from transformers import PreTrainedTokenizerFast

from elastic_core._core import Corpus, CorpusError, InvalidArgumentError, remove_leftovers
from elastic_core.common.files import read_sealed_json, write_sealed_json
from elastic_core.common.folders import result_folder
from elastic_core.common.manifest import check_manifest, write_manifest
from elastic_core.common.progress import Progress, Step
from elastic_core.common.versions import versions
from elastic_core.models.scratch import new_model, train_tokenizer
from elastic_core.models.spec import scratch_size
from elastic_core.models.transformers.checkpoint import silence_transformers
from elastic_core.models.transformers.inputs import Tokenizer
from elastic_core.report.plot import can_draw
from elastic_core.training.folder import check_same_settings
from elastic_core.training.pretraining.branches import anneal, keep_state
from elastic_core.training.pretraining.loop import train
from elastic_core.training.pretraining.packing import Blocks, documents, pack
from elastic_core.training.pretraining.result import (
    Checkpoint,
    PretrainConfig,
    PretrainResult,
    draw_curve,
    read_curve,
)
from elastic_core.training.saving import saving, write_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_RESULT = "result.json"
_RUN = "run.json"
_TOKENS = "tokens.bin"
_UNFINISHED = "unfinished"

TOKENIZER_BYTES = 64 << 20
"""Bytes of text the tokenizer is trained on; more hardly changes it."""


def run(
    corpus: Corpus, config: PretrainConfig, folder: Path, progress: Progress | None
) -> PretrainResult:
    """Trains, or returns the result if the run is finished; see `pretrain`.

    Of several processes with the same folder one trains; the others wait, and return its result.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.absolute().with_name(f".{folder.name}.lock")):
        return _run_alone(corpus, config, folder, progress)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Waits for a lock and holds it; its file is removed at the end."""
    while True:
        lock = FileLock(file)
        lock.acquire()
        if _is_at(lock, file):
            break
        lock.release()  # The process before removed the file, so others wait for a new one.
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps open files.
            file.unlink()
        lock.release()


def _is_at(lock: BaseFileLock, file: Path) -> bool:
    """Whether a lock that is held is that of the file that has the name now."""
    descriptor = lock._context.lock_file_fd
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), file.stat())
    except OSError:
        return False


def _run_alone(
    corpus: Corpus, config: PretrainConfig, folder: Path, progress: Progress | None
) -> PretrainResult:
    _check_folder(folder, config)
    unfinished = folder / _UNFINISHED
    if (folder / _RESULT).exists():
        remedy = _remedy(folder)
        result = read_sealed_json(folder / _RESULT, remedy, PretrainResult.from_dict)
        check_manifest(folder, remedy)
        shutil.rmtree(unfinished, ignore_errors=True)
        remove_leftovers(folder.parent)
        return result
    with silence_transformers():
        if not (unfinished / _TOKENS).exists():
            _prepare(corpus, config, unfinished, progress)
        check_manifest(unfinished, _remedy(unfinished))
        result = _train(config, folder, unfinished, progress)
    shutil.rmtree(unfinished, ignore_errors=True)
    return result


def _remedy(folder: Path) -> str:
    return f"delete {folder} and run the command again"


def _check_folder(folder: Path, config: PretrainConfig) -> None:
    """Refuses a folder that belongs to something else."""
    if folder.exists() and not folder.is_dir():
        raise InvalidArgumentError(f"{folder}: it is a file; name a folder for the model")
    requested = _settings(config)
    for file in (folder / _RESULT, folder / _UNFINISHED / _RUN):
        if file.exists():
            stored = read_sealed_json(
                file,
                _remedy(file.parent),
                lambda values: _settings(PretrainConfig.from_dict(values["config"])),
            )
            check_same_settings(folder, "run", stored, requested)
            return
    remove_leftovers(folder)
    if folder.exists() and any(file.name != _UNFINISHED for file in folder.iterdir()):
        raise InvalidArgumentError(
            f"{folder}: it holds something other than a run of pre-training; choose another folder"
        )


def _settings(config: PretrainConfig) -> dict[str, Any]:
    """A configuration as JSON returns it."""
    settings: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return settings


def _prepare(
    corpus: Corpus, config: PretrainConfig, unfinished: Path, progress: Progress | None
) -> None:
    """Trains the tokenizer and packs the corpus; leaves nothing behind if that fails."""

    def on_bytes(phase: str) -> Callable[[int], object]:
        return lambda done: progress and progress(Step(phase, corpus.name, done, 0, "bytes"))

    size = scratch_size(config.model)
    with result_folder(unfinished) as partial:
        texts = _beginning(corpus, TOKENIZER_BYTES, on_bytes("read"))
        tokenizer = train_tokenizer(texts, size.vocabulary)
        tokenizer.save_pretrained(partial)
        encoder = Tokenizer(tokenizer.backend_tokenizer, size.vocabulary)
        pack(corpus, encoder, tokenizer.eos_token_id, partial / _TOKENS, on_bytes("tokenize"))
        tokens = (partial / _TOKENS).stat().st_size // 2
        needed = config.context if config.repeat else config.tokens
        if tokens < needed:
            raise CorpusError(
                f"{corpus.name}: it has only {tokens} tokens, and {needed} are needed; add text"
                + (", or choose a smaller context" if config.repeat else ", or allow it to repeat")
            )
        write_sealed_json(partial / _RUN, {"config": asdict(config)})
        write_manifest(partial)


def _beginning(corpus: Corpus, size: int, on_bytes: Callable[[int], object]) -> Iterator[str]:
    """The first documents of a corpus, about `size` bytes."""
    done = 0
    for batch in documents(corpus):
        for text in batch:
            yield text
            done += len(text.encode())
        on_bytes(done)
        if done >= size:
            return


def _train(
    config: PretrainConfig, folder: Path, unfinished: Path, progress: Progress | None
) -> PretrainResult:
    model = new_model(scratch_size(config.model), config.context, config.seed)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(unfinished)
    count = config.tokens // config.context
    blocks = Blocks(unfinished / _TOKENS, config.context, count, config.seed)

    def checkpoint(tokens: int) -> Path:
        return folder / "checkpoints" / f"tokens-{tokens}"

    def write(trained: "PreTrainedModel", partial: Path) -> None:
        trained.save_pretrained(partial)
        tokenizer.save_pretrained(partial)

    def save(tokens: int) -> None:
        write_checkpoint(checkpoint(tokens), lambda partial: write(model, partial))

    def keep(step: int, state: Path) -> None:
        keep_state(config, step, state, unfinished)

    def on_step(step: int, _: int) -> None:
        if progress:
            tokens = step * config.batch
            progress(Step("train", config.model, tokens, config.tokens, "tokens"))

    speed = train(
        model,
        blocks,
        config,
        folder,
        states=unfinished,
        on_step=on_step,
        save=save,
        keep=keep if config.branches else None,
    )
    for tokens in config.branches:
        if tokens != config.tokens:
            anneal(
                config,
                tokens,
                checkpoint(tokens),
                unfinished,
                packed=unfinished / _TOKENS,
                save=write,
                progress=progress,
            )
    rows = read_curve(folder)
    result = PretrainResult(
        config=config,
        path=str(folder),
        parameters=model.num_parameters(),
        vocabulary=model.config.vocab_size,
        corpus_tokens=blocks.tokens,
        epochs=config.tokens / blocks.tokens,
        steps=config.tokens // config.batch,
        loss=rows[-1].loss,
        tokens_per_second=speed,
        checkpoints=tuple(
            Checkpoint(tokens, str(checkpoint(tokens)), tokens in config.branches)
            for tokens in sorted((*config.checkpoints, *config.branches))
        ),
        versions=versions("torch", "transformers"),
    )
    with result_folder(folder) as partial:
        with saving(folder):
            write(model, partial)
        write_manifest(partial)
        if can_draw():
            draw_curve(rows, partial / "loss.png", config.model)
        write_sealed_json(partial / _RESULT, result.to_dict())
    return result
