"""Problems with exact objective, gradient and Fisher matrix."""

from .bandits import BumpReward, GaussianBandit, QuadraticReward, SoftmaxBandit
from .lqr import LinearQuadraticRegulator
from .protocol import Problem, check_plane_problem, check_problem
from .reparametrized import Reparametrized

__all__ = [
    "BumpReward", "GaussianBandit", "LinearQuadraticRegulator", "Problem", "QuadraticReward",
    "Reparametrized", "SoftmaxBandit", "check_plane_problem", "check_problem",
]
