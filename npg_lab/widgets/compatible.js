// Action values and their fit | the projection | the policies within reach | the noise of a weight from samples.
import { add, arrowOf, frame, handle, note, panel, presets, readout, redrawOn, set, show, slider } from "./_plane.js";
import { clamp, keepInside, policyAt, roundUp, softmax, spotOf, withArm } from "./_maths.js";

const STATE = ["action_values", "probs", "features"], ACTIONS = [0, 1, 2];
const LARGEST = 1.5, EDGE = 0.05, SPREAD = 0.2, SAMPLES = 100;

// --- functions of the action, as three numbers -------------------------------------------------------------

const dot = (f, g) => ACTIONS.reduce((sum, a) => sum + f[a] * g[a], 0);
const product = (f, g) => f.map((value, a) => value * g[a]);
const plus = (f, g, scale = 1) => f.map((value, a) => value + scale * g[a]);
const withinRange = (f) => f.map((value) => clamp(value, [-LARGEST, LARGEST]));

/** Everything that follows from the state. */
function situationOf(model) {
  const [q, p, phi] = STATE.map((key) => model.get(key)), value = dot(p, q);
  const psi = phi.map((feature) => feature - dot(p, phi)), advantage = q.map((entry) => entry - value);
  const fisher = dot(p, product(psi, psi)), gradient = dot(p, product(psi, q)), weight = gradient / fisher;
  return { q, p, phi, psi, value, advantage, fisher, gradient, weight, fit: psi.map((entry) => weight * entry) };
}

/** What a regression on the score makes of f: its mean, E[ψ f], weight, left-over error, and noise from samples. */
function regression({ p, psi, fisher }, f) {
  const gradient = dot(p, product(psi, f)), weight = gradient / fisher, rest = plus(f, psi, -weight);
  const noise = Math.sqrt(dot(p, product(psi, rest).map((entry) => entry ** 2)) / SAMPLES) / fisher;
  return { mean: dot(p, f), gradient, weight, error: dot(p, product(rest, rest)), noise };
}

// The plane: f ↦ √π f turns E[f g] into the ordinary inner product and constants into the direction √π, which a
// rotation takes to (1, 1, 1). What is left of f are two coordinates, with the three actions at equal angles when
// the policy is uniform.

const AXES = [[-1, 1, 0], [-1, -1, 2]].map((axis) => axis.map((entry) => entry / Math.hypot(...axis)));
const MIDDLE = [1, 1, 1].map((entry) => entry / Math.sqrt(3));

/** Turn v by the rotation that takes the unit vector `from` to `to`, when v is perpendicular to `from`. */
const turned = (v, from, to) => plus(v, plus(from, to), -dot(to, v) / (1 + dot(from, to)));

/** The point of the plane that a function with mean zero is. */
function pointOf(p, f) {
  const root = p.map(Math.sqrt), v = turned(product(root, f), root, MIDDLE);
  return AXES.map((axis) => dot(axis, v));
}

/** The function with mean zero at a point of the plane. */
function functionAt(p, [x, y]) {
  const root = p.map(Math.sqrt), v = turned(AXES[0].map((entry, a) => x * entry + y * AXES[1][a]), MIDDLE, root);
  return v.map((entry, a) => entry / root[a]);
}

// --- what the reader sets ----------------------------------------------------------------------------------

const replaced = (values, a, value) => values.map((old, k) => (k === a ? value : old));
const setValues = (model, values) => set(model, { action_values: withinRange(values) });

/** Move all action values together until their mean is `value`, as far as there is room. */
function setMean(model, value) {
  const { q, value: now } = situationOf(model);
  setValues(model, q.map((entry) => entry + clamp(value - now, [-LARGEST - Math.min(...q), LARGEST - Math.max(...q)])));
}

/** Features that are nearly equal are spread to the least difference that is allowed. */
function setFeatures(model, values) {
  const features = withinRange(values), low = Math.min(...features), high = Math.max(...features);
  if (high === low) return;
  const middle = clamp((low + high) / 2, [SPREAD / 2 - LARGEST, LARGEST - SPREAD / 2]), scale = Math.max(1, SPREAD / (high - low));
  set(model, { features: scale > 1 ? withinRange(features.map((f) => middle + scale * (f - (low + high) / 2))) : features });
}

/** The function of mean `level` at a point of the plane, or as far towards it as there is room. */
function functionTowards(p, level, point) {
  const f = functionAt(p, point), room = f.map((entry) => (entry > 0 ? LARGEST - level : LARGEST + level) / (Math.abs(entry) || 1));
  return plus(f.map(() => level), f, Math.min(1, ...room));
}

