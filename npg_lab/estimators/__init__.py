"""Policy-gradient estimators for finite MDPs, on all episodes with their probabilities or on a sample."""

from .advantages import gae, td_errors
from .baselines import (
    batch_mean_gradient,
    leave_one_out_gradient,
    naive_time_baseline,
    optimal_return_baseline,
    optimal_return_baseline_per_component,
    optimal_reward_to_go_baseline,
    optimal_reward_to_go_baseline_per_component,
    optimal_state_baseline,
    optimal_time_baseline,
)
from .compatible import compatible_regression, lstd_natural_actor_critic, on_policy_data
from .episodes import Episodes, enumerate_episodes, sample_episodes
from .exact import (
    exact_gradient,
    exact_objective,
    finite_action_values,
    finite_values,
    state_marginals,
    state_ratios,
    surrogate_objective,
)
from .gaussian import bandit_gradient, gaussian_nodes, multivariate_score, optimal_bandit_baseline
from .gradients import (
    dropped_discount_gradient,
    maximum_likelihood_gradient,
    return_gradient,
    returns,
    reward_to_go,
    reward_to_go_gradient,
    signal_to_noise,
    weighted_score,
)
from .importance import (
    causal_is_gradient,
    cumulative_ratios,
    effective_sample_size,
    importance_ratios,
    marginal_is_gradient,
    past_ratios_gradient,
    per_decision_is_return,
    product_ratio_variance,
    self_normalised_mean,
    surrogate_gradient,
    trajectory_is_gradient,
    trajectory_is_return,
)
from .policies import LinearSoftmaxPolicy

__all__ = [
    "Episodes", "LinearSoftmaxPolicy", "bandit_gradient", "batch_mean_gradient", "causal_is_gradient",
    "compatible_regression", "cumulative_ratios", "dropped_discount_gradient", "effective_sample_size",
    "enumerate_episodes", "exact_gradient", "exact_objective", "finite_action_values", "finite_values", "gae",
    "gaussian_nodes", "importance_ratios", "leave_one_out_gradient", "lstd_natural_actor_critic",
    "marginal_is_gradient", "maximum_likelihood_gradient", "multivariate_score", "naive_time_baseline",
    "on_policy_data", "optimal_bandit_baseline", "optimal_return_baseline",
    "optimal_return_baseline_per_component", "optimal_reward_to_go_baseline",
    "optimal_reward_to_go_baseline_per_component", "optimal_state_baseline", "optimal_time_baseline",
    "past_ratios_gradient", "per_decision_is_return", "product_ratio_variance", "return_gradient", "returns",
    "reward_to_go", "reward_to_go_gradient", "sample_episodes", "self_normalised_mean", "signal_to_noise",
    "state_marginals", "state_ratios", "surrogate_gradient", "surrogate_objective", "td_errors",
    "trajectory_is_gradient", "trajectory_is_return", "weighted_score",
]
