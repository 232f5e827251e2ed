"""Proposes a configuration: looks at the data, chooses sizes, tries them, estimates the time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.units import counted, format_count, format_duration
from elastic_core.experiments.bases import check_exists
from elastic_core.experiments.cells import Cell
from elastic_core.experiments.config import ExperimentConfig, apply_overrides, parse_config
from elastic_core.experiments.context import RunContext
from elastic_core.experiments.executors import count_jobs
from elastic_core.experiments.folder import ModelStore
from elastic_core.experiments.plan import list_cells, plan
from elastic_core.experiments.prompts import choose_prompt_words, lost_rows
from elastic_core.experiments.proposal.data import Sides, commonest_prompt, read_sides, with_words
from elastic_core.experiments.proposal.sizes import STEP, Sizes, choose_sizes, study_keys
from elastic_core.experiments.proposal.text import Section, config_text
from elastic_core.experiments.runner import pending_tasks
from elastic_core.experiments.schedule import Costs, Schedule
from elastic_core.experiments.scorer_rows import open_with_scorer_rows
from elastic_core.experiments.studies.registry import find_study
from elastic_core.experiments.trial import run_trial
from elastic_core.models.spec import ModelKind, ModelSpec

_FEWEST_SEEDS, _MOST_SEEDS = 3, 8
_ENOUGH_SECONDS = 200.0
"""More seeds than the fewest are proposed only as long as the run takes no longer."""

_LONGEST, _LONGEST_ON_GPU = 256, 512
_MARGIN_TOKENS, _DRAWN_TOKENS, _DRAWN_BYTES = 128, 48, 80
_DEFAULT_WORDS = 4
_MANY_ROWS = 10_000
_LARGE = 500_000_000
"""Parameters from which on a step reads its rows one by one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed configuration.

    Attributes:
        text: The configuration, YAML with comments.
        sentences: What was found in the data and chosen, line by line.
        config: The configuration, validated.
        seconds: How long the run is expected to take here.
    """

    text: str
    sentences: tuple[str, ...]
    config: ExperimentConfig
    seconds: float


def propose(
    study: str,
    models: Sequence[str],
    positive: str,
    negative: str,
    *,
    corpus: str | None = None,
    overrides: Sequence[str] = (),
    notify: Callable[[str], object] | None = None,
) -> Proposal:
    """Proposes a configuration for one's own model and data.

    A trial trains a few steps and takes every measurement once; nothing is kept.

    Args:
        study: The name of the study.
        models: The model, as `ExperimentConfig.model` names it; for `scaling` several, from small
            to large.
        positive: The source of the rows of the positive side.
        negative: The source of those of the negative side.
        corpus: Text like the pre-training, which `springs` and new models need.
        overrides: `KEY=VALUE` each, which replace what is proposed.
        notify: Receives what is being done, for a person who waits.

    Raises:
        InvalidArgumentError: A file has no usable columns, there are too few rows, both sides are
            of one class, or the study does not fit the model.
        CorpusError: Data are damaged.
        ModelError: A model does not exist, or cannot be loaded or trained.
        OSError: A file is missing.
    """
    notify = notify or (lambda _: None)
    _check_models(study, models, corpus)
    values: dict[str, Any] = {
        "study": study,
        "model": models[0],
        "data": {"positive": {"source": positive}, "negative": {"source": negative}},
    }
    if corpus is not None:
        values["pretrain"] = {"corpus": corpus}
    chosen = apply_overrides(values, overrides)
    kind = find_study(study).config
    common = {key: value for key, value in chosen.items() if key in ExperimentConfig.model_fields}
    given = _parse(common, ExperimentConfig)
    notify("reading the data")
    draft = _Draft(study, models, read_sides(given.data, models[0]), given)
    values |= draft.values()
    if draft.words is not None:
        values["data"]["prompt_words"] = draft.words
    config = _parse(apply_overrides(values, overrides), kind)
    notify("measuring how long training and measuring take")
    seeds, seconds, jobs = _choose_seeds(config, is_fixed="seeds" in chosen)
    values["seeds"] = seeds
    final = apply_overrides(values, overrides)
    config = _parse(final, kind)
    time = f"{counted(seeds, 'seed', 'seeds')}, about {format_duration(seconds)} on this machine"
    time += f" with {counted(jobs, 'job', 'jobs')}"
    sentences = (*draft.sentences(), time)
    return Proposal(config_text(draft.sections(final, time)), sentences, config, seconds)


def _check_models(study: str, models: Sequence[str], corpus: str | None) -> None:
    if study == "scaling" and len(models) < 2:
        raise InvalidArgumentError(
            "scaling compares models of several sizes; repeat --model for each, from small to "
            "large, or choose another study for a single model"
        )
    if study != "scaling" and len(models) > 1:
        raise InvalidArgumentError(f"{study} takes one model; name one, or choose scaling")
    specs = [ModelSpec.parse(model) for model in models]
    for spec in specs:
        if spec.kind is ModelKind.TRANSFORMERS:
            check_exists(spec)
    needs = [spec.text for spec in specs if spec.is_new] or (
        ["springs"] if study == "springs" else []
    )
    if needs and corpus is None:
        raise InvalidArgumentError(
            f"{needs[0]} needs text like the pre-training; name some with --pretrain CORPUS"
        )
    if study == "algorithms" and specs[0].is_tree:
        raise InvalidArgumentError(
            f"algorithms: {models[0]} is a tree model, which only learns by sft; name a checkpoint"
        )


def _parse(values: Mapping[str, Any], kind: type[ExperimentConfig]) -> ExperimentConfig:
    return parse_config(values, kind, "proposed configuration")


def _choose_seeds(config: ExperimentConfig, *, is_fixed: bool) -> tuple[int, float, int]:
    """The number of seeds, the seconds that the run takes with them, and the jobs."""
    study = find_study(config.study)
    jobs = count_jobs(None, config.spec)
    most = config.seeds if is_fixed else _MOST_SEEDS
    with TemporaryDirectory() as folder:
        whole = config.model_copy(update={"seeds": most})
        whole, context = open_with_scorer_rows(
            whole, list_cells(study, whole), ModelStore(Path(folder))
        )
        cells = plan(study, whole, context).cells
        costs = Costs(whole, run_trial(context, cells))

        def seconds(seeds: int) -> float:
            some = [cell for cell in cells if cell.seed < config.seed + seeds]
            tasks = pending_tasks(context, some, (), lambda cell: _exists(context, cell))
            return Schedule.of(costs, tasks, jobs, context.model_hash).duration

        if is_fixed:
            return most, seconds(most), jobs
        times = {seeds: seconds(seeds) for seeds in range(_FEWEST_SEEDS, most + 1)}
    affordable = list(takewhile(lambda seeds: times[seeds] <= _ENOUGH_SECONDS, times))
    seeds = affordable[-1] if affordable else _FEWEST_SEEDS
    return seeds, times[seeds], jobs


def _exists(context: RunContext, cell: Cell) -> bool:
    return context.path(cell) is not None


class _Draft:
    """What is chosen for a study, a model and the rows of both sides.

    Args:
        study: The name of the study.
        models: The models.
        sides: The rows.
        given: The values that are given.
    """

    def __init__(
        self, study: str, models: Sequence[str], sides: Sides, given: ExperimentConfig
    ) -> None:
        self._study = study
        self._models = models
        self._spec = ModelSpec.parse(models[0])
        self._sides = sides
        self._seed = given.seed
        is_given = "prompt_words" in given.data.model_fields_set
        self._given_words = given.data.prompt_words if is_given else None
        scorers = 2 if study == "algorithms" else 1
        self._sizes = self._choose(scorers)
        self._accuracy = sides.accuracy()
        self._parameters = self._count_parameters()

    def _choose(self, scorers: int) -> Sizes:
        """The sizes, with the number of words of a prompt that loses few rows."""
        self._words, self._lost = self._given_words or _DEFAULT_WORDS, 0

        def lost(held_out: int) -> int:
            rows = self._sides.rows
            if self._sides.texts and self._given_words is None:
                self._words, _ = choose_prompt_words(rows, held_out, self._seed)
            seeds = range(_MOST_SEEDS if self._sides.size <= _MANY_ROWS else 1)
            self._lost = max(
                lost_rows(rows, self._words, held_out, self._seed + number) for number in seeds
            )
            return self._lost

        return choose_sizes(self._study, self._sides.size, lost, scorers)

    def _count_parameters(self) -> list[int]:
        counts = []
        for model in self._models:
            spec = ModelSpec.parse(model)
            if spec.kind is ModelKind.TRANSFORMERS:
                from elastic_core.models.transformers.sizes import count_parameters

                counts.append(count_parameters(model, spec.name))
            elif spec.kind is ModelKind.SCRATCH:
                counts.append(spec.size.parameters)
        return counts

    @property
    def words(self) -> int | None:
        """The words of a prompt; None if the rows have prompts."""
        return self._words if self._sides.texts else None

    def values(self) -> dict[str, Any]:
        """The keys of the configuration besides study, model and sources."""
        sizes, is_tree = self._sizes, self._spec.is_tree
        tokens = _DRAWN_BYTES if is_tree else min(_DRAWN_TOKENS, self._max_length // 2)
        held_out = {"prompts": 2 * sizes.held_out, "tokens": tokens, "texts": sizes.held_out}
        values: dict[str, Any] = {**study_keys(self._study, sizes), "held_out": held_out}
        if not is_tree:
            held_out["length"] = min(_MARGIN_TOKENS, self._max_length)
        values["scorer"] = {"rows": sizes.scorer}
        if self._has_arms:
            values["measure"] = ["margin", "log_odds", "kl"]
            values["calibrate"] = not is_tree
        if self._study == "reversion":
            values["arms"] = ["neutral", "opposite"]
            values["claims"] = {"pretraining_pulls": {"primary": False}}
        if self._study == "algorithms":
            values["algorithms"] = ["sft", "dpo", "simpo"]
        if self._study == "mitigation":
            values["variants"] = {"mixed": {"mix": 0.5}}
        if self._study == "scaling":
            values |= {"along": "size", "models": list(self._models)}
            if self._parameters:
                values["xs"] = [float(count) for count in self._parameters]
        values["recipe"] = {"weight": 5} if is_tree else self._recipe()
        return values

    @property
    def _has_arms(self) -> bool:
        return self._study not in ("resistance", "springs")

    @property
    def _max_length(self) -> int:
        """The tokens of a row: enough for nine rows of ten, within what model and time allow."""
        from elastic_core.experiments.executors import has_gpu

        most = _LONGEST_ON_GPU if has_gpu() else _LONGEST
        most = min(most, self._sides.positions or most)
        return max(min(most, 16), min(most, -(-self._sides.longest(0.9) // 32) * 32))

    def _recipe(self) -> dict[str, Any]:
        """How to train."""
        parameters = max(self._parameters, default=1_000_000)
        rate = float(f"{3e-4 * (1e6 / parameters) ** (1 / 3):.0e}")
        is_large = parameters >= _LARGE
        return {
            "learning_rate": rate,
            "batch": 1 if is_large else STEP,
            "accumulation": STEP if is_large else 1,
            "max_length": self._max_length,
            "warm_up": 1,
        }

    def sentences(self) -> tuple[str, ...]:
        """What was found and chosen."""
        unit = "tokens" if self._spec.kind is ModelKind.TRANSFORMERS else "bytes"
        return (
            *self._sides.sentences(unit),
            *self._prompt_sentences(),
            self._accuracy_sentence(),
            self._rows_sentence(),
        )

    def _rows_sentence(self) -> str:
        sizes = self._sizes
        return (
            f"rows of each side: {sizes.held_out + sizes.answers // 2:,} held out, "
            f"{sizes.scorer:,} for the scorer, up to {sizes.trained:,} to train on"
        )

    def _prompt_sentences(self) -> tuple[str, ...]:
        if not self._sides.texts:
            return ()
        words = counted(self._words, "word", "words")
        sentence = f"prompts: {words}, with which {counted(self._lost, 'row is', 'rows are')} lost"
        if self._words > _DEFAULT_WORDS:
            few = with_words(self._sides, _DEFAULT_WORDS).rows["positive"]
            sentence += f"; with {_DEFAULT_WORDS} words {commonest_prompt(few)}"
        return (sentence,)

    def _accuracy_sentence(self) -> str:
        accuracy = self._accuracy
        share = (
            f"{accuracy.correct:.0%} of {accuracy.texts} texts (95% CI {accuracy.low:.0%} to "
            f"{accuracy.high:.0%})"
        )
        if accuracy.low > 0.5:
            return f"classes: a linear classifier tells the sides apart in {share}"
        return (
            f"classes: a linear classifier tells the sides apart in {share}, hardly better than by "
            "chance; check that the files hold different classes"
        )

    def sections(self, values: Mapping[str, Any], time: str) -> list[Section]:
        """The configuration in sections, each with its comment."""
        sentences = self.sentences()
        size = f" ({format_count(self._parameters[0])} parameters)" if self._parameters else ""
        comments = {
            "study": f"Proposed by `elastic-core experiment init {self._study}`. Run it with "
            f"`elastic-core experiment {self._study} --config THIS_FILE`.",
            "model": f"The model to start from{size}.",
            "data": "\n".join(sentences),
            "pretrain": "Text like the pre-training.",
            "align": "Numbers of rows to align with. A training passes through all of them.",
            "rows": "Rows of the positive side, learned in slices one after another.",
            "dose": "Numbers of rows to train on further, after the alignment.",
            "reverse": "Numbers of negative rows that perturb the aligned model.",
            "arms": "neutral: texts that the model samples, like its pre-training; opposite: the "
            "other side. For text unlike both, add novel to arms and novel: {source: FILE}.",
            "held_out": "What every model is measured on.",
            "scorer": "A linear classifier, trained on these rows of each side, which nothing else "
            "uses. Its texts give the weights of log_odds.",
            "measure": "Add rates (losses of whole texts), score (of completions), first_order or "
            "weight_noise. Each takes time, which --dry-run estimates.",
            "calibrate": "The run itself calibrates the learning rate below: in the first seed it "
            "halves it until neutral rows move the base by less than a third as far as the "
            "alignment. This is part of the run so that its folder shows the trials.",
            "recipe": self._recipe_comment(),
            "claims": "Without novel text nothing tests whether it is the pre-training that pulls.",
            "algorithms": "Others: kto, ppo, rloo, grpo. They train once for each number of rows.",
            "variants": "Ways to align besides the plain one: mix is neutral texts per row; with "
            "recipe: {lora_rank: 8} an adapter is trained, with recipe: {beta: 0.1} the loss "
            "includes the divergence from the base.",
            "models": "From small to large; xs are their parameters.",
            "seeds": f"{time}. A claim has a verdict from 3 seeds on; more seeds decide more, and "
            "can be added to a finished run with --seeds.",
        }
        return [Section({key: value}, comments.get(key, "")) for key, value in values.items()]

    def _recipe_comment(self) -> str:
        if self._spec.is_tree:
            return "How often a tree model counts a row."
        rate = "The learning rate is a guess from the size of the model, on the high side"
        if not self._has_arms:
            rate += f"; {self._study} does not calibrate it, so lower it if trainings diverge"
        return (
            f"{rate}. A step takes {STEP} rows, which are cut off after max_length tokens: the "
            "90th percentile of the data, or what time allows."
        )
