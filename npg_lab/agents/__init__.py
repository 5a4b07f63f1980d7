"""Agents that learn in Gymnasium environments, one readable file each."""

from .npg import NPGAgent
from .ppo import PPO
from .reinforce import Reinforce
from .trpo import TRPO

__all__ = ["PPO", "TRPO", "NPGAgent", "Reinforce"]
