"""Bad input raises a ValueError with one plain sentence that names the argument and what it got."""

import re

import numpy as np
import pytest

from npg_lab import (
    Categorical,
    Gaussian,
    MultivariateGaussian,
    ascend,
    ellipse,
    fisher_rao_geodesic,
    flow,
    kl_contour,
    kl_step,
    natural_gradient,
)
from npg_lab.charts import (
    CHARTS,
    AffineChart,
    convert,
    get_chart,
    push_gradient,
    push_metric,
    push_vector,
    transition_jacobian,
)
from npg_lab.geometry import angle, fisher_norm, scale_to_kl
from npg_lab.problems import (
    BumpReward,
    GaussianBandit,
    LinearQuadraticRegulator,
    QuadraticReward,
    Reparametrized,
    SoftmaxBandit,
    check_plane_problem,
    check_problem,
)

BANDIT, COIN, NORMAL = GaussianBandit(), Categorical([0.5, 0.5]), Gaussian(0, 1)
PLANE = SoftmaxBandit([1, 0.5, 0], features=[[1, 0], [0, 1], [0, 0]])
PAIR = MultivariateGaussian([0, 0], np.eye(2))
NAN = float("nan")
SIX = "'mean_std', 'mean_log_std', 'mean_variance', 'mean_precision', 'natural', 'expectation'"


class Skewed:
    """A problem whose methods may have the wrong shape."""

    bounds = ((0, 1), (0, 1))

    def __init__(self, objective=(), gradient=(2,), fisher=(2, 2)):
        self.shapes = objective, gradient, fisher

    def __getattr__(self, name):
        if name not in ("objective", "gradient", "fisher"):
            raise AttributeError(name)
        shape = self.shapes[("objective", "gradient", "fisher").index(name)]
        return lambda theta: np.zeros((*np.shape(theta)[:-1], *shape))


