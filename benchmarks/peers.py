"""The other libraries' agents as their authors set them up: `learn(env_id, seed, steps, judge)` for each.

A learner calls `judge(steps, act)` after each of its updates, with the environment steps so far and a function
from observations to actions sampled from its policy, and stops when that returns True.
"""

import gymnasium as gym
import torch
from gymnasium.spaces import Discrete
from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from tianshou.algorithm import NPG
from tianshou.algorithm.modelfree.reinforce import DiscreteActorPolicy, ProbabilisticActorPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.highlevel.module.core import init_linear_orthogonal
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorProbabilistic, ContinuousCritic
from tianshou.utils.net.discrete import DiscreteActor
from tianshou.utils.torch_utils import policy_within_training_step
from torch import nn
from torch.distributions import Independent, Normal

# the tuned values of RL Baselines3 Zoo, whose schedules run over 100 000 steps
PPO_TUNED = {
    "CartPole-v1": {"n_envs": 8, "n_steps": 32, "batch_size": 256, "gae_lambda": 0.8, "gamma": 0.98,
                    "n_epochs": 20, "ent_coef": 0.0, "learning_rate": LinearSchedule(1e-3, 0, 1),
                    "clip_range": LinearSchedule(0.2, 0, 1)},
    "Pendulum-v1": {"n_envs": 4, "n_steps": 1024, "gae_lambda": 0.95, "gamma": 0.9, "n_epochs": 10,
                    "ent_coef": 0.0, "learning_rate": 1e-3, "clip_range": 0.2,
                    "use_sde": True, "sde_sample_freq": 4},
}
# Tianshou has none for these environments: the best found here among its defaults and the values of its example
NPG_TUNED = {
    "CartPole-v1": {"optim_critic_iters": 20},
    "Pendulum-v1": {"optim_critic_iters": 20, "return_scaling": True},
}


class AfterUpdate(BaseCallback):
    """Shows the judge each new policy, which is when the next rollout starts."""

    def __init__(self, judge):
        super().__init__()
        self.judge, self.done = judge, False

    def _on_rollout_start(self):
        self.done = self.judge(self.num_timesteps, self._act)

    def _act(self, seen):
        if self.model.use_sde:  # else all episodes share one draw of the noise
            self.model.policy.reset_noise(len(seen))
        return self.model.predict(seen)[0]

    def _on_step(self):
        return not self.done


def sb3_trpo(env_id, seed, steps, judge):
    """sb3-contrib's TRPO with its default arguments."""
    TRPO("MlpPolicy", env_id, seed=seed, device="cpu").learn(steps, AfterUpdate(judge))


def sb3_ppo(env_id, seed, steps, judge):
    """stable-baselines3's PPO with the tuned arguments."""
    settings = dict(PPO_TUNED[env_id])
    environments = make_vec_env(env_id, settings.pop("n_envs"), seed=seed)
    PPO("MlpPolicy", environments, seed=seed, device="cpu", **settings).learn(steps, AfterUpdate(judge))


def tianshou_npg(env_id, **settings):
    """Tianshou's `NPG` around the networks of its example: 64-64 tanh, orthogonal weights, small last layer."""
    env = gym.make(env_id)
    body, critic_body = (Net(state_shape=env.observation_space.shape, hidden_sizes=(64, 64), activation=nn.Tanh)
                         for _ in range(2))
    if isinstance(env.action_space, Discrete):
        actor = DiscreteActor(preprocess_net=body, action_shape=env.action_space.n, softmax_output=False)
        policy, last = DiscreteActorPolicy(actor=actor, action_space=env.action_space), actor.last
    else:
        actor = ContinuousActorProbabilistic(preprocess_net=body, action_shape=1, unbounded=True)
        nn.init.constant_(actor.sigma_param, -0.5)
        policy, last = ProbabilisticActorPolicy(
            actor=actor, action_space=env.action_space, dist_fn=lambda z: Independent(Normal(*z), 1)), actor.mu
    critic = ContinuousCritic(preprocess_net=critic_body)
    init_linear_orthogonal(actor), init_linear_orthogonal(critic)
    with torch.no_grad():
        for weights in last.parameters():
            weights.mul_(0.01)
    return NPG(policy=policy, critic=critic, optim=AdamOptimizerFactory(lr=1e-3), **settings)


def learn_tianshou_npg(env_id, seed, steps, judge):
    """Tianshou's NPG with the tuned arguments, in the loop of its trainer without the logs."""
    torch.manual_seed(seed)
    npg, count = tianshou_npg(env_id, **NPG_TUNED[env_id]), 0
    environments = DummyVectorEnv([lambda: gym.make(env_id)] * 16)
    environments.seed(seed)
    collector = Collector(npg, environments, VectorReplayBuffer(4096, len(environments)))
    collector.reset()

    def act(seen):
        with torch.no_grad():
            return npg.policy.map_action(npg.policy(Batch(obs=seen, info=Batch())).act.numpy())

    done = False
    while not done and count < steps:
        with policy_within_training_step(npg.policy):
            count += collector.collect(n_step=1024).n_collected_steps
            npg.update(buffer=collector.buffer, batch_size=None, repeat=1)
        collector.reset_buffer(keep_statistics=True)
        done = judge(count, act)
