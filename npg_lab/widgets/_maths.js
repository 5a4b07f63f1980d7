// Pure mathematics of the widgets: tables, algebra of symmetric 2x2 matrices [xx, xy, yy], and the closed
// forms of the two families that pictures need exactly. No DOM. Tested against Python on random states.

export const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

// --- tables: problems are sampled in Python; here they are interpolated ------------------------------------

/** Copy a DataView of little-endian float32 numbers out of a message buffer, which may not be aligned. */
export const floats = (view) =>
  new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

/** Cubic Lagrange weights of the four grid nodes around position u (in cells), and the first node. */
export function cubicWeights(u, nodes) {
  const first = clamp(Math.floor(u) - 1, [0, nodes - 4]), t = u - first;
  const a = t, b = t - 1, c = t - 2, d = t - 3;
  return [first, [-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6]];
}

/** A function (x, y) -> channels from values laid out as [row y][column x][channel] on a uniform grid. */
export function tableOf(values, nodes, channels, [[x0, x1], [y0, y1]]) {
  return (x, y) => {
    const [i, wx] = cubicWeights((x - x0) / (x1 - x0) * (nodes - 1), nodes);
    const [j, wy] = cubicWeights((y - y0) / (y1 - y0) * (nodes - 1), nodes);
    const out = new Float64Array(channels);
    for (let b = 0; b < 4; b++) for (let a = 0; a < 4; a++) {
      const weight = wx[a] * wy[b], offset = ((j + b) * nodes + i + a) * channels;
      for (let k = 0; k < channels; k++) out[k] += weight * values[offset + k];
    }
    return out;
  };
}

/** The same in one dimension. */
export function curveOf(values, nodes, channels, [x0, x1]) {
  return (x) => {
    const [i, weights] = cubicWeights((x - x0) / (x1 - x0) * (nodes - 1), nodes);
    return Array.from({ length: channels }, (_, k) =>
      weights.reduce((sum, w, a) => sum + w * values[(i + a) * channels + k], 0));
  };
}

// --- symmetric 2x2 matrices --------------------------------------------------------------------------------

export const multiply = ([a, b, c], [x, y]) => [a * x + b * y, b * x + c * y];
export const inverse = ([a, b, c]) => { const det = a * c - b * b; return [c / det, -b / det, a / det]; };
export const combine = (m, n, weight) => m.map((entry, k) => entry + weight * n[k]);

/** Half of d'Md: the quadratic model of the divergence when M is the Fisher matrix. */
export const halfSquare = (metric, d) => { const [u, v] = multiply(metric, d); return (u * d[0] + v * d[1]) / 2; };

/** Eigenvalues (large, small) and the unit eigenvector of the large one. */
export function eigen([a, b, c]) {
  const middle = (a + c) / 2, radius = Math.hypot((a - c) / 2, b), turn = Math.atan2(2 * b, a - c) / 2;
  return [[middle + radius, middle - radius], [Math.cos(turn), Math.sin(turn)]];
}

/** Whether a metric measures one direction only, as far as tables of float32 numbers can tell. */
export const isSingular = ([a, b, c]) => a * c - b * b <= 1e-6 * a * c;

/** Displacements with halfSquare(metric, d) = size, as a closed loop; flat where the metric is singular. */
export function ellipse(metric, size, points = 72) {
  const [[large, small], [c, s]] = eigen(metric), reach = (value) => (value > 0 ? Math.sqrt(2 * size / value) : 0);
  const r = reach(large), q = isSingular(metric) ? 0 : reach(small);
  return Array.from({ length: points + 1 }, (_, i) => {
    const t = 2 * Math.PI * i / points, u = r * Math.cos(t), v = q * Math.sin(t);
    return [c * u - s * v, s * u + c * v];
  });
}

/** Rescale a direction to quadratic divergence `kl`; a direction of length zero stays zero. */
export function scaleToKl(metric, direction, kl) {
  const cost = halfSquare(metric, direction), factor = cost > 0 ? Math.sqrt(kl / cost) : 0;
  return direction.map((entry) => factor * entry);
}

/**
 * Direction of ascent under a ruler. Vanilla: the ruler's Euclidean ball, M g. Natural: (F + damping M^-1)^-1 g,
 * the shortest solution by the ruler where that matrix is singular.
 * `ruler` is M = J J' of the chart in which lengths are Euclidean; the identity for the axes themselves.
 */
