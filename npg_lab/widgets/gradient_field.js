// Vanilla field | natural field | policies | objective. All quantities are interpolated from a table.
import { add, arrowOf, button, choice, frame, handle, modelSlider, panel, pathOf, presets, readout, redrawOn, set, show } from "./_plane.js";
import { categorical, charts, clamp, ellipse, floats, gaussian, halfSquare, naturalDirection, rulerOf, scaleToKl, softmax, tableOf, vanillaDirection } from "./_maths.js";

const METHODS = ["vanilla", "natural"], STATE = ["start", "rule", "kl", "rate", "damping", "ruler", "step"];
const LONGEST = 200, COLUMNS = 9, ROWS = 8;

/** The sampled problem: objective, gradient, metric, policy and ruler at a point. */
function problemOf(model) {
  const bounds = model.get("bounds"), nodes = model.get("nodes"), channels = model.get("channels");
  const table = tableOf(floats(model.get("table")), nodes, channels, bounds);
  const family = model.get("family"), rulers = new Map(model.get("rulers"));
  const states = model.get("states"), last = channels - (states > 1 ? states : 0), size = (last - 6) / states;
  const policyIn = { gaussian: (c) => [...c], categorical: softmax }[family], klIn = { gaussian, categorical }[family]?.kl;
  /** The policy in each state and the weights of the states. */
  const policyOf = (c) => ({
    at: Array.from({ length: states }, (_, s) => policyIn(c.subarray(6 + s * size, 6 + (s + 1) * size))),
    weights: states > 1 ? [...c.subarray(last)] : [1],
  });
  const corners = bounds[0].flatMap((x) => bounds[1].map((y) => [x, y]));
  return {
    bounds, family,
    kl: family ? (p, q) => p.at.reduce((sum, policy, s) => sum + p.weights[s] * klIn(policy, q.at[s]), 0) : null,
    narrowest: family === "gaussian" ? Math.min(...corners.map((p) => table(...p)[7])) : NaN,
    bars: states * size,
    inside: ([x, y]) => x >= bounds[0][0] && x <= bounds[0][1] && y >= bounds[1][0] && y <= bounds[1][1],
    at: ([x, y]) => {
      const c = table(x, y);
      return { J: c[0], gradient: [c[1], c[2]], fisher: [c[3], c[4], c[5]], policy: family ? policyOf(c) : null };
    },
    ruler: (theta) => {
      const ruler = rulers.get(model.get("ruler"));
      return typeof ruler === "string" ? rulerOf(charts[ruler], theta) : ruler;
    },
  };
}

function directionAt(problem, model, method, theta, here) {
  const ruler = problem.ruler(theta);
  return method === "vanilla" ? vanillaDirection(here.gradient, ruler)
    : naturalDirection(here.gradient, here.fisher, ruler, model.get("damping"));
}

function stepAt(problem, model, method, theta, here) {
  const direction = directionAt(problem, model, method, theta, here);
  return model.get("rule") === "kl" ? scaleToKl(here.fisher, direction, model.get("kl"))
    : direction.map((d) => d * model.get("rate"));
}

/** Points of an ascent until `step`, or until it leaves the window (then `left` is where it would land). */
function ascend(problem, model, method) {
  const path = [{ theta: model.get("start"), ...problem.at(model.get("start")) }];
  for (let k = 0; k < model.get("step"); k++) {
    const here = path.at(-1), d = stepAt(problem, model, method, here.theta, here);
    const next = [here.theta[0] + d[0], here.theta[1] + d[1]];
    if (!problem.inside(next)) return { path, left: next };
    path.push({ theta: next, ...problem.at(next) });
  }
  return { path, left: null };
}

/** A coarse grid over the plane, the divergence that its arrows cost, and the ellipses of that divergence. */
function gridOf(problem, axes) {
  const [[x0, x1], [y0, y1]] = problem.bounds, cell = (axes.X(x1) - axes.X(x0)) / COLUMNS;
  const sites = [];
  for (let j = 0; j < ROWS; j++) for (let i = 0; i < COLUMNS; i++) {
    const theta = [x0 + (i + .5) / COLUMNS * (x1 - x0), y0 + (j + .5) / ROWS * (y1 - y0)];
    const here = problem.at(theta);
    sites.push({ theta, here, reach: Math.max(...ellipse(here.fisher, 1, 12).map(
      (d) => Math.hypot(axes.X(d[0]) - axes.X(0), axes.Y(d[1]) - axes.Y(0)))) });
  }
  const reaches = sites.map((s) => s.reach).sort((a, b) => a - b);
  const kl = (0.52 * cell / reaches[Math.floor(0.8 * reaches.length)]) ** 2;
  const loops = sites.map(({ theta, here }) => pathOf(ellipse(here.fisher, kl, 24).map((d) => axes.point([theta[0] + d[0], theta[1] + d[1]]))));
  return { sites, kl, loops: loops.join("") };
}

