// Reward, baseline and policy | variance against the baseline | the estimate of each action | how often it occurs.
import { add, button, choice, frame, handle, modelSlider, note, panel, presets, readout, redrawOn, set, show } from "./_plane.js";
import { clamp, curveOf, floats, roundUp } from "./_maths.js";

const STATE = ["mean", "std", "baseline", "parameter"], BINS = 61, BELL = 0.38, PRECISION = 0.1;

// --- the estimates, by quadrature over the actions ---------------------------------------------------------

const FAR = 6, STEP = 0.02, Z = Array.from({ length: 2 * FAR / STEP + 1 }, (_, i) => i * STEP - FAR);
const WEIGHTS = Z.map((z) => STEP * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI));
const SCORES = { "μ": (z, std) => z / std, "σ": (z, std) => (z * z - 1) / std };

const expectation = (value) => WEIGHTS.reduce((sum, weight, i) => sum + weight * value(i), 0);

/** Scores and rewards at the nodes, and what follows from them for every baseline. */
function estimatesOf(reward, mean, std, parameter) {
  const rewards = Z.map((z) => reward(mean + std * z)), scores = Z.map((z) => SCORES[parameter](z, std));
  const gradient = expectation((i) => scores[i] * rewards[i]), square = expectation((i) => scores[i] ** 2);
  const average = expectation((i) => rewards[i]), best = expectation((i) => scores[i] ** 2 * rewards[i]) / square;
  const least = expectation((i) => (scores[i] * (rewards[i] - best)) ** 2) - gradient ** 2;
  return {
    gradient, average, best,
    values: (b) => scores.map((score, i) => score * (rewards[i] - b)),
    variance: (b) => Math.max(0, least) + square * (b - best) ** 2,
  };
}

/** Probability of each of BINS bins between the limits; between neighbouring nodes the mass is spread evenly. */
function histogram(values, [low, high]) {
  const masses = new Float64Array(BINS), bin = (value) => (value - low) / (high - low) * BINS;
  for (let i = 1; i < values.length; i++) {
    const mass = (WEIGHTS[i - 1] + WEIGHTS[i]) / 2, [from, to] = [bin(values[i - 1]), bin(values[i])].sort((a, b) => a - b);
    const first = Math.max(0, Math.floor(from)), last = Math.min(BINS - 1, Math.floor(to));
    for (let k = first; k <= last; k++) {
      masses[k] += to > from ? mass * (Math.min(to, k + 1) - Math.max(from, k)) / (to - from) : mass;
    }
  }
  return masses;
}

/** A window for the estimates that does not depend on the baseline. */
function limitsOf({ values, best }) {
  const usual = [0, best].flatMap((b) => values(b).filter((_, i) => Math.abs(Z[i]) <= 1.9));
  const low = -Math.min(0, ...usual), high = Math.max(0, ...usual);
  return [-roundUp(Math.max(low, high / 4)), roundUp(Math.max(high, low / 4))];
}

// --- drawing -----------------------------------------------------------------------------------------------

const moveBaseline = (model, value) => set(model, { baseline: clamp(value, model.get("baselines")) });
const sayBaseline = (model) => `baseline ${show(model.get("baseline"))}`;

const thousands = new Intl.NumberFormat("en", { notation: "compact" });

/** A panel whose y axis, for large numbers too, changes only when the range does. */
function rangedPanel(shell, options) {
  const axes = panel(shell, { ...options, yText: (value) => (Math.abs(value) < 1e4 ? show(value) : thousands.format(value)) });
  return [axes, (range) => { if (String(range) !== String(axes.y)) axes.axes(axes.x, range); }];
}

function rewardPanel(shell, model, reward) {
  const x = model.get("bounds"), y = model.get("baselines"), [bottom, top] = y;
  const axes = panel(shell, { title: "Reward, baseline and policy", x, y, xName: "action a", yName: "reward" });
  const peak = bottom + BELL * (top - bottom), at = (share) => x[0] + share * (x[1] - x[0]);
  const nodes = Array.from({ length: 201 }, (_, i) => at(i / 200));
  const bell = axes.layer(""), average = axes.layer("thin dashed");
  axes.layer("reward thick").setAttribute("d", axes.line(nodes.map((a) => [a, reward(a)])));
  const line = axes.layer("second thick"), [right] = axes.point([x[1], 0]);
  const lineName = note(axes, "second", "end"), averageName = note(axes, "", "end");
  const policy = () => `mean ${show(model.get("mean"))}, standard deviation ${show(model.get("std"))}`;
  const places = [
    handle(axes, {
      label: "baseline", className: "second", get: () => [at(0.07), model.get("baseline")],
      move: ([, b]) => moveBaseline(model, b), describe: () => sayBaseline(model),
    }),
    handle(axes, {
      label: "width of the policy", get: () => [model.get("mean") + model.get("std"), bottom + (peak - bottom) * Math.exp(-0.5)],
      move: ([a]) => set(model, { std: clamp(a - model.get("mean"), model.get("stds")) }), describe: policy,
    }),
    handle(axes, {
      label: "mean of the policy", get: () => [model.get("mean"), peak],
      move: ([a]) => set(model, { mean: clamp(a, model.get("means")) }), describe: policy,
    }),
  ];
  return (estimates) => {
    const [mean, std, b] = ["mean", "std", "baseline"].map((key) => model.get(key));
    const across = (level) => axes.line(x.map((a) => [a, level])), gap = axes.Y(b) - axes.Y(estimates.average);
    bell.setAttribute("d", axes.line(Z.filter((_, i) => i % 4 === 0).map((z) => [mean + std * z, bottom + (peak - bottom) * Math.exp(-z * z / 2)])));
    average.setAttribute("d", across(estimates.average));
    line.setAttribute("d", across(b));
    lineName([right - 5, axes.Y(b) + (gap > 0 ? 14 : -6)], "baseline b");
    averageName([right - 5, axes.Y(estimates.average) + (gap > 0 ? -6 : 14)], "mean reward");
    places.forEach((place) => place());
  };
}

