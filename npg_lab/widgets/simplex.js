// Vanilla simplex | natural simplex | probability of the best arm | objective, for a bandit with three arms.
import { add, arrowOf, frame, handle, modelSlider, panel, pathOf, presets, readout, redrawOn, set, show, slider } from "./_plane.js";
import { banditAscent, banditStep, categorical, ellipse, halfSquare, keepInside, policyAt, spotOf, withArm } from "./_maths.js";

const METHODS = ["vanilla", "natural"], STATE = ["rewards", "start", "step_size", "steps"], ARMS = [0, 1, 2];
const EDGE = 1e-3, GRID = 9, FIELD_KL = 0.0065;
const LONGEST = 10000, PATIENCE = 20000, GOAL = 0.9;
/** The steps that are kept for drawing: about sixty in every factor of ten. */
const KEPT = [...new Set(Array.from({ length: 241 }, (_, i) => Math.round(10 ** (i / 60))))];
const DECADES = [1, 10, 100, 1000, 10000];

// --- arrows on the simplex ---------------------------------------------------------------------------------

const metricAt = ([a, b, c]) => [1 / a + 1 / c, 1 / c, 1 / b + 1 / c];
const shifted = ([a, b, c], [da, db], scale = 1) => [a + scale * da, b + scale * db, c - scale * (da + db)];

/** Change of the first two probabilities when the logits follow one of the gradients. */
function directionAt(p, rewards, isNatural) {
  const logits = p.map(Math.log), next = banditStep(logits, rewards, 1, isNatural);
  const change = next.map((value, k) => value - logits[k]), mean = p.reduce((sum, pk, k) => sum + pk * change[k], 0);
  return [p[0] * (change[0] - mean), p[1] * (change[1] - mean)];
}

/** Arrows of equal divergence on a coarse grid, each drawn to its own ellipse. */
function fieldOf(axes, rewards, isNatural) {
  let arrows = "", loops = "";
  for (let i = 0; i < GRID; i++) for (let j = 0; i + j < GRID; j++) {
    const p = [i, j, GRID - 1 - i - j].map((n) => (n + 1 / 3) / GRID), metric = metricAt(p);
    loops += pathOf(ellipse(metric, FIELD_KL, 24).map((d) => axes.point(spotOf(shifted(p, d)))));
    const d = directionAt(p, rewards, isNatural), cost = halfSquare(metric, d);
    if (cost > 0) arrows += arrowOf(axes.point(spotOf(p)), axes.point(spotOf(shifted(p, d, Math.sqrt(FIELD_KL / cost)))));
  }
  return [arrows, loops];
}

// --- the two ascents ---------------------------------------------------------------------------------------

const expected = (p, rewards) => p.reduce((sum, pk, k) => sum + pk * rewards[k], 0);

/** One ascent: the kept points {k, p, best, J}, the policy after `steps`, and the first step with best >= GOAL. */
function ascend(model, isNatural) {
  const [start, rewards, steps] = ["start", "rewards", "steps"].map((key) => model.get(key)), top = Math.max(...rewards);
  const isBest = rewards.map((r) => r === top), bestOf = (p) => p.reduce((sum, pk, k) => sum + (isBest[k] ? pk : 0), 0);
  const record = (k, p) => ({ k, p: Array.from(p), best: bestOf(p), J: expected(p, rewards) });
  const points = [record(0, start)];
  let next = 0, needed = bestOf(start) >= GOAL ? 0 : NaN, last = points[0];
  banditAscent(start, rewards, model.get("step_size"), isNatural, PATIENCE, (k, p) => {
    if (Number.isNaN(needed) && bestOf(p) >= GOAL) needed = k;
    if (k === steps) last = record(k, p);
    if (k === KEPT[next]) { points.push(record(k, p)); next++; }
    return k >= LONGEST && needed >= 0;
  });
  return { points, last, needed };
}

// --- drawing -----------------------------------------------------------------------------------------------

const ring = ([x, y]) => `M${(x - 3).toFixed(1)} ${y.toFixed(1)}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`;

function trianglePanel(shell, model, method) {
  const title = { vanilla: "Vanilla gradient", natural: "Natural gradient" }[method];
  const axes = panel(shell, { title, x: [-0.14, 1.14], y: [-0.1, 0.908], bare: true });
  const corners = ARMS.map((arm) => spotOf(ARMS.map((k) => +(k === arm))));
  axes.layer("thin").setAttribute("d", axes.line([...corners, corners[0]]));
  const names = ARMS.map((arm) => {
    const [x, y] = axes.point(corners[arm]);
    return arm === 2 ? add(axes.svg, "text", { x: x + 12, y: y + 6 }) : add(axes.svg, "text", { x, y: y + 17, "text-anchor": "middle" });
  });
  const layers = {
    loops: axes.layer("thin faint"), arrows: axes.layer(`${method} arrows`), path: axes.layer(`${method} thick`), marks: axes.layer(""),
  };
  const dot = add(axes.plot, "circle", { class: `dot ${method}`, r: 5.5 });
  const place = handle(axes, {
    label: `start of both ascents, on the ${method} simplex`,
    get: () => spotOf(model.get("start")),
    move: (point) => set(model, { start: keepInside(policyAt(point), EDGE) }),
    describe: () => model.get("start").map((p, k) => `arm ${k + 1} ${show(p)}`).join(", "),
  });
  let drawn = "";
  return ({ points, last }) => {
    const rewards = model.get("rewards");
    if (drawn !== String(rewards)) {
      const [arrows, loops] = fieldOf(axes, rewards, method === "natural");
      layers.arrows.setAttribute("d", arrows);
      layers.loops.setAttribute("d", loops);
      names.forEach((node, arm) => { node.textContent = `arm ${arm + 1}, r = ${show(rewards[arm])}`; });
      drawn = String(rewards);
    }
    const shown = points.filter(({ k }) => k < last.k), at = (point) => axes.point(spotOf(point.p));
    layers.path.setAttribute("d", pathOf([...shown, last].map(at)));
    layers.marks.setAttribute("d", shown.filter(({ k }) => DECADES.includes(k)).map((point) => ring(at(point))).join(""));
    const [x, y] = at(last);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    place();
  };
}

