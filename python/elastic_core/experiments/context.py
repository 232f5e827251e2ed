"""What the cells of a configuration are made with: data, scorer and models, read once a process."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from elastic_core._core import Corpus, InvalidArgumentError, __version__
from elastic_core.common.files import write_text
from elastic_core.data.convert import openings
from elastic_core.data.draws import drawn
from elastic_core.data.examples import Examples
from elastic_core.experiments.cells import Cell, Row, SharedHashes, digest
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.datasets import Datasets
from elastic_core.experiments.store import Store
from elastic_core.models import load_model
from elastic_core.models.protocol import DrawingModel, LanguageModel, as_drawing

if TYPE_CHECKING:
    from elastic_core.scoring import Reference, Scorer

NEW = ("tree:", "scratch:")
"""What the names of models begin with that have to be pre-trained."""

_REFERENCES = 4
_LONGEST_TEXT = 4096
_POOL_BYTES = 64 << 20


class RunContext:
    """Data, scorer and models of one configuration.

    Args:
        config: The configuration.
        store: Where models are.

    Raises:
        InvalidArgumentError: The configuration asks for what there is not.
        CorpusError: Data are damaged.
        OSError: A file is missing.
    """

    def __init__(self, config: ExperimentConfig, store: Store) -> None:
        self.config = config
        self.store = store
        self._references: OrderedDict[str, Reference] = OrderedDict()

    @cached_property
    def sides(self) -> Datasets:
        """The rows of both sides."""
        config = self.config
        return Datasets(config.data, config.scorer, config.held_out.prompts + config.answer_prompts)

    @cached_property
    def hashes(self) -> SharedHashes:
        """The hashes of what all cells have in common."""
        config, pretrain = self.config, self.config.pretrain
        scorer = config.scorer.model_dump()
        size = self.corpus.size if self.corpus else None
        return SharedHashes(
            root=digest([__version__, pretrain.model_dump() if pretrain else None, size]),
            data=digest([__version__, self.sides.identity, scorer]),
            measured=digest([config.held_out.model_dump(), scorer]),
        )

    @cached_property
    def corpus(self) -> Corpus | None:
        """The pre-training corpus, if one is named."""
        pretrain = self.config.pretrain
        if pretrain is None:
            return None
        return Corpus(pretrain.corpus, split=pretrain.split, text_key=pretrain.text_key)

    @cached_property
    def scorer(self) -> "Scorer | None":
        """What scores texts; None where there is only one side to train a classifier on."""
        from elastic_core.scoring import LinearScorer, load_scorer

        chosen = self.config.scorer
        if chosen.kind != "linear":
            return load_scorer(chosen.kind, label=chosen.label)
        rows = self.sides.scorer
        if not rows:
            return None
        texts = {side: each.texts() for side, each in rows.items()}
        labels = [side == "positive" for side in texts for _ in texts[side]]
        return LinearScorer.fit([text for each in texts.values() for text in each], labels)

    def made(self, cell: Cell) -> str:
        """The hash of all that made a cell's model."""
        return cell.made(self.hashes)

    def key(self, cell: Cell) -> str:
        """The hash of all that made a cell's row of metrics."""
        return cell.key(self.hashes)

    def path(self, cell: Cell) -> str | None:
        """The cell's model as `load_model` takes it; None where it is not there."""
        if cell.parent is None and not cell.model.startswith(NEW):
            return cell.model
        return self.store.find(self.made(cell))

    def model(self, cell: Cell) -> DrawingModel:
        """The cell's model, loaded.

        Raises:
            ModelError: It cannot be loaded.
        """
        path = self.path(cell)
        if path is None:
            raise InvalidArgumentError(f"{cell.name}: its model is not there; start the run again")
        return as_drawing(load_model(path))

    def reference(self, root: Cell) -> "Reference":
        """The model that a lineage begins with, and what it draws after the seed's prompts."""
        from elastic_core.scoring import Reference

        key = f"{self.made(root)} {root.seed}"
        if key not in self._references:
            self._references[key] = Reference(
                cast("LanguageModel", self.model(root)),
                self.seed_context(root.seed).prompts(),
                tokens=self.config.held_out.tokens,
                seed=root.seed,
            )
            if len(self._references) > _REFERENCES:
                self._references.popitem(last=False)
        return self._references[key]

    def seed_context(self, seed: int) -> "SeedContext":
        """What the cells of a seed are made of."""
        return SeedContext(self, seed)

    @cached_property
    def all_texts(self) -> list[str]:
        """The documents of the pre-training corpus that have any text."""
        if self.corpus is None:
            return []
        batches = self.corpus.batches(utf8=True)
        return [text.decode() for batch in batches for text in batch.texts if text.strip()]

    @cached_property
    def texts(self) -> list[str]:
        """The first documents of the pre-training corpus, 64 MiB of them, each cut to its start.

        So many, because files are read in sorted order: those of a single folder, and label, would
        not stand for all.
        """
        if self.corpus is None:
            return []
        size, found = 0, list[str]()
        for batch in self.corpus.batches(utf8=True):
            found += [text.decode()[:_LONGEST_TEXT] for text in batch.texts if text.strip()]
            size += sum(map(len, batch.texts))
            if size >= _POOL_BYTES:
                break
        return found