function variancePanel(shell, model) {
  const x = model.get("baselines");
  const [axes, setRange] = rangedPanel(shell, { title: "Variance of one estimate", x, y: [0, 1], xName: "baseline b", yName: "variance" });
  const curve = axes.layer("vanilla thick"), bottom = axes.layer("reward dashed");
  const marks = Object.fromEntries([["average", "plain"], ["best", "reward"]].map(([key, className]) =>
    [key, add(axes.plot, "circle", { class: className, r: 5 })]));
  const bestName = note(axes, "reward"), averageName = note(axes, "");
  let variance = () => 0;
  const spot = (b) => [b, Math.min(variance(b), axes.y[1])];
  const place = handle(axes, {
    label: "baseline on the variance curve", className: "second", get: () => spot(model.get("baseline")),
    move: ([b]) => moveBaseline(model, b), describe: () => `${sayBaseline(model)}, variance ${show(variance(model.get("baseline")))}`,
  });
  return (estimates) => {
    ({ variance } = estimates);
    setRange([0, roundUp(1.1 * Math.max(variance(0), 3 * variance(estimates.best)))]);
    curve.setAttribute("d", axes.line(Array.from({ length: 121 }, (_, i) => {
      const b = x[0] + i / 120 * (x[1] - x[0]);
      return [b, Math.min(variance(b), 2 * axes.y[1])];
    })));
    bottom.setAttribute("d", axes.line(axes.y.map((level) => [estimates.best, level])));
    for (const [key, mark] of Object.entries(marks)) {
      const [cx, cy] = axes.point(spot(estimates[key]));
      mark.setAttribute("cx", cx);
      mark.setAttribute("cy", cy);
    }
    const [bx] = axes.point(spot(estimates.best)), [ax, ay] = axes.point(spot(estimates.average)), [right, floor] = axes.point([x[1], 0]);
    bestName([Math.min(bx + 6, right - 60), axes.Y(axes.y[1]) + 14], "optimal b*");
    averageName([Math.min(ax + 9, right - 72), Math.min(ay + 16, floor - 9)], "mean reward");
    place();
  };
}

function estimatePanel(shell, model) {
  const x = model.get("bounds");
  const [axes, setRange] = rangedPanel(shell, { title: "The estimate that each action gives", x, y: [-1, 1], xName: "action a", yName: "estimate ĝ" });
  const zero = axes.layer("thin faint"), curve = axes.layer("vanilla"), core = axes.layer("vanilla thick"), mean = axes.layer("dashed");
  return (estimates, values, limits) => {
    setRange(limits);
    const points = Z.map((z, i) => [model.get("mean") + model.get("std") * z, values[i]]);
    const within = (reach) => axes.line(points.filter((_, i) => Math.abs(Z[i]) <= reach));
    zero.setAttribute("d", axes.line(x.map((a) => [a, 0])));
    curve.setAttribute("d", within(3));
    core.setAttribute("d", within(1));
    mean.setAttribute("d", axes.line(x.map((a) => [a, estimates.gradient])));
  };
}

