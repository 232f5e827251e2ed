"""Group relative policy optimization (Shao et al. 2024, arXiv 2402.03300)."""

from trl import GRPOConfig, GRPOTrainer

from elastic_core.training.finetuning.algorithms.job import Job


def trainer(job: Job) -> GRPOTrainer:
    """The trainer of a job."""
    arguments = job.configure(
        GRPOConfig,
        beta=job.beta(0.0),
        num_generations=job.recipe.generations,
        max_completion_length=job.recipe.completion_length,
    )
    return GRPOTrainer(args=arguments, reward_funcs=[*job.rewards], **job.parts)
