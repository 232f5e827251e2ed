"""The description of a language model in an `.ec` file: how it was loaded, how it is recognized.

A file may come from anybody. What it says is therefore checked, and never decides which folder is
opened or what is fetched from a hub.
"""

import json
import platform
import sys
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from elastic_core._core import CodedFileError
from elastic_core.common.messages import abridged
from elastic_core.models import LanguageModel

_NOT_CODED = ("stride", "eos_for_bos")  # The code does not depend on them.
_WEIGHT_SOURCES = ("revision", "adapter")
_OPTIONS = {"dtype": str, "device": str, "window": int, "bos": str}
_MOST_LANES = 1 << 16
_OTHER = "the header was written by another version"


@dataclass(frozen=True)
class Header:
    """What an `.ec` file says about the language model that coded it.

    Attributes:
        model: The spec of the model, for messages.
        options: The options of `load_model` that probabilities depend on.
        settings: Everything that the code depends on besides the weights.
        identity: Digests of weights and tokenizer. Not of `config.json`: another version of
            transformers writes it otherwise for the same model, and a model that gives other
            probabilities fails on the checksum of the text.
        lanes: The largest number of parallel streams.
        made: What floating point may depend on besides the model.
    """

    model: str
    options: dict[str, Any]
    settings: dict[str, Any]
    identity: dict[str, str]
    lanes: int
    made: dict[str, Any]

    @classmethod
    def of(cls, model: LanguageModel, lanes: int, options: dict[str, Any]) -> "Header":
        """The header of a file that this model codes."""
        settings = {
            name: value
            for name, value in model.settings.items()
            if value is not None and name not in _NOT_CODED
        }
        identity = {
            name: digest[:16] for name, digest in model.identity.items() if name != "config"
        }
        kept = {name: value for name, value in options.items() if name in _OPTIONS}
        return cls(model.spec, kept, settings, identity, lanes, environment())

    @classmethod
    def parse(cls, text: str) -> "Header":
        """Reads the header of a file.

        Raises:
            CodedFileError: It is not what `to_json` writes.
        """
        try:
            values = json.loads(text)
            header = cls(**{field.name: values[field.name] for field in fields(cls)})
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise CodedFileError(_OTHER) from error
        groups = (header.options, header.settings, header.identity, header.made)
        if (
            not isinstance(header.model, str)
            or not all(isinstance(group, dict) for group in groups)
            or type(header.lanes) is not int
            or not 1 <= header.lanes <= _MOST_LANES
        ):
            raise CodedFileError(_OTHER)
        options = {name: v for name, v in header.options.items() if name not in _WEIGHT_SOURCES}
        if any(type(value) is not _OPTIONS.get(name) for name, value in options.items()):
            raise CodedFileError(_OTHER)
        return replace(header, options=options)

    def to_json(self) -> str:
        """The header as it stands in a file."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def check(self, model: LanguageModel) -> None:
        """Checks that a model gives the probabilities that the text was coded with.

        Raises:
            CodedFileError: Its files or settings differ.
        """
        current = Header.of(model, self.lanes, {})
        for here, there in (
            (current.identity, self.identity),
            (current.settings, self.settings),
        ):
            for name in sorted(here.keys() | there.keys()):
                if here.get(name) != there.get(name) and name not in _WEIGHT_SOURCES:
                    raise CodedFileError(
                        f"it was coded with {name:.80} {abridged(there.get(name))}, and "
                        f"{model.spec} has {abridged(here.get(name))}; name the model that it was "
                        "coded with, with the same settings"
                    )


def environment() -> dict[str, Any]:
    """What floating point may depend on besides the model: libraries, threads, processor."""
    versions: dict[str, Any] = {"machine": platform.machine(), "numpy": np.__version__}
    if torch := sys.modules.get("torch"):
        versions["torch"] = torch.__version__
        versions["threads"] = torch.get_num_threads()
        versions["processor"] = torch.backends.cpu.get_cpu_capability()
    return versions
