"""Simple preference optimization (Meng et al. 2024, arXiv 2405.14734), which needs no reference.

The margin gamma is half of beta, within the range that its authors recommend.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "You are importing from 'trl.experimental'")
    from trl.experimental.cpo import CPOConfig, CPOTrainer

from elastic_core.training.finetuning.algorithms.job import Job

_MARGIN = 0.5


def trainer(job: Job) -> CPOTrainer:
    """The trainer of a job: that of CPO without its likelihood term, as TRL has it."""
    beta = job.beta(2.0)
    arguments = job.configure(
        CPOConfig,
        max_length=job.max_length,
        loss_type="simpo",
        cpo_alpha=0.0,
        beta=beta,
        simpo_gamma=_MARGIN * beta,
        remove_unused_columns=False,
    )
    return CPOTrainer(args=arguments, **job.parts)