/** Arrows of equal divergence at the sites of a grid, each drawn to its own ellipse. */
function field(problem, model, method, axes, { sites, kl }) {
  return sites.map(({ theta, here }) => {
    const d = scaleToKl(here.fisher, directionAt(problem, model, method, theta, here), kl);
    return arrowOf(axes.point(theta), axes.point([theta[0] + d[0], theta[1] + d[1]]));
  }).join("");
}

function planePanel(shell, model, problem, method) {
  const title = { vanilla: "Vanilla gradient ∇J", natural: "Natural gradient F⁻¹∇J" }[method];
  const [xName, yName] = model.get("names"), [x, y] = problem.bounds;
  const axes = panel(shell, { title, x, y, xName, yName });
  axes.layer("contour").setAttribute("d", model.get("contours").map(axes.line).join(""));
  const [px, py] = axes.point(model.get("peak"));
  add(axes.plot, "circle", { class: "reward", cx: px, cy: py, r: 4 });
  const layers = {
    loops: axes.layer("thin faint"), arrows: axes.layer(`${method} arrows`), path: axes.layer(`${method} thick`),
    budget: axes.layer("thin"), exit: axes.layer(`${method} dashed`),
  };
  const grid = gridOf(problem, axes);
  layers.loops.setAttribute("d", grid.loops);
  const dot = add(axes.plot, "circle", { class: `dot ${method}`, r: 5 });
  const place = handle(axes, {
    label: `start of both ascents, on the ${method} field`,
    get: () => model.get("start"),
    move: (p) => set(model, { start: p.map((value, k) => clamp(value, problem.bounds[k])) }),
    describe: () => model.get("start").map((value, k) => `${model.get("names")[k]} ${show(value)}`).join(", "),
  });
  return { axes, grid, layers, dot, place };
}

/** Draws policies: densities over actions (in the last state), or bars, as wide as their state is often visited. */
function policyPanel(shell, model, problem) {
  const names = model.get("policy_names");
  if (problem.family === "gaussian") {
    const rewards = model.get("rewards"), [low, high] = problem.bounds[0];
    const x = rewards.length ? [rewards[0][0], rewards.at(-1)[0]] : [low - 1, high + 1];
    const ceiling = 0.42 / problem.narrowest;
    const title = names.length ? `Policies in state ${names.at(-1)}` : "Policies";
    const axes = panel(shell, { title, x, y: [0, ceiling], xName: "action", yName: "density" });
    axes.layer("reward dashed").setAttribute("d", axes.line(rewards.map(([a, r]) => [a, 0.95 * ceiling * r])));
    if (rewards.length) add(axes.svg, "text", { class: "reward", x: 330, y: 16, "text-anchor": "end" }, "reward (rescaled)");
    const lines = { start: axes.layer(""), vanilla: axes.layer("vanilla thick"), natural: axes.layer("natural thick") };
    return (policies) => {
      for (const [key, policy] of Object.entries(policies)) {
        lines[key].setAttribute("d", axes.line(Array.from({ length: 161 }, (_, i) => {
          const a = x[0] + i / 160 * (x[1] - x[0]);
          return [a, gaussian.density(a, policy.at.at(-1))];
        })));
      }
    };
  }
  const xText = (value) => names[value - 1] ?? show(value), xName = names.length ? "action | state" : "arm";
  const axes = panel(shell, { title: "Policies", x: [0.5, problem.bars + 0.5], y: [0, 1], xName, yName: "probability", xText });
  const lines = { start: axes.layer(""), vanilla: axes.layer("vanilla thick"), natural: axes.layer("natural thick") };
  const offset = { start: -0.22, vanilla: 0, natural: 0.22 };
  return (policies) => {
    for (const [key, { at, weights }] of Object.entries(policies)) {
      lines[key].setAttribute("d", at.flatMap((p, s) => p.map((value, k) => {
        const c = s * p.length + k + 1 + offset[key], half = 0.01 + 0.09 * weights[s];
        return axes.line([[c - half, 0], [c - half, value], [c + half, value], [c + half, 0]]);
      })).join(""));
    }
  };
}

function objectivePanel(shell, model) {
  const axes = panel(shell, { title: "Objective after each step", x: [0, 20], y: [0, 1], xName: "step", yName: "J" });
  const lines = Object.fromEntries(METHODS.map((method) => [method, axes.layer(`${method} thick`)]));
  return (ascents) => {
    const values = METHODS.flatMap((m) => ascents[m].path.map((p) => p.J)), low = Math.min(...values), high = Math.max(...values);
    const pad = 0.06 * (high - low) || 0.5;
    axes.axes([0, Math.max(1, model.get("step"))], [low - pad, high + pad], ["step", "J"]);
    for (const m of METHODS) lines[m].setAttribute("d", axes.line(ascents[m].path.map((p, k) => [k, p.J])));
  };
}

