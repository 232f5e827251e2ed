"""The schedule of a pre-training: its learning rate, and the volumes at which models are kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from elastic_core._core import InvalidArgumentError
from elastic_core.common.arguments import listed
from elastic_core.common.units import parse_count

COSINE, WSD = "cosine", "wsd"

SCHEDULES = (COSINE, WSD)
"""The schedules: a cosine over the whole run; warm-up, stable, decay."""

WARM_UP_STEPS = 20
"""The default warm-up of `wsd`. It is no share of the run, so that shorter runs are prefixes."""

DECAY = 0.2
"""The default share of the tokens in the decay phase of `wsd`; Hägele et al. recommend it."""

_COSINE_WARM_UP = 0.02
_COSINE_LAST = 0.1


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate over a run, and the volumes at which models are kept; all in tokens.

    With `wsd` the learning rate rises linearly during the warm-up, is constant, and falls as
    1 - sqrt(share of the decay phase done) to 0 (Hägele et al., *Scaling Laws and Compute-Optimal
    Training Beyond Fixed Training Durations*, 2024). Up to the decay, a run is a prefix of any
    longer one.

    Attributes:
        batch: Tokens in an optimizer step; all volumes are multiples of it.
        tokens: Tokens to train on.
        kind: `cosine` or `wsd`.
        warm_up: Tokens of the warm-up of `wsd`; 0 with `cosine`.
        decay: The share of the tokens in the decay phase of `wsd`; 0 with `cosine`.
        checkpoints: Volumes after which the model is also saved, as it is.
        branches: Volumes of models that are annealed from the run, decay phase included.
    """

    batch: int
    tokens: int
    kind: str = COSINE
    warm_up: int = 0
    decay: float = 0.0
    checkpoints: tuple[int, ...] = ()
    branches: tuple[int, ...] = ()

    def decay_steps(self, tokens: int) -> int:
        """The steps of the decay phase of `wsd` that ends after `tokens` tokens, at least 1."""
        return max(1, round(self.decay * (tokens // self.batch)))

    def stable_steps(self, tokens: int) -> int:
        """The steps before this decay phase, those of the warm-up among them."""
        return tokens // self.batch - self.decay_steps(tokens)

    @property
    def decay_tokens(self) -> int:
        """The tokens that branches are trained on besides those of the run itself."""
        own = (tokens for tokens in self.branches if tokens != self.tokens)
        return sum(self.decay_steps(tokens) * self.batch for tokens in own)

    def arguments(self) -> dict[str, Any]:
        """The learning rate as arguments of transformers' `TrainingArguments`."""
        if self.kind == COSINE:
            return {
                "lr_scheduler_type": "cosine_with_min_lr",
                "lr_scheduler_kwargs": {"min_lr_rate": _COSINE_LAST},
                "warmup_steps": math.ceil(_COSINE_WARM_UP * (self.tokens // self.batch)),
            }
        return {
            "lr_scheduler_type": "warmup_stable_decay",
            "lr_scheduler_kwargs": {
                "num_decay_steps": self.decay_steps(self.tokens),
                "decay_type": "1-sqrt",
            },
            "warmup_steps": self.warm_up // self.batch,
        }


def plan_schedule(
    batch: int,
    tokens: int | str | None,
    *,
    kind: str | None = None,
    warm_up: int | str | None = None,
    decay: float | None = None,
    checkpoints: Sequence[int | str] = (),
    branches: Sequence[int | str] = (),
) -> Schedule:
    """Checks and completes a schedule; volumes are rounded up to whole steps.

    Args:
        batch: Tokens in an optimizer step.
        tokens: Tokens to train on; None: the largest branch.
        kind: `cosine` or `wsd`; None: `wsd` with branches, else `cosine`.
        warm_up: Tokens of the warm-up; None: 20 steps.
        decay: The share of the tokens in the decay phase; None: 0.2.
        checkpoints: Volumes of checkpoints.
        branches: Volumes of branches, increasing.

    Raises:
        InvalidArgumentError: A value is invalid, or two contradict each other.
    """

    def whole(count: int | str) -> int:
        return -(-parse_count(count) // batch) * batch

    annealed = [whole(count) for count in listed(branches)]
    if tokens is None and not annealed:
        raise InvalidArgumentError("tokens: no number is given; pass tokens, or branches")
    if any(later <= earlier for earlier, later in pairwise(annealed)):
        raise InvalidArgumentError(
            f"branches {', '.join(map(str, listed(branches)))}: each must be at least one step, "
            f"{batch} tokens, longer than the one before"
        )
    total = annealed[-1] if tokens is None else whole(tokens)
    saved = sorted({whole(count) for count in listed(checkpoints)})
    for what, volumes in (("checkpoint", saved), ("branch", annealed)):
        if volumes and volumes[-1] > total:
            raise InvalidArgumentError(
                f"{what} {volumes[-1]}: training ends before it, after {total} tokens; lower it"
            )
    if both := sorted({*saved} & {*annealed}):
        raise InvalidArgumentError(
            f"checkpoint {both[0]}: it is also a branch; leave it out of one of them"
        )
    kind = kind or (WSD if annealed else COSINE)
    if kind not in SCHEDULES:
        raise InvalidArgumentError(f"unknown schedule {kind!r}; choose {' or '.join(SCHEDULES)}")
    if kind == COSINE:
        for name, value in (("branches", annealed), ("warm_up", warm_up), ("decay", decay)):
            if value not in (None, []):
                raise InvalidArgumentError(
                    f"{name}: the schedule {COSINE} has none; choose {WSD}, or leave {name} out"
                )
        return Schedule(batch, total, checkpoints=tuple(saved))
    decay = DECAY if decay is None else decay
    if not 0 < decay < 1:
        raise InvalidArgumentError(f"decay {decay}: must be a share, more than 0 and less than 1")
    warming = WARM_UP_STEPS * batch if warm_up is None else whole(warm_up)
    schedule = Schedule(batch, total, kind, warming, decay, tuple(saved), tuple(annealed))
    for volume in (*annealed, total):
        if schedule.stable_steps(volume) * batch < warming:
            raise InvalidArgumentError(
                f"{volume} tokens are too few for a warm-up of {warming} and a decay of "
                f"{schedule.decay_steps(volume) * batch}; train on more, or shorten the warm-up"
            )
    return schedule
