"""A transformers model read one token at a time, several texts abreast."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.forward import no_probability

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TorchSteps:
    """Texts that go on in lockstep; `TorchModel.steps` begins them.

    Every call does the same arithmetic on arrays of the same shape, whatever the tokens, so an
    encoder and a decoder get the same bits from the same machine, library versions and number of
    threads. A text that has ended goes on with any token.

    Args:
        model: A causal language model in evaluation mode, with a key-value cache.
        lanes: How many texts there are.
        window: Tokens after which a text begins anew with `bos`.
        bos: The token that a window begins with; None: the token before its own first one, and
            at the very start, where there is none, all tokens are alike.
        vocabulary: Ids that a distribution runs over.

    Raises:
        InvalidArgumentError: There is no lane.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        lanes: int,
        window: int,
        bos: int | None,
        vocabulary: int,
    ) -> None:
        if lanes < 1:
            raise InvalidArgumentError(f"lanes {lanes}: must be at least 1")
        self._model = model
        self._lanes = lanes
        self._window = window
        self._bos = bos
        self._vocabulary = vocabulary
        self._tokens = 0
        self._begun = False
        self._cache: Any = None

    @torch.inference_mode()
    def next(self, ids: NDArray[np.uint32] | None) -> NDArray[np.float32]:
        """Appends a token to each text and tells what may follow.

        Args:
            ids: The token of each text, shape (lanes,); None in the first call, and only there.

        Returns:
            Each text's probabilities of its next token, shape (lanes, vocabulary).

        Raises:
            InvalidArgumentError: `ids` has another shape, or an id outside the vocabulary.
            ModelError: A probability is not a number, or the model has no key-value cache.
        """
        self._check(ids)
        if ids is not None:
            self._tokens += 1
        self._begun = True
        if self._tokens % self._window == 0:
            self._cache = None
            if self._bos is not None:
                ids = np.full(self._lanes, self._bos, np.uint32)
        if ids is None:
            return np.full((self._lanes, self._vocabulary), 1 / self._vocabulary, np.float32)
        seen = torch.from_numpy(ids.astype(np.int64))[:, None].to(self._model.device)
        answer = self._model(seen, past_key_values=self._cache, use_cache=True)
        self._cache = getattr(answer, "past_key_values", None)
        if self._cache is None:
            raise ModelError("the model has no key-value cache, so it cannot code token by token")
        found: NDArray[np.float32] = answer.logits[:, -1].float().softmax(1).cpu().numpy()
        if not np.isfinite(found).all():
            raise no_probability(f"token {self._tokens}")
        return found

    def _check(self, ids: NDArray[np.uint32] | None) -> None:
        if (ids is None) == self._begun:
            raise InvalidArgumentError("the first step takes no ids, and every later one does")
        if ids is not None and ids.shape != (self._lanes,):
            raise InvalidArgumentError(
                f"ids of shape {ids.shape}: a step takes one for each of {self._lanes} lanes"
            )
        if ids is not None and ids.max() >= self._vocabulary:
            raise InvalidArgumentError(
                f"id {ids.max()}: the model's vocabulary ends at {self._vocabulary - 1}"
            )
