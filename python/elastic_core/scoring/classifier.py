"""Classifiers, reward models and cost models of transformers as scorers."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForSequenceClassification

from elastic_core._core import InvalidArgumentError, ModelError
from elastic_core.models.batches import Batches
from elastic_core.models.device import check_dtype, pick_device
from elastic_core.models.faults import silence_transformers, wrap_load_errors
from elastic_core.models.identity import weights_sha256
from elastic_core.models.loading import load_tokenizer, load_weights

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_LARGEST_WINDOW = 2048
_BATCH = 8192


def load(
    spec: str,
    *,
    label: str | int | None = None,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    window: int | None = None,
    batch: int = _BATCH,
) -> "ClassifierScorer":
    """Loads a sequence-classification model of transformers.

    Weights are read from safetensors alone, and no code that comes with a model is run.

    Args:
        spec: A folder with a checkpoint, or `hf:` and a folder or a name on the Hugging Face hub.
        label: The label whose probability is the score, by name or number. None: the model has a
            single output, as reward and cost models do, and that is the score as it stands.
        revision: Branch, tag or commit on the hub.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: the checkpoint's own, on a CPU float32.
        device: `cpu`, `cuda`, `cuda:N`, `mps`, or `auto`: the first GPU, else the CPU.
        window: Most tokens of a text that are seen, special ones among them; of a longer text the
            side that the tokenizer keeps, mostly the beginning. None: as many as the tokenizer
            and the model allow, but 2048 at most.
        batch: Most tokens in a forward pass of several texts.

    Raises:
        InvalidArgumentError: An option is not what it should be.
        ModelError: The model cannot be loaded.
    """
    name = spec.removeprefix("hf:")
    check_dtype(dtype)
    if batch < 1:
        raise InvalidArgumentError(f"batch {batch}: must be at least 1")
    if revision is not None and Path(name).is_dir():
        raise InvalidArgumentError(f"{spec}: a folder has no revisions; leave the revision out")
    place = str(pick_device(device))
    source: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
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
                "dtype": str(model.dtype).removeprefix("torch."),
                "device": str(model.device),
                "revision": getattr(config, "_commit_hash", None),
            },
        )


class ClassifierScorer:
    """A sequence-classification model as a scorer; `load` makes one.

    Attributes:
        name: The model as it was named to `load`.
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
        # Taken here, as the first call writes its window into the tokenizer.
        serialized = tokenizer.backend_tokenizer.to_str().encode()
        self._tokenizer_sha256 = hashlib.sha256(serialized).hexdigest()
        self._output = output
        self._window = window
        self._pad = _padding(model, tokenizer)
        # Without a token to fill up with, each text is a batch of its own.
        self._batches = Batches(1 if self._pad is None else batch)

    @cached_property
    def identity(self) -> dict[str, str]:
        """SHA-256 of the `weights`, by `weights_sha256`, and of the `tokenizer`."""
        return {"weights": weights_sha256(self._model), "tokenizer": self._tokenizer_sha256}

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The probability of the label, or the single output; shape (texts,).

        Raises:
            ModelError: A text has no token, a score is no number, or a single text does not fit
                into memory.
        """
        if not texts:
            return np.empty(0)
        rows = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self._window,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        if not all(rows):
            raise ModelError(
                f"{self.name}: text {rows.index([])} has no token that the model could judge it "
                "by; leave it out"
            )
        found = np.empty(len(rows))

        def score(batch: list[int]) -> None:
            found[batch] = self._scores([rows[number] for number in batch])

        self._batches.run([len(row) for row in rows], score)
        if not (finite := np.isfinite(found)).all():
            raise ModelError(
                f"{self.name}: the score of text {np.argmin(finite)} is no number; the model "
                "needs another dtype, such as float32"
            )
        return found

    @torch.inference_mode()
    def _scores(self, rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The scores of texts from their ids, shape (rows,)."""
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
        found: NDArray[np.float64] = scores.numpy()
        return found


def _output(config: "PretrainedConfig", label: str | int | None) -> int | None:
    """Number of the output whose probability is the score; None: the single output itself."""
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
    asked = "which label is the score" if label is None else f"label {label}"
    listed = ", ".join(f"{number} ({name})" for number, name in names.items())
    raise InvalidArgumentError(f"{asked}? choose one of the model's: {listed}")


def _labels(config: "PretrainedConfig") -> dict[int, str]:
    return {int(number): name for number, name in (config.id2label or {}).items()}


def _window(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", window: int | None
) -> int:
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    most = min(tokenizer.model_max_length, positions or _LARGEST_WINDOW)
    for name, module in model.named_modules():
        # In RoBERTa and its kin the first token stands at the position after that of padding.
        if (
            name.endswith("position_embeddings")
            and getattr(module, "padding_idx", None) is not None
        ):
            most = min(most, module.num_embeddings - module.padding_idx - 1)
    if window is None:
        return min(most, _LARGEST_WINDOW)
    if not 1 <= window <= most:
        raise InvalidArgumentError(f"window {window}: must be from 1 to {most}, the model's most")
    return window


def _padding(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """The token that fills a batch up; models that judge by a text's last token look for it."""
    config = model.config.get_text_config()
    if config.pad_token_id is None:
        ids = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        config.pad_token_id = next((each for each in ids if each is not None), None)
        model.config.pad_token_id = config.pad_token_id
    pad: int | None = config.pad_token_id
    return pad
