"""Errors of writing models and states, which libraries report in ways of their own."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from elastic_core._core import ModelError
from elastic_core.common.files import naming
from elastic_core.common.manifest import write_manifest

if TYPE_CHECKING:
    from transformers import Trainer


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turns errors while a model or a state is written into one that names its folder.

    torch and safetensors report a full disk as an error of the program, such as "unexpected pos".

    Args:
        folder: The folder.

    Raises:
        ModelError: A library could not write a file.
        OSError: The disk is full, or a file cannot be written.
    """
    try:
        with naming(folder, folder):
            yield
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{folder}: a file cannot be written ({reason}); free some space there, and run the "
            "command again to resume"
        ) from error


def write_checkpoint(folder: Path, save: Callable[[Path], None]) -> None:
    """Writes a copy of a model, which appears when it is complete and replaces an older one.

    Args:
        folder: The folder of the copy.
        save: Writes the model to a folder.

    Raises:
        ModelError: A library could not write a file.
        OSError: The disk is full, or a file cannot be written.
    """
    partial = folder.with_name(f".{folder.name}")
    shutil.rmtree(partial, ignore_errors=True)
    with saving(folder):
        save(partial)
    write_manifest(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def name_errors_of_states(trainer: "Trainer", folder: Path) -> None:
    """Makes a trainer name the folder of its states if one cannot be written; see `saving`."""
    save = trainer._save_checkpoint

    def save_state(*arguments: Any, **more: Any) -> None:
        with saving(folder):
            save(*arguments, **more)

    trainer._save_checkpoint = save_state  # type: ignore[method-assign]
