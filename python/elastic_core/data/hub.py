"""Data sets of the Hugging Face hub, through the library `datasets`."""

from typing import Any

from elastic_core._core import CorpusError, InvalidArgumentError
from elastic_core.common.extras import requires_extra

HUB = "hf:"
"""What the name of a data set on the hub begins with."""


def read_hub(source: str) -> list[dict[str, Any]]:
    """Reads `hf:OWNER/NAME[/CONFIG][:SPLIT]`; no code that comes with a data set is run.

    Raises:
        InvalidArgumentError: `datasets` is not installed.
        CorpusError: The data set cannot be had: no such one, no network, no such split.
    """
    with requires_extra(source, "train", InvalidArgumentError):
        from datasets import load_dataset
    name, _, split = source.removeprefix(HUB).partition(":")
    owner, *rest = name.split("/", 2)
    repository, config = "/".join([owner, *rest[:1]]), rest[1] if len(rest) > 1 else None
    try:
        data = load_dataset(repository, config, split=split or "train")
    except Exception as error:  # whatever file system, parser or network there is underneath
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CorpusError(f"{source}: `datasets` cannot load it: {reason}") from error
    rows: list[dict[str, Any]] = data.to_list()
    return rows
