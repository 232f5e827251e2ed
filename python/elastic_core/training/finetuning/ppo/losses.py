"""The mathematics of PPO: rewards of tokens, advantages, losses.

Every function takes tensors of shape (completions, positions). The tokens of a completion lie at
consecutive positions, where its row of `mask` is True; elsewhere values do not matter.
"""

import torch
from torch import Tensor


def token_rewards(scores: Tensor, log_ratios: Tensor, mask: Tensor, beta: float) -> Tensor:
    """The reward of every token: the penalty for diverging, and at the last token the score too.

    The penalties of a completion add up to beta times an unbiased estimate of the KL divergence
    from the reference (Ziegler et al. 2019, arXiv 1909.08593, equation 2).

    Args:
        scores: The reward of each completion, shape (completions,).
        log_ratios: log p_model - log p_reference of each token, in nats.
        mask: Where the tokens are.
        beta: Reward per nat.

    Returns:
        The rewards; 0 outside the mask.
    """
    rewards = torch.where(mask, -beta * log_ratios, 0.0)
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = torch.where(mask, positions, -1).amax(1, keepdim=True)
    return rewards.scatter_add(1, last, scores[:, None])


def advantages(rewards: Tensor, values: Tensor, mask: Tensor, decay: float) -> Tensor:
    """Generalized advantage estimates without discounting (Schulman et al. 2016, arXiv 1506.02438).

    A_t = sum_l decay^l delta_(t+l), where delta_t = reward_t + V_(t+1) - V_t, and V is 0 after the
    end of a completion.

    Args:
        rewards: The reward of each token.
        values: The expected sum of the rewards from each token on, as estimated before it.
        mask: Where the tokens are.
        decay: The lambda of the method, from 0 (one step ahead) to 1 (the whole completion).

    Returns:
        The advantages; 0 outside the mask.
    """
    values = torch.where(mask, values, 0.0)
    following = torch.nn.functional.pad(values[:, 1:], (0, 1))
    deltas = torch.where(mask, rewards + following - values, 0.0)
    positions = torch.arange(mask.shape[1], device=mask.device)
    ahead = positions[:, None] - positions
    powers = torch.where(ahead >= 0, decay ** ahead.clamp(min=0).to(deltas.dtype), 0.0)
    return torch.where(mask, deltas @ powers, 0.0)


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """The values with mean 0 and variance 1 over the mask; 0 outside, or if they are all equal."""
    chosen = values[mask]
    centred = torch.where(mask, values - chosen.mean(), 0.0)
    return centred / (chosen.var(correction=0) + 1e-8).sqrt()


def policy_loss(log_probs: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """The clipped surrogate loss of each token (Schulman et al. 2017, arXiv 1707.06347, eq. 7).

    Args:
        log_probs: Log-probabilities of the tokens under the model that is trained.
        old: The same under the model that sampled them.
        advantages: Their advantages.
        clip: How far the ratio of the probabilities may leave 1 before its gradient vanishes.
    """
    ratios = (log_probs - old).exp()
    return -torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages)


def value_loss(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Half the squared error of each value, without a gain beyond `clip` from its old value.

    This clipping is that of OpenAI's baselines (Engstrom et al. 2020, arXiv 2005.12729, 3.1).

    Args:
        values: The values as the model now estimates them.
        old: The values when the completions were sampled.
        returns: What they should be: advantages plus old values.
        clip: The largest change that still lowers the loss.
    """
    clipped = old + (values - old).clamp(-clip, clip)
    return torch.maximum((values - returns) ** 2, (clipped - returns) ** 2) / 2