export const vanillaDirection = (gradient, ruler) => multiply(ruler, gradient);
export function naturalDirection(gradient, fisher, ruler, damping) {
  const damped = combine(fisher, inverse(ruler), damping);
  if (!isSingular(damped)) return multiply(inverse(damped), gradient);
  const [[large], [c, s]] = eigen(damped), [u, v] = multiply(ruler, [c, s]);
  const length = large > 0 ? (c * gradient[0] + s * gradient[1]) / (large * (c * u + s * v)) : 0;
  return [length * u, length * v];
}

// --- two families in closed form ---------------------------------------------------------------------------

export const gaussian = {
  density: (x, [mean, std]) => Math.exp(-0.5 * ((x - mean) / std) ** 2) / (std * Math.sqrt(2 * Math.PI)),
  kl: ([m0, s0], [m1, s1]) => Math.log(s1 / s0) + (s0 * s0 + (m0 - m1) ** 2) / (2 * s1 * s1) - 0.5,
  fisher: ([, std]) => [1 / std ** 2, 0, 2 / std ** 2],
};

export const softmax = (logits) => {
  const top = Math.max(...logits), weights = Array.from(logits, (l) => Math.exp(l - top));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
};

export const categorical = {
  kl: (p, q) => p.reduce((sum, pk, k) => sum + (pk > 0 ? pk * Math.log(pk / q[k]) : 0), 0),
};

/** Gaussian coordinate charts: (mean, std) -> coordinates, back, and d(mean, std)/d coordinates as rows. */
export const charts = {
  mean_std: { names: ["μ", "σ"], from: ([m, s]) => [m, s], to: (t) => [...t], jacobian: () => [[1, 0], [0, 1]] },
  mean_log_std: {
    names: ["μ", "log σ"], from: ([m, s]) => [m, Math.log(s)], to: ([u, v]) => [u, Math.exp(v)],
    jacobian: ([, v]) => [[1, 0], [0, Math.exp(v)]],
  },
  mean_variance: {
    names: ["μ", "σ²"], from: ([m, s]) => [m, s * s], to: ([u, v]) => [u, Math.sqrt(v)],
    jacobian: ([, v]) => [[1, 0], [0, 0.5 / Math.sqrt(v)]],
  },
  mean_precision: {
    names: ["μ", "1/σ²"], from: ([m, s]) => [m, s ** -2], to: ([u, v]) => [u, v ** -0.5],
    jacobian: ([, v]) => [[1, 0], [0, -0.5 * v ** -1.5]],
  },
  natural: {
    names: ["μ/σ²", "−1/(2σ²)"], from: ([m, s]) => [m / s ** 2, -0.5 / s ** 2],
    to: ([u, v]) => [-0.5 * u / v, (-2 * v) ** -0.5],
    jacobian: ([u, v]) => [[-0.5 / v, 0.5 * u / v ** 2], [0, (-2 * v) ** -1.5]],
  },
  expectation: {
    names: ["E[x]", "E[x²]"], from: ([m, s]) => [m, m * m + s * s], to: ([u, v]) => [u, Math.sqrt(v - u * u)],
    jacobian: ([u, v]) => { const s = Math.sqrt(v - u * u); return [[1, 0], [-u / s, 0.5 / s]]; },
  },
};

/** The matrix J J' of a chart at (mean, std): Euclidean steps in the chart, seen in the plane of mean and std. */
export function rulerOf(chart, meanStd) {
  const [[a, b], [c, d]] = chart.jacobian(chart.from(meanStd));
  return [a * a + b * b, a * c + b * d, c * c + d * d];
}

/** Metric J' M J in new coordinates, for the rows of the Jacobian J and a symmetric M. */
export function pullBack([[a, b], [c, d]], metric) {
  const [x, y] = [multiply(metric, [a, c]), multiply(metric, [b, d])];
  return [a * x[0] + c * x[1], a * y[0] + c * y[1], b * y[0] + d * y[1]];
}

/** The scale at which `excess(scale)` crosses zero upwards, found by doubling and bisection; NaN if never. */
export function crossing(excess, largest = 64) {
  let high = 1;
  while (excess(high) < 0 && high < largest) high *= 2;
  if (!(excess(high) >= 0)) return NaN;
  let low = 0;
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (excess(middle) < 0) low = middle; else high = middle;
  }
  return (low + high) / 2;
}

/** The next larger round number, so that an axis rests while something is dragged; 1 for zero. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 5, 7, 10].map((m) => m * power).find((m) => m >= 0.999 * value);
}

// --- policies over three arms ------------------------------------------------------------------------------

const HEIGHT = Math.sqrt(3) / 2;

/** The simplex as a triangle with sides of length 1: arm 1 left, arm 2 right, arm 3 on top. */
export const spotOf = (p) => [p[1] + p[2] / 2, p[2] * HEIGHT];
export const policyAt = ([x, y]) => { const top = y / HEIGHT, right = x - top / 2; return [1 - right - top, right, top]; };

