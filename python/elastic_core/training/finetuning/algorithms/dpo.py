"""Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290)."""

from trl import DPOConfig, DPOTrainer

from elastic_core.training.finetuning.algorithms.job import Job


def trainer(job: Job) -> DPOTrainer:
    """The trainer of a job."""
    arguments = job.configure(DPOConfig, max_length=job.max_length, beta=job.beta(0.1))
    return DPOTrainer(args=arguments, ref_model=job.reference, **job.parts)
