"""A causal language model with a value head, which samples completions and predicts them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from trl.trainer.utils import disable_dropout_in_model

from elastic_core.models.transformers.forward import generate
from elastic_core.models.transformers.inputs import spell_completions
from elastic_core.models.transformers.loading import plain_generation

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Ids = NDArray[np.uint32]

_HEAD = "value_head"


class Policy:
    """A model that is trained, with a linear value head on its last hidden states.

    The head begins at 0. It is a module of the model, so that an optimizer trains both, but it is
    not among the `weights` of the model. Dropout is disabled: a token must have the probability
    that it was sampled with.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        adapter: The adapter to train instead of the weights, if any.
        batch: Completions per forward pass without gradients.

    Attributes:
        model: The model, adapted if there is an adapter.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        adapter: "PeftConfig | None",
        batch: int,
    ) -> None:
        self.model: Any = model
        if adapter is not None:
            from peft import get_peft_model

            self.model = get_peft_model(model, adapter)
        disable_dropout_in_model(self.model)
        head = nn.Linear(model.config.get_text_config().hidden_size, 1)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        self.model.add_module(_HEAD, head)
        self._base: Any = model
        self._tokenizer = tokenizer
        self._generation = plain_generation(model, tokenizer)
        self._batch = batch

    @property
    def head(self) -> nn.Linear:
        """The value head."""
        head: nn.Linear = getattr(self.model, _HEAD)
        return head

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights of the model without the value head."""
        state: dict[str, Tensor] = self.model.state_dict()
        return {name: weight for name, weight in state.items() if not name.startswith(_HEAD)}

    def sample(self, prompts: Sequence[Ids], draws: NDArray[np.float32], batch: int) -> list[Ids]:
        """Samples a completion of each prompt; see `elastic_core.models.transformers.forward`.

        Args:
            prompts: The ids of each prompt, at least one.
            draws: Random numbers in [0, 1), shape (prompts, maximum tokens of a completion).
            batch: Prompts to complete together.

        Returns:
            The ids that follow each prompt, the one that ends the text included.

        Raises:
            ModelError: The model gives no usable probability.
        """
        completions: list[Ids] = []
        configured, self._base.generation_config = self._base.generation_config, self._generation
        try:
            with self.evaluation():
                for start in range(0, len(prompts), batch):
                    part = slice(start, start + batch)
                    completions += generate(self._base, prompts[part], draws[part], temperature=1.0)
        finally:
            self._base.generation_config = configured
        return completions

    def spell(self, completions: Sequence[Ids]) -> list[str]:
        """The texts of completions, without special tokens."""
        ends = self._generation.eos_token_id
        plain = [ids[~np.isin(ids, ends)].tolist() for ids in completions]
        return spell_completions(self._tokenizer, plain)

    def predict(
        self, model: Any, ids: Tensor, attention: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of tokens, and the values before them.

        Args:
            model: The model of this policy, as a trainer wraps it.
            ids: Prompts with their completions, shape (completions, length).
            attention: 1 where there is no padding, of the same shape.
            mask: Where `ids[:, 1:]` are tokens of completions, shape (completions, length - 1).

        Returns:
            Both of shape (tokens,), in the order of the mask.
        """
        output = model(
            input_ids=ids, attention_mask=attention, use_cache=False, output_hidden_states=True
        )
        hidden = output.hidden_states[-1][:, :-1][mask].float()
        return _chosen(output.logits, ids, mask), self.head(hidden)[:, 0]

    def predict_all(self, ids: Tensor, attention: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `predict`, in batches without gradients; both of the mask's shape, 0 outside it."""
        with self.evaluation():
            parts = [
                self.predict(self.model, *part) for part in self._batches(ids, attention, mask)
            ]
        log_probs, values = (torch.cat(part) for part in zip(*parts, strict=True))
        return _spread(log_probs, mask), _spread(values, mask)

    def reference_log_probs(
        self, reference: Any, ids: Tensor, attention: Tensor, mask: Tensor
    ) -> Tensor:
        """Log-probabilities under a reference, as those of `predict_all`.

        Args:
            reference: The reference; None: the model without its adapter.
            ids: As for `predict`, like the others.
            attention: See there.
            mask: See there.
        """
        without: AbstractContextManager[Any] = (
            nullcontext() if reference is not None else self.model.disable_adapter()
        )
        model = self.model if reference is None else reference
        with self.evaluation(), without:
            parts = [
                _chosen(
                    model(input_ids=seen, attention_mask=at, use_cache=False).logits, seen, where
                )
                for seen, at, where in self._batches(ids, attention, mask)
            ]
        return _spread(torch.cat(parts), mask)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Turns gradients off, and what only trainings do, such as gradient checkpointing."""
        self.model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.model.train()

    def _batches(self, *columns: Tensor) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(column.split(self._batch) for column in columns), strict=True)


def _chosen(logits: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
    """The log-probabilities of the tokens at a mask, shape (tokens,)."""
    log_probs = logits[:, :-1][mask].float().log_softmax(1)
    return log_probs.gather(1, ids[:, 1:][mask][:, None])[:, 0]


def _spread(values: Tensor, mask: Tensor) -> Tensor:
    return torch.zeros(mask.shape, device=mask.device).masked_scatter(mask, values.float())
