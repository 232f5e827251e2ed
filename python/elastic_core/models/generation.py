"""Generation as text, the same for all models of this package."""

from collections.abc import Sequence
from typing import Literal, overload

from elastic_core.models.protocol import Document, decoded


class Generation:
    """Gives a model that samples texts its `generate`."""

    @overload
    def generate(
        self,
        prompts: Sequence[Document],
        *,
        tokens: int,
        temperature: float = 1.0,
        seed: int = 0,
        decode: Literal[False] = False,
    ) -> list[bytes]: ...

    @overload
    def generate(
        self,
        prompts: Sequence[Document],
        *,
        tokens: int,
        temperature: float = 1.0,
        seed: int = 0,
        decode: Literal[True],
    ) -> list[str]: ...

    def generate(
        self,
        prompts: Sequence[Document],
        *,
        tokens: int,
        temperature: float = 1.0,
        seed: int = 0,
        decode: bool = False,
    ) -> list[bytes] | list[str]:
        """Samples a continuation of each prompt, until the model ends the text.

        The random numbers of a prompt depend only on the seed and on the index of the prompt; no
        global random state is used or changed.

        Args:
            prompts: The texts to continue.
            tokens: Maximum number of symbols per continuation; for a transformers model 1 to the
                window. If a prompt does not fit into the window with them, its end is seen.
            temperature: Probabilities are raised to 1 / temperature and normalized; 0 always takes
                the most likely symbol.
            seed: Seed of the random numbers.
            decode: Whether to return strings; bytes that are not UTF-8 become U+FFFD.

        Returns:
            The continuations, without prompts and special tokens: bytes, or strings with `decode`.

        Raises:
            InvalidArgumentError: `tokens`, `temperature` or `seed` is out of range, or the
                tokenizer of a tree model cannot read a prompt.
            ModelError: A transformers model cannot read a prompt, a probability is NaN, or a prompt
                is empty and there is no `bos`.
        """
        texts = self._sampled(prompts, tokens, temperature, seed)
        return decoded(texts) if decode else texts

    def _sampled(
        self, prompts: Sequence[Document], tokens: int, temperature: float, seed: int
    ) -> list[bytes]:
        """The texts that `generate` returns."""
        raise NotImplementedError
