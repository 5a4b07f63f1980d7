r"""Solve :math:`(I - \gamma P)x = b`: discounted sums along a Markov chain, dense or sparse."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph, linalg

RESIDUAL = 1e-12  # relative residual at which an iterative solution is accepted


def discounted_sum(chain, discount, source):
    r""":math:`\sum_t \gamma^t P^t b`.

    Parameters
    ----------
    chain : array (..., S, S) or sparse array (S, S)
        :math:`P`, or its transpose to push a distribution forward.
    discount : float
    source : array (..., S), or (S,) with a sparse chain
    """
    if not sparse.issparse(chain):
        system = np.eye(chain.shape[-1]) - discount * chain
        return np.linalg.solve(system, source[..., None])[..., 0]
    system = (sparse.eye_array(chain.shape[0]) - discount * chain).tocsr()
    solution, _ = linalg.bicgstab(system, source, rtol=RESIDUAL / 10, maxiter=300)
    if np.linalg.norm(source - system @ solution) <= RESIDUAL * np.linalg.norm(source):
        return solution
    # Krylov iterations crawl along the long paths of a nearly deterministic chain, where elimination is cheap
    return linalg.splu(system.tocsc()).solve(source)


def reachable(edges, sources):
    """Which nodes a walk can reach: `edges` sparse (S, S), `sources` booleans (S,); returns booleans (S,)."""
    states = len(sources)
    gate = sparse.csr_array(sources[None, :].astype(float))  # one more node, which leads to every source
    graph = sparse.block_array([[edges, None], [gate, sparse.csr_array((1, 1))]], format="csr")
    found = csgraph.breadth_first_order(graph, states, return_predecessors=False)
    return np.isin(np.arange(states), found)