/** The nearest thing to a policy with no probability below `edge`: small entries are lifted, the others rescaled. */
export function keepInside(p, edge) {
  const low = p.map((value) => value <= edge), free = 1 - edge * low.filter(Boolean).length;
  const rest = p.reduce((sum, value, k) => sum + (low[k] ? 0 : value), 0);
  const q = p.map((value, k) => (low[k] ? edge : value * free / rest));
  return q.some((value) => value < edge) ? keepInside(q, edge) : q;
}

/** The policy with probability `value` of one arm and the other two in their old proportion. */
export const withArm = (p, arm, value, edge) =>
  keepInside(p.map((old, k) => (k === arm ? value : old * (1 - value) / (1 - p[arm]))), edge);

/** One step of gradient ascent on the expected reward of a softmax bandit, from logits. */
export function banditStep(logits, rewards, rate, natural) {
  const p = softmax(logits), mean = p.reduce((sum, pk, k) => sum + pk * rewards[k], 0);
  return logits.map((l, k) => l + rate * (natural ? 1 : p[k]) * (rewards[k] - mean));
}

/** Many such steps from a policy: visit(k, p) sees each one (p is reused) and stops them by returning true. */
export function banditAscent(start, rewards, rate, natural, steps, visit) {
  const p = Float64Array.from(start), logits = p.map(Math.log), arms = p.length;
  for (let k = 1; k <= steps; k++) {
    let mean = 0, top = -Infinity, total = 0;
    for (let i = 0; i < arms; i++) mean += p[i] * rewards[i];
    for (let i = 0; i < arms; i++) {
      logits[i] += rate * (natural ? 1 : p[i]) * (rewards[i] - mean);
      if (logits[i] > top) top = logits[i];
    }
    for (let i = 0; i < arms; i++) { p[i] = Math.exp(logits[i] - top); total += p[i]; }
    for (let i = 0; i < arms; i++) p[i] /= total;
    if (visit(k, p)) return;
  }
}

// --- linear systems, in the basis of eigenvectors ----------------------------------------------------------

/**
 * Steepest descent with exact line searches, or conjugate gradients, for the eigenvalues `values` and the first
 * residual. Returns the residuals of at most `steps` iterations, and the pairs [alpha, beta] that made them:
 * x += alpha d, d = r + beta d. Residuals of conjugate gradients are orthogonal, but rounding spoils that; where
 * they are `kept` so, the iterates are those of exact arithmetic.
 */
export function descend(values, residual, steps, conjugate, kept = false) {
  const dot = (u, v) => u.reduce((sum, entry, i) => sum + entry * v[i], 0), plus = (u, v, scale) => u.map((entry, i) => entry + scale * v[i]);
  const residuals = [residual], squares = [dot(residual, residual)], coefficients = [];
  for (let r = residual, d = residual, k = 0; k < steps && squares[k] > 1e-22 * squares[0]; k++) {
    const image = d.map((entry, i) => values[i] * entry), alpha = squares[k] / dot(d, image);
    r = plus(r, image, -alpha);
    if (kept) residuals.forEach((old, j) => { r = plus(r, old, -dot(old, r) / squares[j]); });
    residuals.push(r);
    squares.push(dot(r, r));
    coefficients.push([alpha, conjugate ? squares[k + 1] / squares[k] : 0]);
    d = plus(r, d, coefficients[k][1]);
  }
  return { residuals, coefficients };
}

/** What such iterations leave of the error along an eigenvector: a polynomial of its eigenvalue, 1 at zero. */
export function leftOver(coefficients, value) {
  let r = 1, d = 1;
  for (const [alpha, beta] of coefficients) {
    r -= alpha * value * d;
    d = r + beta * d;
  }
  return r;
}

/** The classic bounds on the relative error in the energy norm after k iterations. */
export function errorBound(condition, k, conjugate) {
  const root = conjugate ? Math.sqrt(condition) : condition;
  return (conjugate ? 2 : 1) * ((root - 1) / (root + 1)) ** k;
}

/** Angle between two vectors in degrees; NaN if one of them is zero. */
export function angleBetween(u, v) {
  const [a, b] = [u, v].map((w) => Math.hypot(...w)), part = (sign) => Math.hypot(...u.map((entry, i) => entry / a + sign * v[i] / b));
  return 2 * Math.atan2(part(-1), part(1)) * 180 / Math.PI;
}