/** A number of each kept step against the logarithm of the step, for both methods. */
function curvePanel(shell, model, { title, yName, key, range, goal, goalName }) {
  const axes = panel(shell, {
    title, x: [0, Math.log10(LONGEST)], y: [0, 1], xName: "step (logarithmic)", yName, xText: (value) => String(10 ** value),
  });
  const reference = axes.layer("reward dashed"), now = axes.layer("thin dashed");
  const name = add(axes.plot, "text", { class: "reward", x: axes.X(0) + 4 }, goalName);
  const lines = Object.fromEntries(METHODS.map((method) => [method, axes.layer(`${method} thick`)]));
  let drawn = "";
  return (ascents) => {
    const y = range(model.get("rewards")), at = goal(model.get("rewards"));
    if (drawn !== String(y)) axes.axes(axes.x, y);
    drawn = String(y);
    name.setAttribute("y", axes.Y(at) + 13);
    reference.setAttribute("d", axes.line(axes.x.map((x) => [x, at])));
    now.setAttribute("d", axes.line(y.map((value) => [Math.log10(model.get("steps")), value])));
    for (const method of METHODS) {
      lines[method].setAttribute("d", axes.line(ascents[method].points.slice(1).map((point) => [Math.log10(point.k), point[key]])));
    }
  };
}

function controls(shell, model) {
  const refresh = ARMS.map((arm) => {
    const show_ = slider(shell, {
      label: `start π(arm ${arm + 1})`, range: [EDGE, 1 - 2 * EDGE], value: model.get("start")[arm],
      input: (value) => set(model, { start: withArm(model.get("start"), arm, value, EDGE) }),
    });
    return () => show_(model.get("start")[arm]);
  });
  refresh.push(modelSlider(shell, model, "step_size", "step size α", [0.01, 100], { log: true }));
  const showSteps = slider(shell, {
    label: "steps", range: [1, LONGEST], value: model.get("steps"), log: true,
    // rounded away from the present number, so that a single key press always moves on
    input: (value) => set(model, { steps: value > model.get("steps") ? Math.ceil(value) : Math.floor(value) }),
  });
  presets(shell, model, STATE);
  return () => { refresh.forEach((f) => f()); showSteps(model.get("steps")); };
}

function render({ model, el }) {
  const shell = frame({
    el, title: "Two ascents on the simplex",
    caption: "Drag the start: a policy over three arms. Arrows on both sides cost the same divergence (the little ellipses). The rings mark steps 1, 10, 100, …: count how many lie between the start and the best corner.",
    predict: "start where the best arm is rare and the second best is not. Which method gets away from the second-best corner, and how much sooner?",
    answer: "The natural one. Vanilla moves each logit by α π(k) (r(k) − J): a rare arm hardly learns that it is good, so the second best wins first, J comes close to its reward, and the gradient nearly vanishes. That is the plateau. Natural drops the factor π(k): the log odds of any two arms grow by α times the difference of their rewards at every step, wherever the policy is.",
  });
  const draw_ = Object.fromEntries(METHODS.map((method) => [method, trianglePanel(shell, model, method)]));
  const span = (rewards) => { const low = Math.min(...rewards), high = Math.max(...rewards), pad = 0.05 * (high - low) || 1; return [low - pad, high + pad]; };
  const curves = [
    curvePanel(shell, model, { title: "Probability of the best arm", yName: "π(best)", key: "best", range: () => [0, 1.04], goal: () => GOAL, goalName: String(GOAL) }),
    curvePanel(shell, model, { title: "Objective", yName: "J", key: "J", range: span, goal: (rewards) => Math.max(...rewards), goalName: "best reward" }),
  ];
  const refresh = controls(shell, model);
  const write = readout(shell, [
    ["policy", "policy after the steps"], ["J", "objective J"], ["kl", "KL(start‖policy), nats"], ["needed", `steps until π(best) ≥ ${GOAL}`],
  ], METHODS.map((method) => [method, method, method]));

  function draw() {
    const ascents = { vanilla: ascend(model, false), natural: ascend(model, true) };
    for (const method of METHODS) {
      const { last, needed } = ascents[method];
      draw_[method](ascents[method]);
      write("policy", method, last.p);
      write("J", method, last.J);
      write("kl", method, categorical.kl(model.get("start"), last.p));
      write("needed", method, Number.isNaN(needed) ? `more than ${PATIENCE}` : needed);
    }
    curves.forEach((drawCurve) => drawCurve(ascents));
    refresh();
    shell.announce(`After ${model.get("steps")} steps the probability of the best arm is ${METHODS.map((m) => `${show(ascents[m].last.best)} ${m}`).join(", ")}.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
