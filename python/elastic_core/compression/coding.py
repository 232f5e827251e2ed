"""Lossless compression: a text becomes an `.ec` file as long as its code length, and back."""

import os
from dataclasses import dataclass, field
from typing import Any

from elastic_core import _core
from elastic_core._core import CodedFileError, InvalidArgumentError, ModelError
from elastic_core.common.files import require_new
from elastic_core.common.notebook import shows_progress
from elastic_core.common.progress import Progress
from elastic_core.compression.header import Header, environment
from elastic_core.compression.streams import StreamCoder
from elastic_core.models import LanguageModel, ModelSpec, load_model

_STATIC = "static:"


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
    settings: dict[str, Any] = field(repr=False)

    @property
    def bits_per_byte(self) -> float | None:
        """Coded bits / raw bytes; None for an empty text."""
        return 8 * self.coded_bytes / self.raw_bytes if self.raw_bytes else None

    @property
    def ratio(self) -> float | None:
        """Coded bytes / raw bytes; None for an empty text."""
        return self.coded_bytes / self.raw_bytes if self.raw_bytes else None


@shows_progress
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
        sizes = _core.compress(
            source, target, model, overwrite=overwrite, threads=threads, progress=progress
        )
        return CodingResult(*sizes, model, {})
    for name in ("stride", "batch"):
        if name in options:
            raise InvalidArgumentError(
                f"{name}: coding reads token by token through windows that do not overlap; leave "
                "it out"
            )
    loaded = load_model(model, **options) if isinstance(model, str) else model
    coder = StreamCoder(loaded, lanes)
    header = Header.of(loaded, lanes, options)
    sizes = _core.compress(
        source, target, header.to_json(), coder=coder, overwrite=overwrite, progress=progress
    )
    return CodingResult(*sizes, loaded.spec, header.settings)


@shows_progress
def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    model: str | LanguageModel | None = None,
    revision: str | None = None,
    adapter: str | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Restores the text of a file that `compress` wrote.

    A file that was coded with a transformers model says which, but no model is loaded that the
    caller does not name: nothing is fetched, and no folder opened, because a file says so.

    Args:
        source: The file; `-` is standard input.
        target: The file to write, which appears only when it is complete; `-` is standard output.
        model: The saved tree model or the transformers model that the text was coded with. None for
            a new tree model or `static:D`, which need no files.
        revision: As for `load_model`, if the text was coded with one.
        adapter: As for `load_model`, if the text was coded with one.
        overwrite: Whether to replace an existing target.
        threads: Blocks to decode in parallel with `static:D`; None: one per core.
        progress: Receives the bytes of text done.

    Raises:
        InvalidArgumentError: An argument is invalid, or the target exists.
        CodedFileError: The file is damaged, has another format or was coded with another model.
        ModelError: The model cannot be loaded, or none is named for a file that needs one.
        OSError: A file cannot be read or written.
    """
    require_new(target, overwrite=overwrite)
    headers: list[Header] = []
    weights = {"revision": revision, "adapter": adapter}
    given = {name: value for name, value in weights.items() if value is not None}
    loaded: str | LanguageModel | None = model
    if isinstance(model, str) and (text := _core.describe_file(source)):
        # On this thread, where torch starts its own. If it does so in the thread of the job, they
        # wait for each other by spinning, at seven times the CPU time under load.
        loaded = load_model(model, **Header.parse(text).options, **given)

    def open_model(text: str) -> StreamCoder:
        header = Header.parse(text)
        headers.append(header)
        if loaded is None:
            raise ModelError(
                f"{source}: coded with the model {header.model}, which a file may not load by "
                f'itself; if you trust it, add `model="{header.model}"`'
            )
        opened = loaded
        if isinstance(opened, str):
            opened = load_model(opened, **header.options, **given)
        header.check(opened)
        return StreamCoder(opened, header.lanes)

    spec = model if isinstance(model, str) else None
    try:
        _core.decompress(
            source,
            target,
            model=spec,
            open=open_model,
            overwrite=overwrite,
            threads=threads,
            progress=progress,
        )
    except CodedFileError as error:
        here = environment()
        if headers and headers[0].made != here:
            made = _listed(headers[0].made)
            raise CodedFileError(f"{error} (made with {made}; here is {_listed(here)})") from error
        raise


def _is_coded_by_core(model: str) -> bool:
    """Whether the core codes with it alone: `static:D`, which is a code, or a tree model."""
    return model.startswith(_STATIC) or ModelSpec.parse(model).is_tree


def _listed(environment: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in environment.items())
