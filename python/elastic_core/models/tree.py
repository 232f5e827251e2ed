"""The tree model as a language model: the token tree to depth d, learned as it is read."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, ModelError, TreeModel
from elastic_core.common.progress import Progress
from elastic_core.models.protocol import Document, Ids

_SPEC = re.compile(r"tree:(\d{1,2})", re.ASCII)


def load(spec: str, *, alphabet: str = "byte", **options: Any) -> "TreeLanguageModel":
    """Makes a new tree model, or opens a saved one.

    Args:
        spec: `tree:D` with a depth D from 1 to 32, or the file of a saved model.
        alphabet: Symbols of a new model: `byte` or `bpe:PATH` with the path of a
            `tokenizer.json`.
        **options: Those of other models. A tree model has none of them, so each has to be None
            or `auto`.

    Raises:
        InvalidArgumentError: The depth or the alphabet is not what it should be, or an option is
            given that a tree model does not have.
        TokenizerError: The tokenizer file cannot be loaded.
        ModelError: A saved model is damaged, of another version or something else.
        OSError: A file cannot be read.
    """
    for name, value in options.items():
        if value not in (None, "auto"):
            raise InvalidArgumentError(
                f"{spec}: a tree model has no {name}; leave it out, or name a transformers model"
            )
    if not spec.startswith("tree:"):
        return TreeLanguageModel(spec, TreeModel.load(spec))
    found = _SPEC.fullmatch(spec)
    if not found or not 1 <= int(found[1]) <= 32:
        raise InvalidArgumentError(
            f"{spec}: write the depth as a number from 1 to 32, as in tree:8"
        )
    return TreeLanguageModel(spec, TreeModel(int(found[1]), alphabet=alphabet))


class TreeLanguageModel:
    """A tree model behind the protocol of all language models.

    Its symbols are those of its alphabet, and EOS, which ends every document and is scored too.

    Args:
        spec: What the model is called.
        model: The tree model.
    """

    def __init__(self, spec: str, model: TreeModel) -> None:
        self._spec = spec
        self._model = model

    @property
    def spec(self) -> str:
        """The model as it was named to `load_model`."""
        return self._spec

    @property
    def vocabulary(self) -> int:
        """Symbols that a distribution runs over; EOS is the last."""
        return self._model.vocabulary + 1

    @property
    def settings(self) -> dict[str, Any]:
        """What a rate depends on; `memory` bounds what is remembered, in bytes."""
        return {
            "depth": self._model.depth,
            "alphabet": self._model.alphabet,
            "memory": self._model.memory,
            "eos": True,
        }

    @property
    def identity(self) -> dict[str, str]:
        """The hash of all that was learned so far, as `weights`; in hexadecimal."""
        return {"weights": self._model.identity()}

    @property
    def reads_any_bytes(self) -> bool:
        """Whether documents may be something else than UTF-8."""
        return self._model.alphabet == "byte"

    def tokens(self, documents: Sequence[Document]) -> list[NDArray[np.uint32]]:
        """The ids of each document's symbols, EOS the last, shape (symbols + 1,).

        Raises:
            InvalidArgumentError: A tokenizer cannot read a document.
        """
        return self._model.symbols(documents)

    def log_probs(self, documents: Sequence[Document]) -> list[NDArray[np.float32]]:
        """The natural logarithm of each symbol's probability; the model does not learn.

        Returns:
            For each document an array of shape (symbols + 1,), that of EOS the last.

        Raises:
            InvalidArgumentError: A tokenizer cannot read a document.
        """
        return self._model.log_probs(documents)

    def update(
        self,
        documents: Sequence[Document],
        weight: float = 1.0,
        *,
        progress: Progress | None = None,
    ) -> NDArray[np.float64]:
        """Learns documents in order.

        Args:
            documents: The documents.
            weight: How many times they count, more than 0; see `TreeModel.update`.
            progress: Called with the phase, the symbols done and the symbols in all.

        Returns:
            The code length of each in bits, EOS included, every symbol predicted before it was
            learned; shape (documents,). Of several passes, those of the first.

        Raises:
            InvalidArgumentError: The weight is not above 0, or a tokenizer cannot read a document.
        """
        return self._model.update(documents, weight, progress=progress)

    def save(self, path: str | Path) -> None:
        """Writes the model to a file, which appears only when it is complete.

        Raises:
            OSError: The file cannot be written.
        """
        self._model.save(path)

    def copy(self) -> "TreeLanguageModel":
        """A model that has learned the same, and goes its own way from here."""
        return TreeLanguageModel(self._spec, self._model.copy())

    def next_distribution(self, contexts: Sequence[Document]) -> NDArray[np.float32]:
        """The probability of every symbol after each context, EOS the last.

        Returns:
            Shape (contexts, vocabulary); each row sums to 1.

        Raises:
            InvalidArgumentError: A tokenizer cannot read a context.
        """
        return self._model.next_distribution(contexts)

    def generate(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[bytes]:
        """Goes on from each prompt until EOS, or until `tokens` symbols are there.

        Args:
            prompts: The texts to go on from.
            tokens: Most symbols to add to each.
            temperature: Probabilities are raised to 1 / temperature and scaled to 1; 0: always
                the likeliest symbol.
            seed: Seed of the draws.

        Returns:
            What follows each prompt, without the prompt.

        Raises:
            InvalidArgumentError: The temperature is below 0, or a tokenizer cannot read a prompt.
        """
        return self._model.sample(prompts, tokens, temperature, seed)

    def draw(
        self, prompts: Sequence[Document], *, tokens: int, temperature: float = 1.0, seed: int = 0
    ) -> list[Ids]:
        """What `generate` does, as ids; EOS stands last where a text has ended.

        Raises:
            InvalidArgumentError: As for `generate`.
            ModelError: The symbols are no bytes.
        """
        self._check_bytes()
        eos = np.array([self.vocabulary - 1], np.uint32)
        drawn = []
        for text in self.generate(prompts, tokens=tokens, temperature=temperature, seed=seed):
            ids = np.frombuffer(text, np.uint8).astype(np.uint32)
            drawn.append(ids if len(ids) == tokens else np.concatenate([ids, eos]))
        return drawn

    def spell(self, drawn: Sequence[Ids]) -> list[bytes]:
        """The texts of drawn ids, EOS left out.

        Raises:
            ModelError: The symbols are no bytes.
        """
        self._check_bytes()
        eos = self.vocabulary - 1
        return [ids[ids != eos].astype(np.uint8).tobytes() for ids in drawn]

    def log_distributions(
        self,
        prompts: Sequence[Document],
        continuations: Sequence[Ids],
        *,
        tokens: int,  # noqa: ARG002 - a tree sees as much of a prompt, whatever follows
    ) -> list[NDArray[np.float32]]:
        """The natural logarithms of all probabilities that ids were drawn by, EOS's the last.

        Returns:
            For each prompt an array of shape (ids, vocabulary).

        Raises:
            ModelError: The symbols are no bytes.
        """
        self._check_bytes()
        depth, contexts = self._model.depth, []
        for prompt, ids in zip(prompts, continuations, strict=True):
            start = prompt.encode() if isinstance(prompt, str) else prompt
            text = start[-depth:] + ids[:-1].astype(np.uint8).tobytes()
            first = len(text) + 1 - len(ids)
            contexts += [text[max(0, at - depth) : at] for at in range(first, len(text) + 1)]
        with np.errstate(divide="ignore"):
            rows = np.log(self.next_distribution(contexts))
        return np.split(rows, np.cumsum([len(ids) for ids in continuations])[:-1])

    def _check_bytes(self) -> None:
        if not self.reads_any_bytes:
            raise ModelError(
                f"{self._spec}: a tree model of {self._model.alphabet} does not tell the ids that "
                "it draws; use one over bytes"
            )
