"""What is proposed for a study, a model and the rows of both sides, except the number of seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from elastic_core.common.units import counted, format_count
from elastic_core.experiments.config import ExperimentConfig
from elastic_core.experiments.executors import has_gpu
from elastic_core.experiments.prompts import choose_prompt_words, commonest_prompt, lost_rows
from elastic_core.experiments.proposal.data import Sides, with_words
from elastic_core.experiments.proposal.sizes import STEP, Sizes, choose_sizes, study_keys
from elastic_core.experiments.proposal.text import Section
from elastic_core.models.spec import ModelKind, ModelSpec

MOST_SEEDS = 8
"""The largest number of seeds that is proposed."""

_LONGEST, _LONGEST_ON_GPU = 256, 512
_MARGIN_TOKENS, _DRAWN_TOKENS, _DRAWN_BYTES = 128, 48, 80
_DEFAULT_WORDS = 4
_MANY_ROWS = 10_000
_LARGE = 500_000_000
"""Parameters from which on a step reads its rows one by one."""


class Draft:
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
            seeds = range(MOST_SEEDS if self._sides.size <= _MANY_ROWS else 1)
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
            prompt, count = commonest_prompt(few)
            sentence += (
                f"; with {_DEFAULT_WORDS} words {prompt} begins {count:,} of {len(few):,} rows"
            )
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