CASES = {
    # distributions
    "std zero": (lambda: Gaussian(0, 0), "std must be greater than 0, got 0."),
    "std negative": (lambda: Gaussian(0, -1.5), "std must be greater than 0, got -1.5."),
    "std array": (lambda: Gaussian(0, [1, -2]), "std must be greater than 0, got [1 -2]."),
    "std nan": (lambda: Gaussian(0, NAN), "std must be finite, got nan."),
    "mean nan": (lambda: Gaussian([0, NAN], 1), "mean must be finite, got [0 nan]."),
    "mean infinite": (lambda: Gaussian(np.inf, 1), "mean must be finite, got inf."),
    "mean text": (lambda: Gaussian("zero", 1), "mean must be made of real numbers, got 'zero'."),
    "mean digits": (lambda: Gaussian("0", 1), "mean must be made of real numbers, got '0'."),
    "mean none": (lambda: Gaussian(None, 1), "mean must be made of real numbers, got None."),
    "mean complex": (lambda: Gaussian(1j, 1), "mean must be made of real numbers, got 1j."),
    "mean ragged": (
        lambda: Gaussian([[0], [0, 1]], 1),
        "mean must be made of real numbers, got [[0], [0, 1]].",
    ),
    "mean and std": (
        lambda: Gaussian([0, 1], [1, 1, 1]),
        "mean and std must broadcast, got shapes (2,) and (3,).",
    ),
    "x nan": (lambda: NORMAL.log_prob(NAN), "x must be finite, got nan."),
    "x of score": (lambda: NORMAL.score("a"), "x must be made of real numbers, got 'a'."),
    "mean matrix": (
        lambda: MultivariateGaussian(np.eye(2), np.eye(2)),
        "mean must have one axis, got shape (2, 2).",
    ),
    "covariance size": (
        lambda: MultivariateGaussian([0, 0], np.eye(3)),
        "covariance must be 2 by 2 along its last two axes, got shape (3, 3).",
    ),
    "covariance axes": (
        lambda: MultivariateGaussian([0, 0], np.ones((3, 2, 2))),
        "covariance must have two axes, got shape (3, 2, 2).",
    ),
    "covariance indefinite": (
        lambda: MultivariateGaussian([0, 0], [[1, 2], [2, 1]]),
        "covariance must be symmetric positive definite, got [[1 2] [2 1]].",
    ),
    "covariance singular": (
        lambda: MultivariateGaussian([0, 0], [[1, 1], [1, 1]]),
        "covariance must be symmetric positive definite, got [[1 1] [1 1]].",
    ),
    "covariance skewed": (
        lambda: MultivariateGaussian([0, 0], [[1e-9, 5e-10], [0, 1e-9]]),
        "covariance must be symmetric positive definite, got [[1e-09 5e-10] [0 1e-09]].",
    ),
    "x of two": (
        lambda: PAIR.log_prob([1, 2, 3]),
        "x must have 2 entries along its last axis, got shape (3,).",
    ),
    "dimension": (
        lambda: PAIR.kl(MultivariateGaussian([0], [[1]])),
        "other must have dimension 2, got 1.",
    ),
    "probs negative": (
        lambda: Categorical([1.2, -0.2]),
        "probs must be an array of non-negative numbers, got [1.2 -0.2].",
    ),
    "probs number": (lambda: Categorical(1.0), "probs must be an array of non-negative numbers, got 1."),
    "probs sum": (
        lambda: Categorical([0.5, 0.6]),
        "probs must sum to 1 along the last axis, got sums 1.1.",
    ),
    "probs sums": (
        lambda: Categorical([[0.5, 0.5], [0.5, 0.4]]),
        "probs must sum to 1 along the last axis, got sums [1 0.9].",
    ),
    "probs nan": (lambda: Categorical([NAN, 1]), "probs must be finite, got [nan 1]."),
    "logits nan": (lambda: Categorical(logits=[NAN, 1]), "logits must be finite, got [nan 1]."),
    "logits infinite": (
        lambda: Categorical(logits=[0, -np.inf]),
        "logits must be finite, got [0 -inf].",
    ),
    "logits number": (
        lambda: Categorical(logits=1.0),
        "logits must have at least one axis, got a single number.",
    ),
    "neither": (lambda: Categorical(), "Categorical takes either probs or logits, got both or neither."),
    "both": (
        lambda: Categorical([0.5, 0.5], logits=[0, 0]),
        "Categorical takes either probs or logits, got both or neither.",
    ),
    "outcomes": (lambda: COIN.kl(Categorical([1, 0, 0])), "other must have 2 outcomes, got 3."),
    "action size": (lambda: COIN.log_prob(2), "action must be integers from 0 to 1, got 2."),
    "action sign": (lambda: COIN.score(-1), "action must be integers from 0 to 1, got -1."),
    "action float": (lambda: COIN.score(0.5), "action must be integers from 0 to 1, got 0.5."),
    "t": (lambda: fisher_rao_geodesic(NORMAL, NORMAL, NAN), "t must be finite, got nan."),
    # charts
    "chart": (lambda: get_chart("polar"), f"chart must be one of {SIX}, got 'polar'."),
    "chart of fisher": (
        lambda: NORMAL.fisher("Mean_Std"),
        f"chart must be one of {SIX}, got 'Mean_Std'.",
    ),
    "chart of score": (lambda: NORMAL.score(0, None), f"chart must be one of {SIX}, got None."),
    "chart of bandit": (
        lambda: GaussianBandit(chart="cartesian"),
        f"chart must be one of {SIX}, got 'cartesian'.",
    ),
    "source": (
        lambda: transition_jacobian([0, 1], "a", "natural"),
        f"chart must be one of {SIX}, got 'a'.",
    ),
    "target": (lambda: convert([0, 1], "mean_std", "b"), f"chart must be one of {SIX}, got 'b'."),
    "theta entries": (
        lambda: Gaussian.from_coordinates([0, 1, 2]),
        "theta must have 2 entries along its last axis, got shape (3,).",
    ),
    "theta number": (
        lambda: BANDIT.objective(1.0),
        "theta must have 2 entries along its last axis, got shape ().",
    ),
    "theta std": (
        lambda: BANDIT.gradient([0, -1]),
        "theta must have a std greater than 0, got [ 0 -1].",
    ),
    "theta variance": (
        lambda: convert([0, 0], "mean_variance", "natural"),
        "theta must have a variance greater than 0, got [0 0].",
    ),
    "theta precision": (
        lambda: CHARTS["mean_precision"].jacobian([0, -2]),
        "theta must have a precision greater than 0, got [ 0 -2].",
    ),
    "theta natural": (
        lambda: CHARTS["natural"].to_mean_std([1, 2]),
        "theta must have a second natural coordinate below 0, got [1 2].",
    ),
    "theta expectation": (
        lambda: CHARTS["expectation"].jacobian([2, 4]),
        "theta must have E[x²] greater than E[x]², got [2 4].",
    ),
    "theta nan": (
        lambda: convert([NAN, 1], "mean_std", "natural"),
        "theta must be finite, got [nan 1].",
    ),
    "matrix singular": (
        lambda: AffineChart([[1, 2], [2, 4]]),
        "matrix must be one invertible square matrix, got [[1.0, 2.0], [2.0, 4.0]].",
    ),
    "matrix wide": (
        lambda: AffineChart([[1, 2, 3]]),
        "matrix must be square along its last two axes, got shape (1, 3).",
    ),
    "matrix of a problem": (
        lambda: Reparametrized(PLANE, np.zeros((2, 2))),
        "matrix must be one invertible square matrix, got [[0.0, 0.0], [0.0, 0.0]].",
    ),
    "offset": (lambda: AffineChart(np.eye(2), [1, 2, 3]), "offset must have shape (2,), got (3,)."),
    "theta affine": (
        lambda: AffineChart(np.eye(2)).forward([1, 2, 3]),
        "theta must have 2 entries along its last axis, got shape (3,).",
    ),
    "jacobian": (
        lambda: push_metric(np.eye(2), [1, 2]),
        "jacobian must be square along its last two axes, got shape (2,).",
    ),
    "vector": (
        lambda: push_vector([1, 2, 3], np.eye(2)),
        "vector must have 2 entries along its last axis, got shape (3,).",
    ),
    "covector": (
        lambda: push_gradient([1], np.eye(2)),
        "gradient must have 2 entries along its last axis, got shape (1,).",
    ),
    "metric": (
        lambda: push_metric(np.eye(3), np.eye(2)),
        "metric must be 2 by 2 along its last two axes, got shape (3, 3).",
    ),
    # geometry
    "fisher shape": (
        lambda: natural_gradient([1, 2], [1, 2]),
        "fisher must be square along its last two axes, got shape (2,).",
    ),
    "fisher nan": (lambda: natural_gradient([1], [[NAN]]), "fisher must be finite, got [[nan]]."),
    "gradient shape": (
        lambda: kl_step([1, 2, 3], np.eye(2), 0.1),
        "gradient must have 2 entries along its last axis, got shape (3,).",
    ),
    "gradient nan": (
        lambda: natural_gradient([NAN, 0], np.eye(2)),
        "gradient must be finite, got [nan 0].",
    ),
    "displacement": (
        lambda: fisher_norm([1, 2, 3], np.eye(2)),
        "displacement must have 2 entries along its last axis, got shape (3,).",
    ),
    "direction": (
        lambda: scale_to_kl([1, 2, 3], np.eye(2), 0.1),
        "direction must have 2 entries along its last axis, got shape (3,).",
    ),
    "damping": (
        lambda: natural_gradient([1, 2], np.eye(2), -0.1),
        "damping must be 0 or more, got -0.1.",
    ),
    "kl zero": (lambda: kl_step([1, 2], np.eye(2), 0), "kl must be greater than 0, got 0."),
    "kl negative": (lambda: scale_to_kl([1, 2], np.eye(2), -1), "kl must be greater than 0, got -1."),
    "kl of ellipse": (lambda: ellipse(np.eye(2), -1), "kl must be greater than 0, got -1."),
    "kl of contour": (lambda: kl_contour(BANDIT, [0, 1], 0), "kl must be greater than 0, got 0."),
    "u": (lambda: angle([NAN, 1], [1, 0]), "u must be finite, got [nan 1]."),
    "ellipse singular": (
        lambda: ellipse([[1, 0], [0, 0]], 0.1),
        "fisher must be positive definite to have an ellipse, got eigenvalues [0 1].",
    ),
    "ellipse in three dimensions": (
        lambda: ellipse(np.eye(3), 0.1),
        "fisher must be 2 by 2 along its last two axes, got shape (3, 3).",
    ),
    "contour theta": (
        lambda: kl_contour(BANDIT, [0, 1, 2], 0.1),
        "theta must have 2 entries along its last axis, got shape (3,).",
    ),
    "ascend neither": (
        lambda: ascend(BANDIT, [0, 1], 1),
        "ascend takes either step_size or kl, got both or neither.",
    ),
    "ascend both": (
        lambda: ascend(BANDIT, [0, 1], 1, step_size=1, kl=1),
        "ascend takes either step_size or kl, got both or neither.",
    ),
    "step size": (
        lambda: ascend(BANDIT, [0, 1], 1, step_size=-1),
        "step_size must be greater than 0, got -1.",
    ),
    "ascend kl": (lambda: ascend(BANDIT, [0, 1], 1, kl=NAN), "kl must be finite, got nan."),
    "time": (lambda: flow(BANDIT, [0, 1], -1), "time must be positive, or increase from 0, got -1."),
    "times": (
        lambda: flow(BANDIT, [0, 1], [0, 2, 1]),
        "time must be positive, or increase from 0, got [0 2 1].",
    ),
    "times late": (
        lambda: flow(BANDIT, [0, 1], [1, 2]),
        "time must be positive, or increase from 0, got [1 2].",
    ),
    "flow theta": (
        lambda: flow(BANDIT, [0, -1], 1),
        "theta must have a std greater than 0, got [0 -1].",
    ),
    "flow shape": (
        lambda: flow(PLANE, [0, 1, 2], 1),
        "theta must have 2 entries along its last axis, got shape (3,).",
    ),
    # problems
    "target of a reward": (lambda: QuadraticReward(NAN), "target must be finite, got nan."),
    "scale": (lambda: QuadraticReward(0, 0), "scale must be greater than 0, got 0."),
    "width": (lambda: BumpReward(0, -1), "width must be greater than 0, got -1."),
    "height": (lambda: BumpReward(0, 1, 0), "height must be greater than 0, got 0."),
    "rewards": (lambda: SoftmaxBandit([1]), "rewards must list at least two arms, got shape (1,)."),
    "features": (
        lambda: SoftmaxBandit([1, 0], features=np.eye(3)),
        "features must have shape (2, d), got (3, 3).",
    ),
    "names": (lambda: SoftmaxBandit([1, 0], names=["a"]), "names must list 2 symbols, got ['a']."),
    "theta softmax": (
        lambda: PLANE.objective([1, 2, 3]),
        "theta must have 2 entries along its last axis, got shape (3,).",
    ),
    "theta softmax natural": (
        lambda: PLANE.natural_gradient([1, 2, 3]),
        "theta must have 2 entries along its last axis, got shape (3,).",
    ),
    "discount": (lambda: LinearQuadraticRegulator(1.0), "discount must lie in [0, 1), got 1.0."),
    "start variance": (
        lambda: LinearQuadraticRegulator(0.9, 0),
        "start_variance must be greater than 0, got 0.",
    ),
    "control": (lambda: LinearQuadraticRegulator(0.9, control=0), "control must not be 0, got 0."),
    "noise": (lambda: LinearQuadraticRegulator(0.9, noise=-1), "noise must be 0 or more, got -1."),
    "gain": (
        lambda: LinearQuadraticRegulator(0.9).gradient([1, 1]),
        "theta must have a gain k with discount·(drift + control·k)² < 1, got k = 1.",
    ),
    "sigma": (
        lambda: LinearQuadraticRegulator(0.9).fisher([0, -1]),
        "sigma must be greater than 0, got -1.",
    ),
    # the protocol
    "methods": (
        lambda: check_problem(object(), [0, 1]),
        "problem must have the methods objective, gradient and fisher, got object.",
    ),
    "objective": (
        lambda: check_problem(Skewed(objective=(1,)), [0, 1]),
        "problem.objective must return shape () for theta of shape (2,), got (1,).",
    ),
    "gradient": (
        lambda: check_problem(Skewed(gradient=(3,)), [[0, 1]]),
        "problem.gradient must return shape (1, 2) for theta of shape (1, 2), got (1, 3).",
    ),
    "fisher": (
        lambda: check_problem(Skewed(fisher=(2,)), [0, 1]),
        "problem.fisher must return shape (2, 2) for theta of shape (2,), got (2,).",
    ),
    "fisher in a window": (
        lambda: check_plane_problem(Skewed(fisher=(2,))),
        "problem.fisher must return shape (2, 2, 2) for theta of shape (2, 2), got (2, 2).",
    ),
    "no window": (
        lambda: check_plane_problem(SoftmaxBandit([1, 0, 0])),
        "bounds must be ((low, high), (low, high)), got None and the problem has no bounds.",
    ),
    "three parameters": (
        lambda: check_plane_problem(SoftmaxBandit([1, 0, 0], bounds=((0, 1),) * 3)),
        "bounds must be ((low, high), (low, high)) of a problem with two parameters, "
        "got ((0, 1), (0, 1), (0, 1)).",
    ),
    "three parameters in a window": (
        lambda: check_plane_problem(SoftmaxBandit([1, 0, 0]), ((0, 1), (0, 1))),
        "theta must have 3 entries along its last axis, got shape (2, 2).",
    ),
    "window": (
        lambda: check_plane_problem(PLANE, ((0, 0), (0, 1))),
        "bounds must have low < high on each axis, got ((0, 0), (0, 1)).",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_in_one_plain_sentence(case):
    call, sentence = CASES[case]
    with pytest.raises(ValueError) as caught:
        call()
    said = str(caught.value)
    assert said == sentence
    assert said.endswith(".") and "\n" not in said and ", got " in said
    assert len(re.findall(r"\.(?= [A-Z]|$)", said)) == 1
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_long_arrays_are_cut_short():
    with pytest.raises(ValueError, match=r"^std must be greater than 0, got \[-1 1 \.\.\. 1 1\]\.$"):
        Gaussian(0, np.r_[-1, np.ones(1000)])