function distributionPanel(shell) {
  const [axes, setRange] = rangedPanel(shell, {
    title: "How often each estimate occurs", x: [0, 1.05], y: [-1, 1], xName: "frequency (peak = 1)", yName: "estimate ĝ",
  });
  const zero = axes.layer("thin faint"), ghost = axes.layer("thin"), area = axes.layer("area vanilla"), outline = axes.layer("vanilla");
  const mean = axes.layer("dashed"), spread = axes.layer("thick"), meanName = note(axes, "", "end"), spreadName = note(axes, "", "end");
  const steps = (masses, [low, high]) => {
    const peak = Math.max(...masses), edge = (k) => low + k / BINS * (high - low);
    return axes.line([...masses].flatMap((mass, k) => [[mass / peak, edge(k)], [mass / peak, edge(k + 1)]]));
  };
  return (estimates, values, limits, b) => {
    setRange(limits);
    const { gradient } = estimates, std = Math.sqrt(estimates.variance(b)), [x] = axes.point([0.9, 0]);
    const [low, high] = [gradient - std, gradient + std].map((value) => axes.Y(clamp(value, limits)));
    const shape = steps(histogram(values, limits), limits);
    zero.setAttribute("d", axes.line(axes.x.map((x) => [x, 0])));
    ghost.setAttribute("d", steps(histogram(estimates.values(0), limits), limits));
    area.setAttribute("d", `${shape}L${axes.X(0)} ${axes.Y(limits[1])}L${axes.X(0)} ${axes.Y(limits[0])}Z`);
    outline.setAttribute("d", shape);
    mean.setAttribute("d", axes.line(axes.x.map((x) => [x, gradient])));
    spread.setAttribute("d", `M${x - 5} ${low}h10M${x} ${low}V${high}M${x - 5} ${high}h10`);
    meanName([axes.X(axes.x[1]) - 5, axes.Y(gradient) - 5], "mean");
    spreadName([x + 8, Math.min(high - 7, axes.Y(gradient) - 20)], "± one std");
  };
}

function controls(shell, model, current) {
  const refresh = [
    modelSlider(shell, model, "baseline", "baseline b", model.get("baselines")), modelSlider(shell, model, "mean", "mean μ", model.get("means")),
    modelSlider(shell, model, "std", "width σ", model.get("stds"), { log: true }),
    choice(shell, model, "parameter", "gradient in", [["μ", "μ"], ["σ", "σ"]]),
  ];
  button(shell, "no baseline", () => moveBaseline(model, 0));
  button(shell, "mean reward", () => moveBaseline(model, current().average));
  button(shell, "optimal", () => moveBaseline(model, current().best));
  presets(shell, model, STATE);
  return () => refresh.forEach((f) => f());
}

function writeNumbers(write, { gradient, variance }, column, b) {
  const std = Math.sqrt(variance(b)), ratio = gradient ** 2 / variance(b);
  write("baseline", column, b);
  write("mean", column, gradient);
  write("std", column, std);
  write("ratio", column, ratio);
  write("samples", column, ratio > 1e-12 ? Math.ceil(1 / (PRECISION ** 2 * ratio)) : Infinity);
}

function render({ model, el }) {
  const shell = frame({
    el, title: "What a baseline does to the noise",
    caption: "Drag the baseline (purple), and the policy (black) by its top and its flank. Each action gives one estimate ĝ = ∇log π(a) (r(a) − b); the last picture shows how often each value occurs, and (thin) how often without a baseline.",
    predict: "move the baseline far away from the rewards. What happens to the mean of the estimates, and what to their spread?",
    answer: "The mean stays: E[∇log π] = 0, so whatever b multiplies drops out. The spread grows: the variance is a parabola in b. Its lowest point is not the mean reward but b* = E[g² r] / E[g²] with g = ∇log π, a mean in which actions with a large score count more. Then press “tiny σ”: without a baseline the estimates scatter like |r| / σ, although their mean hardly changes; with the optimal one the noise stays bounded.",
  });
  const reward = ((table) => (a) => table(a)[0])(curveOf(floats(model.get("rewards")), model.get("nodes"), 1, model.get("sampled")));
  let estimates, key = "";
  const current = () => {
    const policy = ["mean", "std", "parameter"].map((name) => model.get(name));
    if (String(policy) !== key) estimates = estimatesOf(reward, ...policy);
    key = String(policy);
    return estimates;
  };
  const drawReward = rewardPanel(shell, model, reward), drawVariance = variancePanel(shell, model);
  const drawEstimates = estimatePanel(shell, model), drawDistribution = distributionPanel(shell);
  const refresh = controls(shell, model, current);
  const write = readout(shell, [
    ["baseline", "baseline b"], ["mean", "mean, which is ∇J"], ["std", "standard deviation"],
    ["ratio", "signal-to-noise ratio, mean²/variance"], ["samples", "samples for 10% error"],
  ], [["yours", "yours", "second"], ["none", "no baseline"], ["average", "mean reward"], ["best", "optimal", "reward"]]);

  function draw() {
    const now = current(), b = model.get("baseline"), values = now.values(b);
    const limits = limitsOf(now);
    drawReward(now);
    drawVariance(now);
    drawEstimates(now, values, limits);
    drawDistribution(now, values, limits, b);
    refresh();
    writeNumbers(write, now, "yours", b);
    writeNumbers(write, now, "none", 0);
    writeNumbers(write, now, "average", now.average);
    writeNumbers(write, now, "best", now.best);
    shell.announce(`With baseline ${show(b)} the estimates have mean ${show(now.gradient)} and standard deviation ${show(Math.sqrt(now.variance(b)))}.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
