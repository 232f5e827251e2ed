"""PPO, for which TRL has no trainer any more: losses, a policy with values, the trainer."""
