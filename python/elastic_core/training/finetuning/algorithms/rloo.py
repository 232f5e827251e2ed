"""REINFORCE leave-one-out (Ahmadian et al. 2024, arXiv 2402.14740)."""

from trl import RLOOConfig, RLOOTrainer

from elastic_core.training.finetuning.algorithms.job import Job


def trainer(job: Job) -> RLOOTrainer:
    """The trainer of a job."""
    arguments = job.configure(
        RLOOConfig,
        beta=job.beta(0.05),
        num_generations=job.recipe.generations,
        max_completion_length=job.recipe.completion_length,
    )
    return RLOOTrainer(args=arguments, reward_funcs=[*job.rewards], **job.parts)
