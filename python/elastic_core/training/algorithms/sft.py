"""Supervised fine-tuning: the likelihood of texts, or of completions given their prompts."""

from trl import SFTConfig, SFTTrainer

from elastic_core.training.algorithms.job import Job


def trainer(job: Job) -> SFTTrainer:
    """The trainer of a job."""
    return SFTTrainer(args=job.configure(SFTConfig, max_length=job.max_length), **job.parts)
