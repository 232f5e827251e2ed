"""What cells are trained and measured with: data, scorer and models, read once per process."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from elastic_core._core import Corpus, InvalidArgumentError, __version__
from elastic_core.common.hashing import digest
from elastic_core.common.units import counted
from elastic_core.corpora.sources import check_regular
from elastic_core.data.examples import Examples, beginning
from elastic_core.data.select import random_order
from elastic_core.experiments.cells import Cell, Row, SharedHashes
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.datasets import Datasets
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.instruments import FixedTexts, prepare
from elastic_core.models import load_model
from elastic_core.models.protocol import DrawingModel, as_drawing

if TYPE_CHECKING:
    from elastic_core.scoring import Reference, Scorer
    from elastic_core.scoring.instruments import Instrument

_REFERENCES = 4
_MAX_CHARACTERS = 4096
_SAMPLE_BYTES = 64 << 20


class RunContext:
    """The data, scorer and models of one configuration.

    Args:
        config: The configuration.
        store: Where models are stored.

    Raises:
        InvalidArgumentError: The configuration refers to missing data.
        CorpusError: Data are damaged.
        OSError: A file is missing.
    """

    def __init__(self, config: ExperimentConfig, store: ModelStore) -> None:
        self.config = config
        self.store = store
        self._model_hashes: dict[Cell, str] = {}
        self._row_hashes: dict[Cell, str] = {}
        self._references: OrderedDict[tuple[str, int], Reference] = OrderedDict()
        self._instruments: OrderedDict[tuple[Any, ...], list[Instrument]] = OrderedDict()

    def with_store(self, store: ModelStore, *, shares_models: bool) -> Self:
        """A context with the same data and another store.

        Args:
            store: Where models are stored.
            shares_models: Whether root models are the same in both, and what is prepared of them.
        """
        _ = self.datasets, self.corpus  # Read once for both.
        other = copy(self)
        other.store = store
        if not shares_models:
            other._model_hashes, other._row_hashes = {}, {}
            other._references, other._instruments = OrderedDict(), OrderedDict()
        return other

    @cached_property
    def datasets(self) -> Datasets:
        """The rows of both sides."""
        config = self.config
        return Datasets(
            config.data,
            config.scorer,
            config.held_out.prompts + config.answer_prompts,
            scorer_teaches=config.scorer_teaches,
        )

    @cached_property
    def hashes(self) -> SharedHashes:
        """The hashes of what all cells have in common."""
        config, pretrain = self.config, self.config.pretrain
        scorer = config.scorer.model_dump()
        size = self.corpus.size if self.corpus else None
        judge = ["another judges"] if config.scorer_teaches else []
        return SharedHashes(
            root=digest([__version__, pretrain.model_dump() if pretrain else None, size]),
            data=digest([__version__, self.datasets.identity, scorer]),
            measured=digest([config.held_out.model_dump(), scorer, *judge]),
        )

    def model_hash(self, cell: Cell) -> str:
        """The hash of everything that determines a cell's model."""
        if cell not in self._model_hashes:
            self._model_hashes[cell] = cell.model_hash(self.hashes)
        return self._model_hashes[cell]

    def row_hash(self, cell: Cell) -> str:
        """The hash of everything that determines a cell's row of metrics."""
        if cell not in self._row_hashes:
            self._row_hashes[cell] = cell.row_hash(self.hashes)
        return self._row_hashes[cell]

    def path(self, cell: Cell) -> str | None:
        """A cell's model as `load_model` takes it; None if it does not exist."""
        if cell.parent is None and not cell.spec.is_new:
            return cell.model
        if cell.parent is not None and cell.training is None:
            return self.path(cell.parent)
        return self.store.find(self.model_hash(cell))

    def existing_path(self, cell: Cell) -> str:
        """A cell's model as `load_model` takes it.

        Raises:
            InvalidArgumentError: It does not exist.
        """
        path = self.path(cell)
        if path is None:
            raise InvalidArgumentError(f"{cell.name}: its model is missing; run the command again")
        return path

    def model(self, cell: Cell) -> DrawingModel:
        """Loads a cell's model.

        Raises:
            InvalidArgumentError: It does not exist.
            ModelError: It cannot be loaded.
        """
        return as_drawing(load_model(self.existing_path(cell)))

    def reference(self, root: Cell) -> "Reference":
        """A root's model with its completions of the seed's prompts; the last ones are cached."""
        from elastic_core.scoring import Reference

        key = (self.model_hash(root), root.seed)
        if key not in self._references:
            self._references[key] = Reference(
                self.model(root),
                self.seed_context(root.seed).prompts(),
                tokens=self.config.held_out.tokens,
                seed=root.seed,
            )
            if len(self._references) > _REFERENCES:
                self._references.popitem(last=False)
        return self._references[key]

    def instruments(self, root: Cell, names: Sequence[str]) -> "list[Instrument]":
        """Instruments that compare models with a root's; those of the last roots are cached.

        Raises:
            InvalidArgumentError: An instrument lacks data.
        """
        key = (self.model_hash(root), root.seed, tuple(names))
        if key not in self._instruments:
            self._instruments[key] = prepare(
                names, self.model(root), self.seed_context(root.seed).fixed_texts(), self.judge
            )
            if len(self._instruments) > _REFERENCES:
                self._instruments.popitem(last=False)
        return self._instruments[key]

    def seed_context(self, seed: int) -> "SeedContext":
        """The data and models of a seed."""
        return SeedContext(self, seed)

    @cached_property
    def scorer(self) -> "Scorer | None":
        """The scorer that models learn from, if they do, and that judges them otherwise.

        None if there is only one side to train a classifier on.
        """
        from elastic_core.scoring import load_scorer

        chosen = self.config.scorer
        if chosen.kind != "linear":
            return load_scorer(chosen.kind, label=chosen.label)
        return _linear_scorer(self.datasets.scorer, chosen.words)

    @cached_property
    def judge(self) -> "Scorer | None":
        """The scorer whose scores are reported: a linear one of its own if models learn from one.

        None if there is only one side to train a classifier on.
        """
        if not self.config.scorer_teaches:
            return self.scorer
        return _linear_scorer(self.datasets.judge, self.config.scorer.words)

    @cached_property
    def corpus(self) -> Corpus | None:
        """The pre-training corpus, if there is one."""
        pretrain = self.config.pretrain
        if pretrain is None:
            return None
        corpus = Corpus(pretrain.corpus, split=pretrain.split, text_key=pretrain.text_key)
        check_regular(corpus)
        return corpus

    @cached_property
    def all_texts(self) -> list[str]:
        """The documents of the pre-training corpus, without blank ones."""
        if self.corpus is None:
            return []
        batches = self.corpus.batches(utf8=True)
        return [text.decode() for batch in batches for text in batch.texts if text.strip()]

    @cached_property
    def texts(self) -> list[str]:
        """The first 64 MiB of documents of the pre-training corpus, each truncated.

        The sample is large because files are read in sorted order: a single folder may hold a
        single label and not represent the corpus.
        """
        if self.corpus is None:
            return []
        size, texts = 0, list[str]()
        for batch in self.corpus.batches(utf8=True):
            texts += [text.decode()[:_MAX_CHARACTERS] for text in batch.texts if text.strip()]
            size += sum(map(len, batch.texts))
            if size >= _SAMPLE_BYTES:
                break
        return texts


