"""The tree model as a language model: it learns a token tree of bounded depth as it reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, ModelError, TreeModel
from elastic_core.common.arguments import listed
from elastic_core.common.progress import Progress
from elastic_core.models.generation import Generation
from elastic_core.models.protocol import Document, Ids


class TreeLanguageModel(Generation):
    """A tree model behind the `OnlineModel` and `DrawingModel` protocols.

    Its symbols are those of its alphabet, plus EOS, which ends every document and is scored too.

    Args:
        spec: The model as it was named to `load_model`.
        model: The tree model.
    """

    learns_online = True
    """A tree model learns each symbol after predicting it, by `update`."""

    has_distributions = True
    """A tree model over bytes reports what it samples; over BPE, `draw` raises `ModelError`."""

    has_steps = False
    """Coding with a tree model is done by the core, from its spec."""

    has_weights = False
    """It has counts."""

    def __init__(self, spec: str, model: TreeModel) -> None:
        self._spec = spec
        self._model = model

    def __repr__(self) -> str:
        model = self._model
        return f"TreeLanguageModel({self._spec!r}, depth {model.depth}, {model.alphabet})"

    @property
    def spec(self) -> str:
        """The model as it was named to `load_model`."""
        return self._spec

    @property
    def vocabulary(self) -> int:
        """Number of symbols that a distribution covers; EOS is the last."""
        return self._model.vocabulary + 1

    @property
    def settings(self) -> dict[str, Any]:
        """What a rate depends on; `memory` limits the counts that are kept, in bytes."""
        return {
            "depth": self._model.depth,
            "alphabet": self._model.alphabet,
            "memory": self._model.memory,
            "eos": True,
        }

    @property
    def identity(self) -> dict[str, str]:
        """A hexadecimal hash of everything learned so far, as `weights`."""
        return {"weights": self._model.identity()}

    @property
    def reads_any_bytes(self) -> bool:
        """Whether documents may contain bytes that are not valid UTF-8."""
        return self._model.alphabet == "byte"

    def tokens(self, documents: Sequence[Document]) -> list[Ids]:
        """The ids of each document's symbols, shape (symbols + 1,) each; EOS is the last.

        Raises:
            InvalidArgumentError: The tokenizer cannot read a document.
        """
        return self._model.symbols(_read(documents))

    def log_probs(
        self, documents: Sequence[Document], *, progress: Progress | None = None
    ) -> list[NDArray[np.float32]]:
        """The natural logarithm of each symbol's probability. The model does not learn.

        Args:
            documents: The documents.
            progress: Receives the number of symbols scored so far.

        Returns:
            One array of shape (symbols + 1,) per document; the last entry is that of EOS.

        Raises:
            InvalidArgumentError: The tokenizer cannot read a document.
        """
        return self._model.log_probs(_read(documents), progress=progress)

    def update(
        self,
        documents: Sequence[Document],
        weight: float = 1.0,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """Learns documents in order, predicting each symbol before learning it.

        Args:
            documents: The documents.
            weight: How many times each document counts, more than 0; see `TreeModel.update`.
            progress: Receives the number of symbols learned so far.

        Returns:
            The code length of each document in bits, EOS included, shape (documents,). With
            several passes, the code lengths of the first one.

        Raises:
            InvalidArgumentError: The weight is not above 0, or the tokenizer cannot read a
                document.
        """
        return self._model.update(_read(documents), weight, progress=progress)

    def save(self, path: str | Path) -> None:
        """Writes the model to a file, which appears only when it is complete.

        Raises:
            OSError: The file cannot be written.
        """
        self._model.save(path)

    def copy(self) -> "TreeLanguageModel":
        """An independent model that has learned the same."""
        return TreeLanguageModel(self._spec, self._model.copy())

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        """The probability of every symbol after each context; EOS is the last.

        Returns:
            Shape (contexts, vocabulary); each row sums to 1.

        Raises:
            InvalidArgumentError: The tokenizer cannot read a context.
        """
        return self._model.next_distribution(_read(contexts))

    def _sampled(
        self, prompts: Sequence[Document], tokens: int, temperature: float, seed: int
    ) -> list[bytes]:
        return self._model.sample(_read(prompts), tokens, temperature, seed)

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        """Samples the continuations of `generate`, as ids; EOS is the last id of an ended text.

        Raises:
            InvalidArgumentError: As for `generate`.
            ModelError: The alphabet is not `byte`.
        """
        self._check_alphabet()
        eos = np.array([self.vocabulary - 1], np.uint32)
        drawn = []
        for text in self.generate(prompts, tokens=tokens, temperature=temperature, seed=seed):
            ids = np.frombuffer(text, np.uint8).astype(np.uint32)
            drawn.append(ids if len(ids) == tokens else np.concatenate([ids, eos]))
        return drawn

    def spell(
        self,
        drawn: Sequence[Ids],
        prompts: Sequence[Document],  # noqa: ARG002
    ) -> list[bytes]:
        """The texts of ids sampled after prompts, without EOS.

        Raises:
            ModelError: The alphabet is not `byte`.
        """
        self._check_alphabet()
        eos = self.vocabulary - 1
        return [ids[ids != eos].astype(np.uint8).tobytes() for ids in drawn]

    def log_distributions(
        self,
        prompts: Sequence[Document],
        continuations: Sequence[Ids],
        *,
        tokens: int,  # noqa: ARG002 - a tree sees as much of a prompt, whatever follows
    ) -> list[NDArray[np.float32]]:
        """The natural logarithms of all probabilities that continuations were sampled from.

        Returns:
            One array of shape (ids, vocabulary) per prompt; EOS is the last column.

        Raises:
            ModelError: The alphabet is not `byte`.
        """
        self._check_alphabet()
        depth, contexts = self._model.depth, []
        for prompt, ids in zip(_read(prompts), continuations, strict=True):
            text = prompt[-depth:] + ids[:-1].astype(np.uint8).tobytes()
            first = len(text) + 1 - len(ids)
            contexts += [text[max(0, at - depth) : at] for at in range(first, len(text) + 1)]
        with np.errstate(divide="ignore"):
            rows = np.log(self.next_distribution(contexts))
        return np.split(rows, np.cumsum([len(ids) for ids in continuations])[:-1])

    def _check_alphabet(self) -> None:
        if not self.reads_any_bytes:
            raise ModelError(
                f"{self._spec}: a tree model of {self._model.alphabet} does not report the ids "
                "that it samples; use one over bytes"
            )


def _read(documents: Sequence[Document]) -> list[bytes]:
    """The bytes of documents; a single one counts as a list of one."""
    return [
        _encoded(number, document) if isinstance(document, str) else document
        for number, document in enumerate(listed(documents))
    ]


def _encoded(number: int, document: str) -> bytes:
    try:
        return document.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"document {number} has a lone surrogate at position {error.start}, which is not valid "
            "Unicode; remove it or leave the document out"
        ) from error