const moveAdvantage = (model, { p, value }, point) => setValues(model, functionTowards(p, value, point));
const moveScore = (model, { p, phi }, point) => setFeatures(model, functionTowards(p, dot(p, phi), point));

// --- drawing -----------------------------------------------------------------------------------------------

const threeNumbers = (values) => `${values.map(show).join(", ")} for actions 1 to 3`;

function valuesPanel(shell, model) {
  const axes = panel(shell, {
    title: "Action values and their fit", x: [0.4, 3.95], y: [-1.1 * LARGEST, 1.1 * LARGEST], yName: "value",
    xName: "action (bars as wide as π)", xText: (x) => (Number.isInteger(x) ? String(x) : ""),
  });
  const zero = axes.layer("thin faint"), bars = axes.layer("reward bar"), rest = axes.layer("dashed");
  const middle = axes.layer("thin dashed"), fits = axes.layer("natural thick");
  zero.setAttribute("d", axes.line(axes.x.map((x) => [x, 0])));
  add(axes.svg, "text", { class: "natural", x: 328, y: 16, "text-anchor": "end" }, "V + w ψ");
  const middleName = note(axes, "", "end");
  const places = ACTIONS.map((a) => handle(axes, {
    label: `Q of action ${a + 1}`, className: "reward", get: () => [a + 1, model.get("action_values")[a]],
    move: ([, value]) => setValues(model, replaced(model.get("action_values"), a, value)),
    describe: () => `Q ${show(model.get("action_values")[a])}`,
  }));
  places.push(handle(axes, {
    label: "V, all action values together", get: () => [3.75, situationOf(model).value],
    move: ([, value]) => setMean(model, value), describe: () => `V ${show(situationOf(model).value)}`,
  }));
  return ({ q, p, value, fit }) => {
    const half = (a) => 0.55 * p[a], level = (a) => value + fit[a];
    bars.setAttribute("d", ACTIONS.map((a) => axes.line([
      [a + 1 - half(a), 0], [a + 1 - half(a), q[a]], [a + 1 + half(a), q[a]], [a + 1 + half(a), 0], [a + 1 - half(a), 0]])).join(""));
    fits.setAttribute("d", ACTIONS.map((a) => axes.line([[a + 0.68, level(a)], [a + 1.32, level(a)]])).join(""));
    rest.setAttribute("d", ACTIONS.map((a) => axes.line([[a + 1, q[a]], [a + 1, level(a)]])).join(""));
    middle.setAttribute("d", axes.line(axes.x.map((x) => [x, value])));
    const [x, y] = axes.point([3.75, value]);
    middleName([x + 4, y + (value > 0 ? 22 : -14)], "V");
    places.forEach((place) => place());
  };
}

/** A small square at the foot, on the side of `tip`, between the line along `direction` and its perpendicular. */
function rightAngle(axes, foot, tip, direction) {
  const size = 9, [fx, fy] = axes.point(foot), [tx, ty] = axes.point(tip), reach = Math.hypot(tx - fx, ty - fy);
  if (reach < 2 * size) return "";
  const [ux, uy] = [(tx - fx) / reach * size, (ty - fy) / reach * size], length = Math.hypot(...direction);
  const [vx, vy] = [-direction[0] / length * size, direction[1] / length * size];
  return `M${fx + ux} ${fy + uy}L${fx + ux + vx} ${fy + uy + vy}L${fx + vx} ${fy + vy}`;
}