class SeedContext:
    """What the cells of one seed are made of.

    Args:
        context: The context.
        seed: The seed.
    """

    def __init__(self, context: RunContext, seed: int) -> None:
        self.context = context
        self.seed = seed

    def prompts(self) -> list[str]:
        """The prompts that models are measured on."""
        config = self.context.config.held_out
        return self._all_prompts()[: config.prompts]

    def answer_prompts(self) -> list[str]:
        """Held-out prompts that models answer, and are not measured on."""
        return self._all_prompts()[self.context.config.held_out.prompts :]

    def _all_prompts(self) -> list[str]:
        """All held-out prompts, the sides in turn."""
        held_out = self.context.sides.at(self.seed).held_out.values()
        columns = [each.prompts() for each in held_out]
        return [prompt for row in zip(*columns, strict=True) for prompt in row]

    def subset(self, side: str, start: int, stop: int) -> list[Row]:
        """Rows of a side in the seed's order.

        Raises:
            InvalidArgumentError: There is no such side, or not so many rows.
        """
        pool = self.context.sides.at(self.seed).pool
        if side not in pool:
            raise InvalidArgumentError(f"data.{side} is missing, which this study needs; name it")
        return _some(pool[side].rows, start, stop, pool[side].name)

    def pairs(self, start: int, stop: int) -> list[Row]:
        """Preferences in the seed's order.

        Raises:
            InvalidArgumentError: There are none, or not so many.
        """
        pairs = self.context.sides.at(self.seed).pairs
        if pairs is None:
            raise InvalidArgumentError("data.pairs is missing, which this study needs; name it")
        return _some(pairs.rows, start, stop, pairs.name)

    def held_out(self, side: str) -> list[Row]:
        """Rows whose prompts are held out and measured on, of a side; `held_out.texts` at most."""
        sides, settings = self.context.sides, self.context.config.held_out
        count = min(settings.prompts // len(sides.names), settings.texts)
        return [dict(row) for row in sides.at(self.seed).held_out[side].rows[:count]]

    def pretrain_texts(self) -> list[str]:
        """Texts of the pre-training corpus, drawn by the seed."""
        texts = self.context.texts
        count = self.context.config.held_out.texts
        return [texts[at] for at in drawn(texts, self.seed)[:count]]

    def pretrain_rows(self, count: int, measured: int) -> list[Row]:
        """Other texts of the pre-training corpus, cut into prompt and completion as sides are.

        Args:
            count: How many, drawn by the seed.
            measured: How many texts models are measured on; none of them is among the rows.

        Raises:
            InvalidArgumentError: There are not so many.
        """
        texts, words = self.context.texts, self.context.config.data.prompt_words
        order = [texts[at] for at in drawn(texts, self.seed)]
        held_out = set(order[:measured])
        rest = tuple({"text": text} for text in order[measured:] if text not in held_out)
        found = openings(Examples("pretrain.corpus", "text", rest, ""), words).rows if rest else ()
        if count > len(found):
            raise InvalidArgumentError(
                f"pretrain.corpus: {count:,} texts to mix in, but {len(found):,} in its first "
                f"{_POOL_BYTES >> 20} MiB are not measured on and go on after {words} words; ask "
                "for fewer, name other text, or cut it finer with pretrain.split"
            )
        return [dict(row) for row in found[:count]]

    def pretraining(self, size: int | None) -> list[str]:
        """What a tree model is pre-trained on: documents of the corpus in the seed's order.

        Args:
            size: How many bytes, at most; the last document is cut. None: all there are.
        """
        texts = self.context.all_texts
        found, left = [], size
        for at in drawn(texts, self.seed):
            if left == 0:
                break
            text = texts[at].encode()[:left]
            found.append(text.decode(errors="ignore"))
            left = None if left is None else left - len(text)
        return found

    def answers(self, author: Cell, tokens: int, start: int, stop: int) -> list[Row]:
        """What a cell's model says after held-out prompts; it is written down, and read after.

        Args:
            author: The cell.
            tokens: Most tokens of an answer.
            start: The number of the first answer.
            stop: The number after the last.

        Raises:
            InvalidArgumentError: There are not so many prompts.
        """
        prompts = self.answer_prompts()
        if stop > len(prompts):
            raise InvalidArgumentError(
                f"{stop:,} prompts to answer, but {len(prompts):,} are held out; ask for fewer"
            )
        file = self.context.store.answers(self.context.made(author), len(prompts), tokens)
        if not file.exists():
            # All at once: the draws of every prompt are then its own.
            said = self.context.model(author).generate(prompts, tokens=tokens, seed=self.seed)
            rows = [
                {"prompt": prompt, "completion": _spelled(text)}
                for prompt, text in zip(prompts, said, strict=True)
            ]
            write_text(file, json.dumps(rows))
        found: list[Row] = json.loads(file.read_text())
        return found[start:stop]


def _spelled(text: bytes) -> str:
    """A text up to the first byte that is no UTF-8.

    What stands there in its place, U+FFFD, is not what the model said, and unlikely to it.
    """
    return text.decode(errors="replace").partition("\ufffd")[0]


def _some(rows: Sequence[Mapping[str, Any]], start: int, stop: int, name: str) -> list[Row]:
    if stop > len(rows):
        raise InvalidArgumentError(
            f"{name}: {stop:,} rows to learn, but {len(rows):,} are left once held-out prompts "
            "and the scorer's rows are taken out; ask for fewer, or name more data"
        )
    return [dict(row) for row in rows[start:stop]]
