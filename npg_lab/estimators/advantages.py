r"""Advantages from rewards and a value function: temporal differences and their exponential average."""

from ..validation import unit_interval
from .gradients import sequence


def td_errors(rewards, values, discount):
    r""":math:`\delta_t = r_t + \gamma V(s_{t+1}) - V(s_t)`, shape (..., T).

    Parameters
    ----------
    rewards : array (..., T)
    values : array (..., T + 1)
        The last entry is the value of what comes after the last reward: 0 after a true end, else a bootstrap.
    discount : float
    """
    rewards, values = sequence("rewards", rewards), sequence("values", values)
    if values.shape != (*rewards.shape[:-1], rewards.shape[-1] + 1):
        raise ValueError(f"values must have one entry more than rewards {rewards.shape}, got {values.shape}.")
    return rewards + discount * values[..., 1:] - values[..., :-1]


def gae(rewards, values, discount, lam):
    r"""Generalised advantages :math:`\hat A_t = \delta_t + \gamma\lambda\hat A_{t+1}`, shape (..., T).

    With λ = 0 it is the TD error, with λ = 1 the reward to go minus the value: from biased and quiet to
    unbiased and noisy. Arguments as in `td_errors`, and `lam` in [0, 1].

    Source: Schulman et al., *High-dimensional continuous control using generalized advantage
    estimation* (2016).
    """
    lam = unit_interval("lam", lam)
    advantages = td_errors(rewards, values, discount)
    for t in range(advantages.shape[-1] - 2, -1, -1):
        advantages[..., t] += discount * lam * advantages[..., t + 1]
    return advantages