function planePanel(shell, model) {
  const axes = panel(shell, { title: "Functions of the action, up to constants", x: [-1.65, 1.65], y: [-1.3, 1.3], bare: true });
  const spokes = axes.layer("thin faint"), line = axes.layer("natural dashed"), rest = axes.layer("dashed"), square = axes.layer("thin");
  const arrows = { fit: axes.layer("natural wide"), psi: axes.layer("second thick"), advantage: axes.layer("reward thick") };
  const names = ACTIONS.map(() => note(axes, "", "middle")), height = note(axes, "", "end");
  const vectorNames = { advantage: note(axes, "reward"), psi: note(axes, "second"), fit: note(axes, "natural") };
  const texts = { advantage: "A", psi: "ψ", fit: "w ψ" };
  const at = (key) => { const now = situationOf(model); return pointOf(now.p, now[key]); };
  const places = [
    handle(axes, {
      label: "advantage A", className: "reward", get: () => at("advantage"), describe: () => threeNumbers(situationOf(model).advantage),
      move: (point) => moveAdvantage(model, situationOf(model), point),
    }),
    handle(axes, {
      label: "score ψ", className: "second", get: () => at("psi"), describe: () => threeNumbers(situationOf(model).psi),
      move: (point) => moveScore(model, situationOf(model), point),
    }),
  ];
  return (now) => {
    const tips = Object.fromEntries(Object.keys(arrows).map((key) => [key, pointOf(now.p, now[key])])), { advantage, psi, fit } = tips;
    const origin = axes.point([0, 0]), unit = psi.map((entry) => entry / Math.hypot(...psi));
    const rays = ACTIONS.map((a) => pointOf(now.p, now.p.map((pk, k) => (k === a ? 1 : 0) - now.p[a]))).map(([x, y]) => [x, y].map((entry) => entry / Math.hypot(x, y)));
    spokes.setAttribute("d", rays.map(([x, y]) => axes.line([[0, 0], [1.08 * x, 1.08 * y]])).join(""));
    rays.forEach(([x, y], a) => names[a](axes.point([1.19 * x, 1.19 * y]).map((pixel, k) => pixel + (k ? 4 : 0)), `action ${a + 1}`));
    line.setAttribute("d", axes.line([-3, 3].map((s) => unit.map((entry) => s * entry))));
    rest.setAttribute("d", axes.line([advantage, fit]));
    square.setAttribute("d", rightAngle(axes, fit, advantage, now.weight < 0 ? unit.map((entry) => -entry) : unit));
    for (const [key, layer] of Object.entries(arrows)) {
      const tip = axes.point(tips[key]), away = Math.hypot(...tips[key]) || 1;
      layer.setAttribute("d", key === "fit" ? `M${origin.join(" ")}L${tip.join(" ")}` : arrowOf(origin, tip));
      const side = unit[0] * advantage[1] > unit[1] * advantage[0] ? 14 : -14; // the fit's name stands across the line from A
      const [dx, dy] = key === "fit" ? [unit[1] * side, unit[0] * side] : [tips[key][0] / away * 15, -tips[key][1] / away * 15];
      vectorNames[key]([tip[0] + dx - 4, tip[1] + dy + 4], texts[key]);
    }
    const side = now.value < 0 ? "below" : "above";
    height([axes.X(axes.x[1]) - 2, axes.Y(axes.y[0]) - 4], `Q lies ${show(Math.abs(now.value))} ${side} the page`);
    places.forEach((place) => place());
  };
}

function policyPanel(shell, model) {
  const axes = panel(shell, { title: "Policies within reach of θ", x: [-0.14, 1.14], y: [-0.1, 0.908], bare: true });
  const corners = ACTIONS.map((a) => spotOf(replaced([0, 0, 0], a, 1)));
  axes.layer("thin").setAttribute("d", axes.line([...corners, corners[0]]));
  corners.forEach((corner, a) => {
    const [x, y] = axes.point(corner), top = a === 2;
    add(axes.svg, "text", { x: top ? x + 12 : x, y: y + (top ? 6 : 17), "text-anchor": top ? "start" : "middle" }, `action ${a + 1}`);
  });
  const curve = axes.layer("second"), arrow = axes.layer("natural thick");
  const place = handle(axes, {
    label: "policy π", get: () => spotOf(model.get("probs")), move: (point) => set(model, { probs: keepInside(policyAt(point), EDGE) }),
    describe: () => threeNumbers(model.get("probs")),
  });
  return ({ p, phi, weight }) => {
    const reached = (theta) => spotOf(softmax(p.map((entry, a) => Math.log(entry) + theta * phi[a])));
    curve.setAttribute("d", axes.line(Array.from({ length: 81 }, (_, i) => reached(30 * Math.sinh((i - 40) / 8) / Math.sinh(5)))));
    arrow.setAttribute("d", axes.line(Array.from({ length: 13 }, (_, i) => reached(i / 12 * weight))));
    const [end, before] = [reached(weight), reached(0.9 * weight)].map(axes.point);
    if (Math.abs(weight) > 0.02) arrow.setAttribute("d", arrow.getAttribute("d") + arrowOf(before, end));
    place();
  };
}

