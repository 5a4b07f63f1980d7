"""What the agents were given in each environment; arguments that are not named are the defaults.

They were chosen on other seeds than those of the tables, from a few values each: learning rates of `Reinforce`
from 0.01 and 0.03 (and 0.003 for Pendulum), of `PPO` from 0.001 and 0.003; the radius of `NPGAgent`, which `TRPO`
shares, from 0.02, 0.03 and 0.05, its decay from 0.95 and 0.97, its damping from 0.01 and 0.1.
"""

STEPS = {"CartPole-v1": 40_000, "Acrobot-v1": 80_000, "Pendulum-v1": 60_000}
SEEDS = 10
EPISODES = {"CartPole-v1": 32, "Acrobot-v1": 16, "Pendulum-v1": 32}

SHARED = {
    "CartPole-v1": {},
    "Acrobot-v1": {"batch": 2048, "environments": 16, "lam": 0.97, "normalise": True, "value_steps": 160},
    "Pendulum-v1": {"batch": 2000, "environments": 10, "discount": 0.9, "value_steps": 160},
}

OWN = {
    "CartPole-v1": {"Reinforce": {}, "NPGAgent": {}, "TRPO": {}, "PPO": {}},
    "Acrobot-v1": {
        "Reinforce": {}, "NPGAgent": {"kl": 0.05, "decay": 0.97}, "TRPO": {"kl": 0.05, "decay": 0.97}, "PPO": {},
    },
    "Pendulum-v1": {
        "Reinforce": {"learning_rate": 0.03}, "NPGAgent": {"kl": 0.05, "decay": 0.97, "damping": 0.01},
        "TRPO": {"kl": 0.05, "decay": 0.97, "damping": 0.01}, "PPO": {},
    },
}

SETTINGS = {
    env_id: {agent: {**SHARED[env_id], **own} for agent, own in OWN[env_id].items()} for env_id in STEPS
}
