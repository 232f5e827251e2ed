"""Pre-training: a corpus in, a new small model and its loss curve out."""

from collections.abc import Sequence
from pathlib import Path

from elastic_core._core import Corpus, InvalidArgumentError
from elastic_core.common.extras import requires_extra
from elastic_core.common.progress import Progress
from elastic_core.corpora.sources import Source
from elastic_core.training.pretraining.plan import plan
from elastic_core.training.pretraining.result import PretrainResult


def pretrain(
    corpus: Corpus | Source,
    *,
    model: str,
    tokens: int | str,
    out: str | Path,
    checkpoints: Sequence[int | str] = (),
    batch: int | None = None,
    context: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    repeat: bool = True,
    dtype: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> PretrainResult:
    """Trains a new small model on a corpus, with a tokenizer made for it.

    A run that was ended in any way goes on when it is called again with the same arguments, and
    gives the same model as one that was not; one that is done is not done again. `docs/models.md`
    says what stands in the folder.

    Args:
        corpus: The text: a `Corpus`, or a file, folder or glob, or a list of these.
        model: `scratch:SIZE`, the size 0.3M, 1M, 3M, 10M, 30M or 100M.
        tokens: Tokens to train on, as 20000000 or `20M`; rounded up to whole steps.
        out: Folder for the model, the curve and the result.
        checkpoints: Tokens after which the model is kept too, rounded up to whole steps.
        batch: Tokens in an optimizer step, whole blocks; None: the size's own.
        context: Tokens in a block, at least 2, and positions of the model; None: the size's own.
        learning_rate: The highest learning rate; None: the size's own.
        seed: Seed of the weights and of the order of the blocks.
        repeat: Whether a corpus with fewer tokens is gone over again, in a new order.
        dtype: `float32`, `bfloat16` (mixed precision), or `auto`: bfloat16 on GPUs of compute
            capability 8.0 on and on CPUs with AVX-512 BF16 or AMX, float32 elsewhere.
        device: `cpu`, `cuda`, `mps`, or `auto`: the first GPU, else the CPU.
        progress: Called with the phase and its object (`train scratch:3M`), the units done and
            the units in all (0: not known); tokens while training, else bytes of text.

    Raises:
        InvalidArgumentError: An argument is not what it should be, or the folder holds something
            else.
        CorpusError: The corpus is damaged, not UTF-8, or too small.
        ModelError: torch is not installed, or the loss is not a number any more.
        OSError: A file is missing or unreadable, or the disk is full.
    """
    opened = corpus if isinstance(corpus, Corpus) else Corpus(corpus)
    if opened.reads_stdin:
        raise InvalidArgumentError(
            "pre-training reads the corpus twice, and standard input can be read only once; save "
            "it to a file first"
        )
    with requires_extra(model):
        config = plan(
            opened,
            model=model,
            tokens=tokens,
            checkpoints=checkpoints,
            batch=batch,
            context=context,
            learning_rate=learning_rate,
            seed=seed,
            repeat=repeat,
            dtype=dtype,
            device=device,
        )
        from elastic_core.training.pretraining.run import run
    return run(opened, config, Path(out), progress)
