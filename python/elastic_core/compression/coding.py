"""Lossless compression: a text becomes an `.ec` file as long as its code length, and back."""

import json
import os
import platform
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from elastic_core import _core
from elastic_core._core import CodedFileError, InvalidArgumentError, ModelError
from elastic_core.common.files import require_new
from elastic_core.common.progress import Progress
from elastic_core.compression.streams import StreamCoder
from elastic_core.models import LanguageModel, ModelSpec, load_model

_STATIC = "static:"
_WEIGHT_SOURCES = ("revision", "adapter")
_NOT_CODED = ("stride", "eos_for_bos")  # The code does not depend on them.


@dataclass(frozen=True)
class CodingResult:
    """The sizes of a text and of the file that it was compressed to.

    Attributes:
        raw_bytes: Bytes of the text.
        coded_bytes: Bytes of the file.
        description_bytes: Bytes of the file that describe the model. Apart from these and the code
            there are checksums and lengths: some 40 bytes, and 20 per block.
        predicted_bits: The code length by the model's own probabilities, in bits; with `static:D`
            that of the Huffman code and its codebooks.
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
    """Compresses a file losslessly, to the length that a model predicts.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: A spec as for `load_model`; `static:D`, a code over segments of D bytes that is
            built from the text itself; or a loaded transformers model.
        lanes: With a transformers model, the number of parallel streams that a block is split into.
        overwrite: Whether to replace an existing target.
        threads: Blocks to code in parallel with `static:D`; None: one per core. Other models run
            from start to end, and their own libraries choose their threads.
        progress: Receives the bytes of text done and in all (0: unknown).
        **options: Those of `load_model`.

    Returns:
        The sizes, the prediction and the settings.

    Raises:
        InvalidArgumentError: An argument is invalid, or the target exists.
        ModelError: The model cannot be loaded, or gives no usable probabilities.
        OSError: A file cannot be read or written.
    """
    require_new(target, overwrite=overwrite)
    options = {name: value for name, value in options.items() if value not in (None, "auto")}
    if isinstance(model, str) and _is_coded_by_core(model):
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
                f"{name}: coding reads token by token through windows that do not overlap; leave "
                "it out"
            )
    loaded = load_model(model, **options) if isinstance(model, str) else model
    coder = StreamCoder(loaded, lanes)
    header = _describe(loaded, lanes, options)
    sizes = _core.compress(
        source,
        target,
        json.dumps(header, separators=(",", ":")),
        coder=coder,
        progress=progress,
    )
    return CodingResult(*sizes, loaded.spec, header["settings"])


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: str | LanguageModel | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Restores the text of a file that `compress` wrote.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: The file of the saved tree model, or the current place of the transformers model;
            None: as the file says, which suffices for all but saved tree models.
        overwrite: Whether to replace an existing target.
        threads: Blocks to decode in parallel with `static:D`; None: one per core.
        progress: Receives the bytes of text done.

    Raises:
        InvalidArgumentError: An argument is invalid, or the target exists.
        CodedFileError: The file is damaged, has another format or was coded with another model.
        ModelError: The model cannot be loaded.
        OSError: A file cannot be read or written.
    """
    require_new(target, overwrite=overwrite)
    encoders: list[dict[str, Any]] = []

    def open_model(text: str) -> StreamCoder:
        try:
            header = json.loads(text)
            encoders.append(header["made"])
            spec, options = header["model"], header["options"]
            streams = int(header["lanes"])
        except (KeyError, TypeError, ValueError) as error:
            raise CodedFileError("the header was written by another version") from error
        loaded = _load_again(spec, options) if model is None else model
        if isinstance(loaded, str):
            loaded = load_model(loaded, **options)
        _check_model(_describe(loaded, streams, options), header)
        return StreamCoder(loaded, streams)

    spec = model if isinstance(model, str) else None
    try:
        _core.decompress(
            source, target, model=spec, open=open_model, threads=threads, progress=progress
        )
    except CodedFileError as error:
        here = _environment()
        if encoders and encoders[0] != here:
            raise CodedFileError(
                f"{error} (made with {_listed(encoders[0])}; here is {_listed(here)})"
            ) from error
        raise


def _is_coded_by_core(model: str) -> bool:
    """Whether the core codes with it alone: `static:D`, which is a code, or a tree model."""
    return model.startswith(_STATIC) or ModelSpec.parse(model).is_tree


def _describe(model: LanguageModel, streams: int, options: dict[str, Any]) -> dict[str, Any]:
    """The header of a file: how to load the model, and how to recognize it."""
    settings = {
        name: value
        for name, value in model.settings.items()
        if value is not None and name not in _NOT_CODED
    }
    return {
        "model": model.spec,
        "options": options,
        "settings": settings,
        "identity": {name: digest[:16] for name, digest in model.identity.items()},
        "lanes": streams,
        "made": _environment(),
    }


def _load_again(spec: str, options: dict[str, Any]) -> LanguageModel:
    """Loads the model that a file names."""
    try:
        return load_model(spec, **options)
    except (ModelError, InvalidArgumentError) as error:
        raise ModelError(f"{error}; if the model has moved, name it with --model") from error


def _check_model(current: dict[str, Any], header: dict[str, Any]) -> None:
    """Refuses a model that gives other probabilities than the one that the text was coded with."""
    for part in ("identity", "settings"):
        for name in sorted(current[part].keys() | header[part].keys()):
            here, there = current[part].get(name), header[part].get(name)
            if here != there and name not in _WEIGHT_SOURCES:
                raise CodedFileError(
                    f"it was coded with {name} {there}, and {current['model']} has {here}; name "
                    "the model that it was coded with, with the same settings"
                )


def _environment() -> dict[str, Any]:
    """What floating point may depend on besides the model: libraries, threads, processor."""
    versions: dict[str, Any] = {"machine": platform.machine(), "numpy": np.__version__}
    if torch := sys.modules.get("torch"):
        versions["torch"] = torch.__version__
        versions["threads"] = torch.get_num_threads()
        versions["processor"] = torch.backends.cpu.get_cpu_capability()
    return versions


def _listed(environment: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in environment.items())
