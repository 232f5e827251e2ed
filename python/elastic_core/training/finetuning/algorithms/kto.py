"""Kahneman-Tversky optimization (Ethayarajh et al. 2024, arXiv 2402.01306).

Its trainer pairs each row's prompt with another completion of the batch to estimate the KL to the
reference, and takes the rows in their order, so they are shuffled here.
"""

from trl import KTOConfig, KTOTrainer

from elastic_core.training.finetuning.algorithms.job import Job


def trainer(job: Job) -> KTOTrainer:
    """The trainer of a job."""
    arguments = job.configure(KTOConfig, max_length=job.max_length, beta=job.beta(0.1))
    parts = {**job.parts, "train_dataset": job.rows.shuffle(seed=arguments.seed)}
    return KTOTrainer(args=arguments, ref_model=job.reference, **parts)