function controls(shell, model) {
  const quiet = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const refresh = [
    choice(shell, model, "rule", "step rule", [["kl", "equal KL per step"], ["rate", "fixed rate"]]),
    modelSlider(shell, model, "kl", "KL per step ε", [1e-4, 0.5], { log: true }),
    modelSlider(shell, model, "rate", "rate α", [1e-3, 10], { log: true }),
    modelSlider(shell, model, "damping", "damping λ", [0, 10]),
    modelSlider(shell, model, "step", "steps", [0, LONGEST], { steps: LONGEST }),
  ];
  const rulers = model.get("rulers").map(([name]) => [name, name]);
  if (rulers.length > 1) refresh.push(choice(shell, model, "ruler", "Euclidean ruler of", rulers));
  const rows = shell.controls.querySelectorAll("label");
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; play.textContent = "Play"; };
  const play = button(shell, "Play", () => {
    if (timer) return stop();
    if (quiet) return set(model, { step: LONGEST });
    set(model, { step: 0 });
    play.textContent = "Pause";
    timer = setInterval(() => model.get("step") < LONGEST ? set(model, { step: model.get("step") + 1 }) : stop(), 60);
  });
  presets(shell, model, STATE, stop);
  return [() => {
    refresh.forEach((f) => f());
    rows[1].hidden = model.get("rule") !== "kl";
    rows[2].hidden = model.get("rule") === "kl";
  }, stop];
}

const ROWS_OF_NUMBERS = [
  ["steps", "steps taken"], ["theta", "parameters"], ["J", "objective J"], ["kl", "KL from the start"], ["last", "KL of the last step"],
  ["quadratic", "…by the quadratic model"], ["length", "length of the last step"],
];

function writeNumbers(write, problem, method, { path, left }) {
  const [first, last, before] = [path[0], path.at(-1), path.at(-2)];
  const exact = (a, b) => problem.kl ? problem.kl(a.policy, b.policy) : "needs policy(theta)";
  const moved = before && last.theta.map((value, k) => value - before.theta[k]);
  write("theta", method, last.theta);
  write("steps", method, left ? `${path.length - 1}, then out of the window` : path.length - 1);
  write("J", method, last.J);
  write("kl", method, exact(first, last));
  write("last", method, moved ? exact(before, last) : NaN);
  write("quadratic", method, moved ? halfSquare(before.fisher, moved) : NaN);
  write("length", method, moved ? Math.hypot(...moved) : NaN);
}

const prompt = (hasRulers) => hasRulers ? {
  predict: "choose another Euclidean ruler. Which of the two fields will change?",
  answer: "Only the vanilla field: its direction depends on the coordinates in which lengths are measured. The natural direction is measured by the policies themselves, so it stays (until you add damping, which brings the ruler back).",
} : {
  predict: "which of the two ascents gains more of J for the same divergence?",
  answer: "The natural one, at every single step that is small enough: among all directions of equal quadratic divergence it has the largest first-order gain. Over many steps, or with large ones, compare the curves.",
};

function render({ model, el }) {
  const problem = problemOf(model);
  const shell = frame({
    el, title: "Two gradient fields",
    caption: `Drag the round handle: both ascents start there. Arrows in both fields cost the same divergence (the little ellipses); only their directions differ. The dot is the policy after the chosen number of steps.${
      problem.family === "categorical" && model.get("states") > 1 ? " Bars are as wide as their state is often visited." : ""}`,
    ...prompt(model.get("rulers").length > 1),
  });
  const planes = Object.fromEntries(METHODS.map((method) => [method, planePanel(shell, model, problem, method)]));
  const drawPolicies = problem.family ? policyPanel(shell, model, problem) : () => {};
  const drawObjective = objectivePanel(shell, model);
  const [refresh, stopPlaying] = controls(shell, model);
  const write = readout(shell, ROWS_OF_NUMBERS, METHODS.map((m) => [m, m, m]));
  let drawnField = "";

  function draw() {
    const ascents = Object.fromEntries(METHODS.map((method) => [method, ascend(problem, model, method)]));
    const fieldKey = `${model.get("damping")} ${model.get("ruler")}`;
    for (const method of METHODS) {
      const { axes, grid, layers, dot, place } = planes[method], { path, left } = ascents[method], last = path.at(-1);
      if (fieldKey !== drawnField) layers.arrows.setAttribute("d", field(problem, model, method, axes, grid));
      layers.path.setAttribute("d", axes.line(path.map((p) => p.theta)));
      layers.exit.setAttribute("d", left ? axes.line([last.theta, left]) : "");
      const budget = model.get("rule") === "kl" ? ellipse(last.fisher, model.get("kl")) : [];
      layers.budget.setAttribute("d", axes.line(budget.map((d) => [last.theta[0] + d[0], last.theta[1] + d[1]])));
      dot.setAttribute("cx", axes.X(last.theta[0]));
      dot.setAttribute("cy", axes.Y(last.theta[1]));
      place();
      writeNumbers(write, problem, method, ascents[method]);
    }
    drawnField = fieldKey;
    drawPolicies({
      start: ascents.vanilla.path[0].policy, vanilla: ascents.vanilla.path.at(-1).policy, natural: ascents.natural.path.at(-1).policy,
    });
    drawObjective(ascents);
    refresh();
    shell.announce(`After ${model.get("step")} steps J is ${METHODS.map((m) => `${show(ascents[m].path.at(-1).J)} ${m}`).join(", ")}.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return () => { stop(); stopPlaying(); };
}

export default { render };
