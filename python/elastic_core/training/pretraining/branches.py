"""Branches of a pre-training: models that are annealed from states of its stable phase.

A branch needs one state of the run, taken where its decay phase begins. States are put aside while
the run is trained, and branches are trained after it, each as the run of its own length that
resumes from this state.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from elastic_core.common.manifest import is_intact
from elastic_core.common.progress import Progress, Step
from elastic_core.common.units import format_count
from elastic_core.models.scratch import new_model
from elastic_core.models.spec import scratch_size
from elastic_core.training.pretraining.loop import train
from elastic_core.training.pretraining.packing import Blocks
from elastic_core.training.pretraining.result import METRICS, PretrainConfig
from elastic_core.training.saving import write_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def keep_state(config: PretrainConfig, step: int, state: Path, unfinished: Path) -> None:
    """Puts a state of the run aside for the branches that begin there.

    Args:
        config: The configuration of the run.
        step: Steps that were done.
        state: The folder of the state.
        unfinished: The folder of the unfinished run.

    Raises:
        OSError: A file cannot be written.
    """
    for tokens in config.branches:
        place = _states(unfinished, tokens) / state.name
        begins_here = tokens != config.tokens and config.plan.stable_steps(tokens) == step
        if begins_here and not place.exists():
            partial = place.with_name(f".{place.name}")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(state, partial)
            partial.rename(place)


def anneal(
    config: PretrainConfig,
    tokens: int,
    place: Path,
    unfinished: Path,
    *,
    packed: Path,
    save: Callable[["PreTrainedModel", Path], None],
    progress: Progress | None,
) -> None:
    """Trains a branch, or resumes it; a finished one is not repeated.

    Args:
        config: The configuration of the run.
        tokens: The volume of the branch.
        place: Folder of the branch's model; the loss curve of its decay phase is put beside it.
        unfinished: The folder of the unfinished run.
        packed: The file of the training data.
        save: Writes a model to a folder.
        progress: Receives the tokens done.

    Raises:
        ModelError: The loss became NaN or infinite, or a library could not write a file.
        OSError: A file cannot be read or written.
    """
    states = _states(unfinished, tokens)
    if not is_intact(place):
        states.mkdir(parents=True, exist_ok=True)
        branch = replace(config, tokens=tokens, checkpoints=(), branches=())
        model = new_model(scratch_size(config.model), config.context, config.seed)
        blocks = Blocks(packed, config.context, tokens // config.context, config.seed)
        subject = f"{config.model} at {format_count(tokens)}"

        def on_step(step: int, _: int) -> None:
            if progress:
                progress(Step("anneal", subject, step * config.batch, tokens, "tokens"))

        def save_branch(partial: Path) -> None:
            save(model, partial)
            shutil.copy(states / METRICS, partial)

        train(model, blocks, branch, states, states=states, on_step=on_step)
        write_checkpoint(place, save_branch)
    shutil.rmtree(states, ignore_errors=True)


def _states(unfinished: Path, tokens: int) -> Path:
    """The folder of the states of a branch."""
    return unfinished / "branches" / f"tokens-{tokens}"
