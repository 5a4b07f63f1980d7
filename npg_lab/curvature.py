r"""Fisher matrices of neural policies as operators: products with a vector, without the matrix.

The Fisher matrix of a policy at N observations is
:math:`F = \frac1N\sum_i J_i^\top M_i J_i`, where :math:`J_i` is the Jacobian of the outputs z of the network
at observation i and :math:`M_i` the Fisher matrix of the action distribution in its parameters z.
"""

import torch

from .cg import conjugate_gradient
from .validation import one_of

KINDS = ("exact", "sampled")

# After each product Linux's allocator hands blocks of half a megabyte back to the system, and gets them back page
# by page, unless it has seen a larger block go. This one saves a fifth of the time of a product.
torch.empty(2**24, dtype=torch.uint8)


def trainable(policy):
    """The parameters of a policy that can change, in the order of all flat vectors here."""
    parameters = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError("policy must have parameters that require gradients, got none.")
    return parameters


def flatten(tensors):
    """One vector from tensors of any shapes."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def flat_gradient(scalar, parameters):
    """Gradient of a scalar with respect to all parameters, as one vector (P,)."""
    return flatten(torch.autograd.grad(scalar, parameters, materialize_grads=True))


def scores(policy, observations, actions):
    r""":math:`\nabla_\theta\log\pi(a_i|s_i)`, one row for each observation, shape (N, P)."""
    parameters = dict(policy.named_parameters())
    names = [name for name, parameter in parameters.items() if parameter.requires_grad]

    def log_prob(free, observation, action):
        z = torch.func.functional_call(policy, {**parameters, **free}, (observation[None],))
        return policy.log_prob(z, action[None])[0]

    each = torch.func.vmap(torch.func.grad(log_prob), in_dims=(None, 0, 0))
    rows = each({name: parameters[name].detach() for name in names}, observations, actions)
    return torch.cat([rows[name].flatten(1) for name in names], dim=1)


class FisherOperator:
    r""":math:`F + \lambda I` as an operator: `op @ v`, `op.solve(g)`, `op.matrix()`.

    A product needs Jv and then Jᵀ(MJv). Reverse mode gives :math:`u \mapsto J^\top u`, which is linear in u;
    the derivative of :math:`u \mapsto (J^\top u)\cdot v` is Jv. The graph of that linear map is made once,
    so that a product is two passes through it, whatever the network.

    Parameters
    ----------
    outputs : tensor (N, m)
        With their graph.
    parameters : list of tensors
    metric : callable
        (N, m) to (N, m): the product with each :math:`M_i`.
    damping : float
        λ.
    """

    def __init__(self, outputs, parameters, metric, damping=0.0):
        self.outputs, self.parameters, self.metric, self.damping = outputs, parameters, metric, damping
        self.size = sum(parameter.numel() for parameter in parameters)
        self._dummy = torch.zeros_like(outputs, requires_grad=True)
        pulled = torch.autograd.grad(outputs, parameters, self._dummy, create_graph=True, materialize_grads=True)
        self._pulled = flatten(pulled)

    @property
    def shape(self):
        """(P, P)."""
        return (self.size, self.size)

    def __matmul__(self, v):
        """The product with a vector (P,)."""
        if v.shape != (self.size,):
            raise ValueError(f"v must be a vector of {self.size} entries, got shape {tuple(v.shape)}.")
        (along,) = torch.autograd.grad(self._pulled, self._dummy, v, retain_graph=True)
        back = torch.autograd.grad(
            self.outputs, self.parameters, self.metric(along), retain_graph=True, materialize_grads=True)
        return torch.add(flatten(back) / len(self.outputs), v, alpha=self.damping)

    def solve(self, g, iterations=10, tolerance=0.0):
        r""":math:`(F + \lambda I)^{-1} g` by conjugate gradients, and their `CGReport`.

        The default stops after ten products, as natural policy gradients usually do.
        """
        return conjugate_gradient(self.__matmul__, g, iterations, tolerance)

    def matrix(self):
        """The matrix (P, P) itself, one product for each column."""
        identity = torch.eye(self.size, dtype=self.outputs.dtype, device=self.outputs.device)
        return torch.stack([self @ column for column in identity], dim=1)


def fisher_operator(policy, observations, kind="exact", damping=0.0, generator=None):
    r"""The Fisher matrix of a policy, averaged over observations, plus λ I.

    Parameters
    ----------
    policy : CategoricalPolicy or GaussianPolicy
        Around any network.
    observations : tensor (N, d)
    kind : {"exact", "sampled"}
        The expectation over actions in closed form, or one action drawn from the policy for each observation:
        :math:`\frac1N\sum_i s_i s_i^\top` with the scores :math:`s_i = \nabla\log\pi(a_i|o_i)`.
    damping : float
        λ.
    generator : torch.Generator, optional
        Draws the actions of "sampled".

    Returns
    -------
    FisherOperator

    Raises
    ------
    ValueError
        For an unknown kind, no observations, observations or outputs that are not finite, negative damping.
    """
    one_of("kind", kind, KINDS)
    if not 0 <= damping < float("inf"):
        raise ValueError(f"damping must be a finite number of 0 or more, got {damping!r}.")
    if observations.ndim < 2 or len(observations) == 0:
        raise ValueError(
            f"observations must have shape (N, d) with N of 1 or more, got {tuple(observations.shape)}.")
    parameters, z = trainable(policy), policy(observations)
    if not torch.isfinite(z).all():
        raise ValueError("observations and parameters must give finite outputs of the policy, got others.")
    if kind == "exact":
        return FisherOperator(z, parameters, policy.output_fisher(z.detach()), damping)
    log_probs = policy.log_prob(z, policy.sample(z.detach(), generator))
    return FisherOperator(log_probs, parameters, lambda u: u, damping)