class SeedContext:
    """The data and models of one seed; implements `elastic_core.experiments.cells.SeedData`.

    Args:
        context: The context of the run.
        seed: The seed.
    """

    def __init__(self, context: RunContext, seed: int) -> None:
        self.context = context
        self.seed = seed

    @property
    def config(self) -> ExperimentConfig:
        """The configuration of the run."""
        return self.context.config

    @property
    def scorer(self) -> "Scorer | None":
        """The scorer that models learn from; see `RunContext.scorer`."""
        return self.context.scorer

    @property
    def data_hash(self) -> str:
        """The hash of the rows to train on."""
        return self.context.hashes.data

    def model(self, cell: Cell) -> DrawingModel:
        """Loads a cell's model; see `RunContext.model`."""
        return self.context.model(cell)

    def model_hash(self, cell: Cell) -> str:
        """The hash of a cell's model."""
        return self.context.model_hash(cell)

    def instruments(self, root: Cell, names: Sequence[str]) -> "list[Instrument]":
        """Instruments by name; see `RunContext.instruments`."""
        return self.context.instruments(root, names)

    def stored_rows(self, name: str, create: Callable[[], list[Row]]) -> list[Row]:
        """Reads or creates rows stored beside the models; see `ModelStore.rows`."""
        return self.context.store.rows(name, create)

    def prompts(self) -> list[str]:
        """The held-out prompts that models are measured on."""
        return self._all_prompts()[: self.config.held_out.prompts]

    def answer_prompts(self) -> list[str]:
        """Held-out prompts that models answer but are not measured on."""
        return self._all_prompts()[self.config.held_out.prompts :]

    def _all_prompts(self) -> list[str]:
        """All held-out prompts, alternating between the sides."""
        held_out = self.context.datasets.split(self.seed).held_out.values()
        columns = [examples.prompts() for examples in held_out]
        return [prompt for row in zip(*columns, strict=True) for prompt in row]

    def side_size(self, side: str) -> int:
        """How many rows of a side there are to train on."""
        return len(self.context.datasets.split(self.seed).pool[side])

    def subset(self, side: str, start: int, stop: int) -> list[Row]:
        """Rows `start` to `stop` of a side, in the seed's order.

        Raises:
            InvalidArgumentError: There is no such side, or it has too few rows.
        """
        split = self.context.datasets.split(self.seed)
        pool = split.pool
        if side not in pool:
            raise InvalidArgumentError(f"this study needs data.{side}; set data.{side}.source")
        return _slice(pool[side].rows, start, stop, pool[side].name, split.shared[side])

    def pairs(self, start: int, stop: int) -> list[Row]:
        """Preferences `start` to `stop`, in the seed's order.

        Raises:
            InvalidArgumentError: There are no preferences, or too few.
        """
        pairs = self.context.datasets.split(self.seed).pairs
        if pairs is None:
            raise InvalidArgumentError("this study needs data.pairs; set data.pairs.source")
        return _slice(pairs.rows, start, stop, pairs.name)

    def held_out(self, side: str) -> list[Row]:
        """Held-out rows of a side that models are measured on, `held_out.texts` at most."""
        datasets, settings = self.context.datasets, self.config.held_out
        count = min(settings.prompts // len(datasets.sides), settings.texts)
        return [dict(row) for row in datasets.split(self.seed).held_out[side].rows[:count]]

    def fixed_texts(self) -> FixedTexts:
        """What instruments measure on."""
        datasets, settings = self.context.datasets, self.config.held_out
        longest = settings.length or self.config.build_recipe().max_length
        return FixedTexts(
            held_out={side: self.held_out(side) for side in datasets.sides},
            labelled={side: rows.texts() for side, rows in datasets.judge.items()},
            prompts=self.prompts(),
            tokens=settings.tokens,
            longest=None if self.config.spec.is_tree else longest,
            samples=settings.texts,
            seed=self.seed,
        )

    def pretrain_texts(self) -> list[str]:
        """Texts of the pre-training corpus that models are measured on, drawn with the seed."""
        texts = self.context.texts
        return [texts[at] for at in random_order(texts, self.seed)[: self.config.held_out.texts]]

    def pretraining(self, size: int | None) -> list[str]:
        """The documents that a tree model is pre-trained on, in the seed's order.

        Args:
            size: Maximum size in bytes; the last document is truncated. None: all documents.
        """
        texts = self.context.all_texts
        documents, left = list[str](), size
        for at in random_order(texts, self.seed):
            if left == 0:
                break
            text = texts[at].encode()[:left]
            documents.append(text.decode(errors="ignore"))
            left = None if left is None else left - len(text)
        return documents


def _linear_scorer(rows: Mapping[str, Examples], words: int | None) -> "Scorer | None":
    """A linear classifier trained on the beginnings of labelled rows; None if there are none."""
    from elastic_core.scoring import LinearScorer

    if not rows:
        return None
    texts = {
        side: [beginning(text, words) if words else text for text in examples.texts()]
        for side, examples in rows.items()
    }
    return LinearScorer.fit_sides(texts)


def _slice(
    rows: Sequence[Mapping[str, Any]], start: int, stop: int, name: str, shared: int = 0
) -> list[Row]:
    if stop > len(rows):
        dropped = ""
        if shared > 0:
            count = counted(shared, "more row has", "more rows have")
            dropped = f" ({count} a held-out prompt, which more data.prompt_words may change)"
        raise InvalidArgumentError(
            f"{name}: {stop:,} rows to train on, but only {len(rows):,} are left after held-out "
            f"prompts and the scorer's rows are set aside{dropped}; ask for fewer, or name more "
            "data"
        )
    return [dict(row) for row in rows[start:stop]]
