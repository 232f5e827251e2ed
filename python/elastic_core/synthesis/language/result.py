"""The result of `synth language` and its ground truth as JSON.

`LanguageResult.to_dict` has the schema `elastic-core/language/1`, which `docs/language.md` defines
key by key.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from elastic_core.common import schemas
from elastic_core.common.versions import versions
from elastic_core.synthesis.language.language import Language
from elastic_core.synthesis.language.learners import LearnerCurve


@dataclass(frozen=True, slots=True)
class LanguageFile:
    """A file of documents.

    Attributes:
        name: Its name without the extension `.jsonl`.
        styles: Number of documents in each style, by name; may be 0.
        symbols: Words, full stops and ends of documents in it.
        bytes: Bytes of the documents' text.
    """

    name: str
    styles: dict[str, int]
    symbols: int
    bytes: int

    @property
    def documents(self) -> int:
        """Number of documents."""
        return sum(self.styles.values())


@dataclass(frozen=True, slots=True)
class LanguageResult:
    """A language, its files, and the curves of ideal learners.

    Attributes:
        language: The language.
        files: Pre-training, both sides, the novel style and neutral rows.
        curves: The curves of the ideal learners.
    """

    language: Language
    files: tuple[LanguageFile, ...]
    curves: tuple[LearnerCurve, ...] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The content of `truth.json`; `docs/language.md` defines it."""
        language = self.language
        lengths, entropy, loss = language.lengths, language.entropy_rate, language.bayes_loss
        bits = lengths.symbols / lengths.bytes / math.log(2)
        return {
            "schema": schemas.LANGUAGE,
            "versions": versions("numpy", "scipy"),
            "language": language.to_dict(),
            "document": asdict(lengths),
            "entropy": language.entropy,
            "information": language.information,
            "entropy_rate": entropy,
            "bayes_loss": loss,
            "entropy_rate_bits_per_byte": entropy * bits,
            "bayes_loss_bits_per_byte": loss * bits,
            "files": [{**asdict(file), "documents": file.documents} for file in self.files],
            "curves": [curve.to_dict() for curve in self.curves],
        }
