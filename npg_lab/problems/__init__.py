"""Problems with exact objective, gradient and Fisher matrix."""

from .bandits import BumpReward, GaussianBandit, QuadraticReward, SoftmaxBandit
from .lqr import LinearQuadraticRegulator
from .mdp import TabularMDP
from .protocol import Problem, check_plane_problem, check_problem
from .reparametrized import Reparametrized
from .two_state import TwoStateMDP, two_state_mdp
from .worlds import GridWorld, garnet, grid_world

__all__ = [
    "BumpReward", "GaussianBandit", "GridWorld", "LinearQuadraticRegulator", "Problem", "QuadraticReward",
    "Reparametrized", "SoftmaxBandit", "TabularMDP", "TwoStateMDP", "check_plane_problem", "check_problem",
    "garnet", "grid_world", "two_state_mdp",
]