function noisePanel(shell) {
  const axes = panel(shell, { title: `Weight fitted to ${SAMPLES} samples`, x: [-1, 1], y: [0, 1.1], xName: "error of the weight", yName: "density (peak = 1)" });
  const bells = { q: axes.layer(""), advantage: axes.layer("reward thick") };
  add(axes.svg, "text", { x: 322, y: 44, "text-anchor": "end" }, "from Q");
  add(axes.svg, "text", { class: "reward", x: 322, y: 60, "text-anchor": "end" }, "from A = Q − V");
  return (now, noise) => {
    const reach = roundUp(4 / Math.sqrt(SAMPLES * now.fisher));
    if (reach !== axes.x[1]) axes.axes([-reach, reach], axes.y);
    for (const [key, layer] of Object.entries(bells)) {
      const std = Math.max(noise[key], reach / 400);
      layer.setAttribute("d", axes.line(Array.from({ length: 121 }, (_, i) => {
        const t = (i - 60) / 60, error = reach * t * Math.abs(t);
        return [error, Math.exp(-((error / std) ** 2) / 2)];
      })));
    }
  };
}

function controls(shell, model) {
  const rows = [["Q", "action_values", [-LARGEST, LARGEST]], ["π", "probs", [EDGE, 1 - 2 * EDGE]], ["φ", "features", [-LARGEST, LARGEST]]];
  const input = {
    action_values: (values, a, value) => setValues(model, replaced(values, a, value)),
    probs: (values, a, value) => set(model, { probs: withArm(values, a, value, EDGE) }),
    features: (values, a, value) => setFeatures(model, replaced(values, a, value)),
  };
  const refresh = rows.flatMap(([name, key, range]) => {
    const sliders = ACTIONS.map((a) => {
      const show_ = slider(shell, { label: `${name}(${a + 1})`, range, value: model.get(key)[a], input: (value) => input[key](model.get(key), a, value) });
      return () => show_(model.get(key)[a]);
    });
    if (key === "action_values") {
      const show_ = slider(shell, { label: "V", range, value: situationOf(model).value, input: (value) => setMean(model, value) });
      sliders.push(() => show_(situationOf(model).value));
    }
    add(shell.controls, "span", { class: "npg-break" });
    return sliders;
  });
  presets(shell, model, STATE);
  return () => refresh.forEach((f) => f());
}

function render({ model, el }) {
  const shell = frame({
    el, title: "The compatible approximation is a projection",
    caption: "Drag the action values Q (by V, all of them together), the policy π, the advantage A and the score ψ = ∇log π. In the plane, lengths and angles are those of the inner product E[f g] under π. Blue is the best approximation of A by a multiple of ψ, and w is how many ψ it is long; in the simplex, the way to θ + w.",
    predict: "raise all three action values by the same amount (drag V). Which of these change: the projection, the weight w, the vanilla gradient E[ψ Q]?",
    answer: "None. E[ψ] = 0, so constants stand perpendicular to the page, and Q and A fall on the same point. What the projection leaves over is perpendicular to ψ, so E[ψ · w ψ] = E[ψ Q]: with the approximation in place of Q the vanilla gradient is exact. The natural gradient is the weight itself, w = F⁻¹∇J. Only the noise of a weight fitted to samples changes. Now stretch ψ along its line: F and ∇J grow and w shrinks, but the projection stays.",
  });
  const drawPanels = [valuesPanel, planePanel, policyPanel].map((make) => make(shell, model)), drawNoise = noisePanel(shell);
  const refresh = controls(shell, model);
  const writeScore = readout(shell, [["score", "score ψ = ∇log π of each action"], ["fisher", "Fisher information F = E[ψ²]"]], [["value", ""]]);
  const write = readout(shell, [
    ["values", "f of each action"], ["mean", "mean E[f]"], ["gradient", "vanilla gradient E[ψ f]"], ["weight", "natural gradient w = F⁻¹ E[ψ f]"],
    ["error", "left over, E[(f − w ψ)²]"], ["noise", `std of w from ${SAMPLES} samples`],
  ], [["q", "f = Q"], ["advantage", "f = A = Q − V", "reward"], ["fit", "f = w ψ", "natural"]]);

  function draw() {
    const now = situationOf(model), noise = {};
    drawPanels.forEach((drawPanel) => drawPanel(now));
    writeScore("score", "value", now.psi);
    writeScore("fisher", "value", now.fisher);
    for (const key of ["q", "advantage", "fit"]) {
      const found = regression(now, now[key]);
      noise[key] = found.noise;
      write("values", key, now[key]);
      for (const [row, value] of Object.entries(found)) write(row, key, Math.abs(value) < 1e-12 ? 0 : value);
    }
    drawNoise(now, noise);
    refresh();
    shell.announce(`The weight is ${show(now.weight)}, the vanilla gradient ${show(now.gradient)}.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
