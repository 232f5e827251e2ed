"""The result of a measurement, and its JSON.

`MeasureResult.to_dict` has the schema `elastic-core/measure/1`, which `docs/measure.md` defines key
by key. The records hold more than the JSON: the rates of the Huffman code and of Thm 3.4 as
printed, and the token trees.
"""

from dataclasses import dataclass, field
from typing import Any

from elastic_core.common import schemas
from elastic_core.common.versions import versions_here
from elastic_core.corpora.sources import ReadOptions, reading_dict
from elastic_core.measuring.findings import describe
from elastic_core.measuring.records import CorpusResult
from elastic_core.report.presented import Presented


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """The arguments of a measurement, which reproduce its result.

    Attributes:
        paths: The paths of each corpus.
        depth: Depth of the tree, in symbols.
        segment: `chunk`, `prefix` or `window`.
        alphabet: `bit`, `byte` or `bpe:PATH`.
        memory: The memory limit as given, or None.
        compare: The reference compressors.
        models: The language models.
        model_options: The options they were loaded with, without defaults.
        reading: The reading options; None for a saved tree.
        own_reading: The options of each `Corpus`, None for paths; empty if there is no `Corpus`.
    """

    paths: tuple[tuple[str, ...], ...]
    depth: int
    segment: str
    alphabet: str
    memory: int | str | None = None
    compare: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    model_options: dict[str, Any] = field(default_factory=dict)
    reading: ReadOptions | None = None
    own_reading: tuple[ReadOptions | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The `config` of the JSON, with versions."""
        return {
            "paths": [list(paths) for paths in self.paths],
            "depth": self.depth,
            "segment": self.segment,
            "alphabet": self.alphabet,
            "memory": self.memory,
            "compare": list(self.compare),
            "models": list(self.models),
            "model_options": self.model_options,
            **reading_dict(self.reading, self.own_reading),
            "versions": versions_here(),
        }


@dataclass(frozen=True, slots=True, repr=False)
class MeasureResult(Presented):
    """The result of `measure`.

    Attributes:
        config: The arguments.
        corpora: One record per corpus; with two or more corpora, `joint` comes last.
        mixed: For each corpus of files of several kinds, or of which some were left out, what was
            read of it.
        left_out: For each corpus of which files were left out, its name and theirs.
    """

    config: MeasureConfig
    corpora: tuple[CorpusResult, ...]
    mixed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, in a few sentences; `docs/measure.md` explains their words."""
        return describe(self.corpora)

    def __repr__(self) -> str:
        names = ", ".join(corpus.name for corpus in self.corpora)
        config = self.config
        return f"MeasureResult({names}; {config.segment}, {config.alphabet}, depth {config.depth})"

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `elastic-core measure --format json`; `docs/measure.md` defines it."""
        entries = {
            "schema": schemas.MEASURE,
            "config": self.config.to_dict(),
            "corpora": [corpus.to_dict() for corpus in self.corpora],
        }
        return {**entries, "mixed": list(self.mixed)} if self.mixed else entries
