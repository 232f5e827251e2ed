"""Classifiers, reward models and cost models of the transformers library as scorers."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.common.arguments import listed
from elastic_core.models.transformers.checkpoint import (
    LARGEST_WINDOW,
    check_options,
    describe_runtime,
    embedded_ids,
    load_tokenizer,
    load_weights,
    pick_device,
    silence_transformers,
    weights_sha256,
    wrap_load_errors,
)
from elastic_core.models.transformers.inputs import Batches

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_BATCH = 8192


def load(
    spec: str,
    name: str,
    *,
    label: str | int | None = None,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    window: int | None = None,
    batch: int = _BATCH,
) -> "ClassifierScorer":
    """Loads a sequence-classification model.

    Weights are read from safetensors files only, and no code that comes with a model is run.

    Args:
        spec: The model as the user named it.
        name: A folder with a checkpoint, or a name on the Hugging Face hub.
        label: The label whose probability is the score, by name or number. None: the model has a
            single output, as reward and cost models do, and that output is the score.
        revision: Branch, tag or commit on the hub.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: the checkpoint's own, but float32 on a
            CPU.
        device: `cpu`, `cuda`, `cuda:N`, `mps`, or `auto`: the first GPU, else the CPU.
        window: Maximum number of tokens of a text that the model sees, special ones included; the
            tokenizer decides which end of a longer text is dropped. None: as many as the tokenizer
            and the model allow, up to 2048.
        batch: Maximum number of tokens in a forward pass of several texts.

    Raises:
        InvalidArgumentError: An option is invalid.
        ModelError: The model cannot be loaded.
    """
    source = check_options(spec, name, revision=revision, dtype=dtype, batch=batch)
    place = str(pick_device(device))
    with silence_transformers(), wrap_load_errors(spec, "classifier or reward model"):
        config = AutoConfig.from_pretrained(name, **source)
        output = _output(config, label)
        tokenizer = load_tokenizer(name, source)
        model = load_weights(
            AutoModelForSequenceClassification, name, config, place, dtype, source
        ).eval()
        window = _window(model, tokenizer, window)
        return ClassifierScorer(
            spec,
            model,
            tokenizer,
            output=output,
            window=window,
            batch=batch,
            settings={
                "label": None if output is None else _labels(config)[output],
                "window": window,
                **describe_runtime(model, config),
            },
        )


class ClassifierScorer:
    """A sequence-classification model as a scorer; `load` creates one.

    Attributes:
        name: The model as the user named it.
        settings: What the scores depend on besides the weights.
    """

    def __init__(
        self,
        name: str,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        *,
        output: int | None,
        window: int,
        batch: int,
        settings: dict[str, Any],
    ) -> None:
        self.name = name
        self.settings = settings
        self._model = model
        self._tokenizer = tokenizer
        # Serialized here, because the first call stores its window in the tokenizer.
        serialized = tokenizer.backend_tokenizer.to_str().encode()
        self._tokenizer_sha256 = hashlib.sha256(serialized).hexdigest()
        self._output = output
        self._window = window
        self._pad = _padding(model, tokenizer)
        # Without a padding token, each text is a batch of its own.
        self._batches = Batches(1 if self._pad is None else batch)

    @cached_property
    def identity(self) -> dict[str, str]:
        """SHA-256 of the `weights`, as by `weights_sha256`, and of the `tokenizer`."""
        return {"weights": weights_sha256(self._model), "tokenizer": self._tokenizer_sha256}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The probability of the label, or the single output; shape (texts,).

        Raises:
            ModelError: A text has no token, a score is NaN, or a single text does not fit into
                memory.
        """
        texts = listed(texts)
        if not texts:
            return np.empty(0)
        for number, text in enumerate(texts):
            _check_unicode(self.name, number, text)
        rows = self._tokenizer(
            texts,
            truncation=True,
            max_length=self._window,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        known = embedded_ids(self._model)
        highest, number = max((max(row, default=0), number) for number, row in enumerate(rows))
        if highest >= known:
            raise ModelError(
                f"{self.name}: text {number} has the token id {highest}, but the model knows only "
                f"{known} ids; this is not the tokenizer it was trained with"
            )
        if not all(rows):
            raise ModelError(
                f"{self.name}: text {rows.index([])} has no token to compute a score "
                "from; leave it out"
            )
        scores = np.empty(len(rows))

        def score(batch: list[int]) -> None:
            scores[batch] = self._scores([rows[number] for number in batch])

        self._batches.run([len(row) for row in rows], score)
        if not (finite := np.isfinite(scores)).all():
            raise ModelError(
                f"{self.name}: the score of text {np.argmin(finite)} is not a number; the model "
                "needs another dtype, such as float32"
            )
        return scores

    @torch.inference_mode()
    def _scores(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The scores of tokenized texts, shape (rows,)."""
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self._pad or 0)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = torch.tensor(row)
            mask[number, : len(row)] = 1
        device = self._model.device
        logits = self._model(ids.to(device), attention_mask=mask.to(device)).logits.cpu().double()
        if self._output is None:
            scores = logits[:, 0]
        elif self._model.config.problem_type == "multi_label_classification":
            scores = logits[:, self._output].sigmoid()
        else:
            scores = logits.softmax(1)[:, self._output]
        array: NDArray[np.float64] = scores.numpy()
        return array


def _check_unicode(name: str, number: int, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ModelError(
            f"{name}: text {number} has a lone surrogate at position {error.start}, which is not "
            "valid Unicode; remove it or leave the text out"
        ) from error


def _output(config: "PretrainedConfig", label: str | int | None) -> int | None:
    """Index of the output whose probability is the score; None: the single output itself."""
    names = _labels(config)
    if len(names) == 1:
        if label is not None:
            raise InvalidArgumentError(
                f"label {label}: the model has a single output; leave the label out"
            )
        return None
    for number, name in names.items():
        if label in (number, name):
            return number
    problem = "no label" if label is None else f"unknown label {label}"
    listed = ", ".join(f"{number} ({name})" for number, name in names.items())
    raise InvalidArgumentError(f"{problem}: choose one of {listed}")


def _labels(config: "PretrainedConfig") -> dict[int, str]:
    return {int(number): name for number, name in (config.id2label or {}).items()}


def _window(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", window: int | None
) -> int:
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    most = min(tokenizer.model_max_length, positions or LARGEST_WINDOW)
    for name, module in model.named_modules():
        # In RoBERTa and similar models, positions start after the padding index.
        if (
            name.endswith("position_embeddings")
            and getattr(module, "padding_idx", None) is not None
        ):
            most = min(most, module.num_embeddings - module.padding_idx - 1)
    if window is None:
        return min(most, LARGEST_WINDOW)
    if not 1 <= window <= most:
        raise InvalidArgumentError(f"window {window}: must be from 1 to {most}, the model's limit")
    return window


def _padding(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """The padding token; models that score a text by its last token need to know it."""
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        ids = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        config.pad_token_id = next((token for token in ids if token is not None), None)
        model.config.pad_token_id = config.pad_token_id
    pad: int | None = config.pad_token_id
    return pad
