"""Lossless coding: a text becomes an `.ec` file of its code length, and the file the text."""

import json
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elastic_core import _core
from elastic_core._core import CodedFileError, InvalidArgumentError, ModelError
from elastic_core.common.progress import Progress
from elastic_core.compression.streams import StreamCoder
from elastic_core.models import LanguageModel, load_model

_BUILT_IN = re.compile(r"(tree|static):.*")
_STREAM = "-"
_NAMES_OF_WEIGHTS = ("revision", "adapter")


@dataclass(frozen=True)
class CodingResult:
    """What became of a text.

    Attributes:
        raw_bytes: Bytes of the text.
        coded_bytes: Bytes of the file.
        description_bytes: Those of them that describe the model. All else that is not code is
            checks and lengths: some 40 bytes, and 20 more for each block.
        predicted_bits: The code length by the model's own probabilities, in bits; with
            `static:D` Huffman's code and its codebooks.
        model: The model's spec.
        settings: Everything that the code depends on besides the weights.
    """

    raw_bytes: int
    coded_bytes: int
    description_bytes: int
    predicted_bits: float
    model: str
    settings: dict[str, Any]

    @property
    def bits_per_byte(self) -> float | None:
        """Coded bits / raw bytes; None for an empty text."""
        return 8 * self.coded_bytes / self.raw_bytes if self.raw_bytes else None

    @property
    def ratio(self) -> float | None:
        """Coded bytes / raw bytes; None for an empty text."""
        return self.coded_bytes / self.raw_bytes if self.raw_bytes else None


def compress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: str | LanguageModel = "tree:8",
    lanes: int = 16,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> CodingResult:
    """Codes a file losslessly with a model, at the length that the model predicts.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: `tree:D`, the file of a saved tree model, `static:D`, or what else `load_model`
            knows; or a transformers model that was loaded.
        lanes: With a transformers model: pieces of a block that go through the model abreast.
        overwrite: Whether a target that is there is replaced.
        threads: Blocks that are coded at once with `static:D`; None: one for each core. The other
            models learn or run from start to end, and their own libraries choose their threads.
        progress: Called with the phase, the bytes of text done and those in all (0: not known).
        **options: Those of `load_model`.

    Returns:
        The sizes, the prediction and the settings.

    Raises:
        InvalidArgumentError: An argument is not what it should be, or the target is there.
        ModelError: The model cannot be loaded, or gives no probabilities.
        OSError: A file cannot be read or written.
    """
    _check_target(target, overwrite=overwrite)
    options = {name: value for name, value in options.items() if value not in (None, "auto")}
    if isinstance(model, str) and (_BUILT_IN.fullmatch(model) or Path(model).is_file()):
        if options:
            raise InvalidArgumentError(
                f"{model}: it has no {next(iter(options))}; leave that out, or name a transformers "
                "model"
            )
        sizes = _core.compress(source, target, model, threads=threads, progress=progress)
        return CodingResult(*sizes, model, {})
    for name in ("stride", "batch"):
        if name in options:
            raise InvalidArgumentError(
                f"{name}: coding goes token by token through windows that do not overlap; leave it "
                "out"
            )
    loaded = load_model(model, **options) if isinstance(model, str) else model
    coder = StreamCoder(loaded, lanes)
    description = describe(loaded, lanes, options)
    sizes = _core.compress(
        source,
        target,
        json.dumps(description, separators=(",", ":")),
        coder=coder,
        progress=progress,
    )
    return CodingResult(*sizes, loaded.spec, description["settings"])


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: str | LanguageModel | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Gives the text of a file back that `compress` wrote.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: The saved tree model, or where the transformers model is now; None: as the file
            says, which is enough for all but saved tree models.
        overwrite: Whether a target that is there is replaced.
        threads: Blocks that are decoded at once with `static:D`; None: one for each core.
        progress: Called with the phase, the bytes of text done, and 0.

    Raises:
        InvalidArgumentError: An argument is not what it should be, or the target is there.
        CodedFileError: The file is damaged, foreign or was coded with another model.
        ModelError: The model cannot be loaded.
        OSError: A file cannot be read or written.
    """
    _check_target(target, overwrite=overwrite)
    made: list[dict[str, Any]] = []

    def open_model(text: str) -> StreamCoder:
        try:
            description = json.loads(text)
            made.append(description["made"])
            spec, options = description["model"], description["options"]
            lanes = int(description["lanes"])
        except (KeyError, TypeError, ValueError) as error:
            raise CodedFileError("its description is none of this version") from error
        loaded = _load_again(spec, options) if model is None else model
        if isinstance(loaded, str):
            loaded = load_model(loaded, **options)
        _check_model(describe(loaded, lanes, options), description)
        return StreamCoder(loaded, lanes)

    built_in = model if isinstance(model, str) else None
    try:
        _core.decompress(
            source, target, model=built_in, open=open_model, threads=threads, progress=progress
        )
    except CodedFileError as error:
        here = _surroundings()
        if made and made[0] != here:
            raise CodedFileError(
                f"{error} (made with {_told(made[0])}; here is {_told(here)})"
            ) from error
        raise


def describe(model: LanguageModel, lanes: int, options: dict[str, Any]) -> dict[str, Any]:
    """What a file says of a transformers model: how to load it, and how to know it again."""
    settings = {
        name: value
        for name, value in model.settings.items()
        if value is not None and name != "stride"
    }
    return {
        "model": model.spec,
        "options": options,
        "settings": settings,
        "identity": {name: digest[:16] for name, digest in model.identity.items()},
        "lanes": lanes,
        "made": _surroundings(),
    }


def _load_again(spec: str, options: dict[str, Any]) -> LanguageModel:
    """Loads the model that a file names."""
    try:
        return load_model(spec, **options)
    except (ModelError, InvalidArgumentError) as error:
        raise ModelError(f"{error}; if the model is elsewhere now, name it with --model") from error


def _check_model(found: dict[str, Any], description: dict[str, Any]) -> None:
    """Refuses a model that gives other probabilities than the one that a text was coded with."""
    for part in ("identity", "settings"):
        for name in sorted(found[part].keys() | description[part].keys()):
            here, there = found[part].get(name), description[part].get(name)
            if here != there and name not in _NAMES_OF_WEIGHTS:
                raise CodedFileError(
                    f"it was coded with {name} {there}, and {found['model']} has {here}; name the "
                    "model that it was coded with, where and as it was"
                )


def _surroundings() -> dict[str, Any]:
    """What floating point may depend on besides the model: library, threads, processor."""
    found: dict[str, Any] = {"machine": platform.machine(), "numpy": np.__version__}
    if torch := sys.modules.get("torch"):
        found["torch"] = torch.__version__
        found["threads"] = torch.get_num_threads()
        found["processor"] = torch.backends.cpu.get_cpu_capability()
    return found


def _told(surroundings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in surroundings.items())


def _check_target(target: str | os.PathLike[str], *, overwrite: bool) -> None:
    if not overwrite and os.fspath(target) != _STREAM and Path(target).exists():
        raise InvalidArgumentError(
            f"{os.fspath(target)} is there already: name another file, or overwrite it with --force"
        )
