"""What a study is: a configuration of its own, the cells it asks for, what they come to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from elastic_core.experiments.analysis import Analysis
from elastic_core.experiments.cells import Metrics, RunCells
from elastic_core.experiments.config import ExperimentConfig

Config = TypeVar("Config", bound=ExperimentConfig)


@dataclass(frozen=True, slots=True)
class Study(Generic[Config]):
    """A study.

    Attributes:
        name: Its name on the command line.
        config: The keys of its configuration.
        run: Asks for cells, as often as it takes; what comes back may decide what is asked next.
            It must ask the same whenever the same comes back.
        analyse: Says what the rows of all cells come to.
    """

    name: str
    config: type[Config]
    run: Callable[[Config, RunCells], None]
    analyse: Callable[[Config, Sequence[Metrics]], Analysis]
