// A landscape with the hops of an ascent | the objective after each step. The landscape comes as a table.
import { add, arrowOf, frame, handle, modelSlider, panel, presets, readout, redrawOn, set, show } from "./_plane.js";
import { clamp, curveOf, floats } from "./_maths.js";

const STATE = ["start", "step_size", "steps"], PATIENCE = 2000;

/** The sampled landscape: J and J' at a point, and what is known of it as a whole. */
function landscapeOf(model) {
  const [bounds, ground, heights] = ["bounds", "ground", "heights"].map((key) => model.get(key));
  const table = curveOf(floats(model.get("curve")), model.get("nodes"), 2, model.get("sampled"));
  return {
    bounds, ground, heights, peak: model.get("peak"), near: model.get("near"), names: model.get("names"),
    cliffs: ground.map((edge, side) => edge !== bounds[side]),
    flat: 0.01 * (heights[1] - heights[0]) / (ground[1] - ground[0]),
    at: (x) => { const [J, slope] = table(x); return { x, J, slope }; },
  };
}

/** At most `steps` steps of ascent. `exit` is where the next one would land, if that is off the ground. */
function ascend(land, start, rate, steps, until = () => false) {
  const path = [land.at(start)], [low, high] = land.ground;
  while (path.length <= steps && !until(path.at(-1))) {
    const here = path.at(-1), next = here.x + rate * here.slope;
    if (next < low || next > high) return { path, exit: { x: next, cliff: land.cliffs[next < low ? 0 : 1] } };
    path.push(land.at(next));
  }
  return { path, exit: null };
}

/** What became of the ascent, in a sentence. */
function story(land, { path, exit }) {
  const [theta, J] = land.names, last = path.at(-1), taken = path.length - 1;
  if (exit?.cliff) {
    const edge = land.ground[exit.x < land.ground[0] ? 0 : 1];
    return `Step ${taken + 1} lands at ${theta} = ${show(exit.x)}, over the cliff at ${show(edge)}, where ${J} is −∞: the ascent ends.`;
  }
  if (exit) return `Step ${taken + 1} lands at ${theta} = ${show(exit.x)}, outside the window: the ascent stops here.`;
  if (last.J >= land.near) return `Arrived: within 1% of the best ${J}.`;
  if (Math.abs(last.slope) < land.flat) return `Stuck: the gradient here is ${show(last.slope)}; at the start it was ${show(path[0].slope)}.`;
  if (taken === 0) return "No step taken yet.";
  const [before, middle] = path.slice(-3);
  if (taken > 1 && (middle.x - before.x) * (last.x - middle.x) < 0) return "Hopping back and forth: the last steps jumped across the peak.";
  return `On its way: the last step changed ${J} by ${show(last.J - path.at(-2).J)}.`;
}

function neededText(land, model) {
  const close = (point) => point.J >= land.near;
  const { path, exit } = ascend(land, model.get("start"), model.get("step_size"), PATIENCE, close);
  if (close(path.at(-1))) return path.length - 1;
  return exit ? `never: step ${path.length} ${exit.cliff ? "goes over the cliff" : "leaves the window"}` : `more than ${PATIENCE}`;
}

/** An arc from one pixel position to another, with an arrow head where there is room. */
function hop([x0, y0], [x1, y1]) {
  const cx = (x0 + x1) / 2, cy = Math.min(y0, y1) - Math.min(40, 0.4 * Math.abs(x1 - x0));
  const reach = Math.hypot(x1 - cx, y1 - cy), tail = [x1 - 9 * (x1 - cx) / reach, y1 - 9 * (y1 - cy) / reach];
  const head = reach > 12 ? arrowOf(tail, [x1, y1]) : "";
  return `M${x0.toFixed(1)} ${y0.toFixed(1)}Q${cx.toFixed(1)} ${cy.toFixed(1)} ${x1.toFixed(1)} ${y1.toFixed(1)}${head}`;
}

const ring = ([x, y]) => `M${(x - 2.5).toFixed(1)} ${y.toFixed(1)}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0`;

function landscapePanel(shell, model, land) {
  const [theta, J] = land.names, [low, high] = land.ground;
  const axes = panel(shell, { title: "Landscape", x: land.bounds, y: land.heights, xName: theta, yName: J });
  const level = (value) => clamp(value, land.heights), spot = ({ x, J: value }) => axes.point([x, level(value)]);
  land.cliffs.forEach((isCliff, side) => {
    if (!isCliff) return;
    const [edge, end] = [axes.X(land.ground[side]), axes.X(land.bounds[side])].sort((a, b) => a - b), top = axes.Y(land.heights[1]);
    add(axes.plot, "rect", { x: edge, y: top, width: end - edge, height: axes.Y(land.heights[0]) - top, fill: "currentColor", opacity: 0.12 });
    axes.layer("dashed").setAttribute("d", axes.line(land.heights.map((y) => [land.ground[side], y])));
    add(axes.plot, "text", { x: axes.X(land.ground[side]) + (side ? -5 : 5), y: top + 14, "text-anchor": side ? "end" : "start" }, "cliff");
  });
  const nodes = Array.from({ length: 301 }, (_, i) => low + i / 300 * (high - low));
  axes.layer("reward thick").setAttribute("d", axes.line(nodes.map((x) => [x, land.at(x).J])));
  const [px, py] = axes.point(land.peak);
  add(axes.plot, "circle", { class: "reward", cx: px, cy: py, r: 4 });
  const layers = { hops: axes.layer("vanilla"), exit: axes.layer("vanilla dashed"), rings: axes.layer("vanilla") };
  const dot = add(axes.plot, "circle", { class: "dot vanilla", r: 5 });
  const place = handle(axes, {
    label: "start of the ascent",
    get: () => [model.get("start"), level(land.at(model.get("start")).J)],
    move: ([x]) => set(model, { start: clamp(x, land.ground) }),
    describe: () => `${theta} ${show(model.get("start"))}, ${J} ${show(land.at(model.get("start")).J)}`,
  });
  return ({ path, exit }) => {
    const spots = path.map(spot), reach = 0.05 * (land.bounds[1] - land.bounds[0]);
    layers.hops.setAttribute("d", spots.slice(1).map((p, k) => hop(spots[k], p)).join(""));
    layers.rings.setAttribute("d", spots.slice(1).map(ring).join(""));
    const landing = exit && [clamp(exit.x, [land.bounds[0] - reach, land.bounds[1] + reach]), land.heights[0]];
    layers.exit.setAttribute("d", exit ? hop(spots.at(-1), axes.point(landing)) : "");
    dot.setAttribute("cx", spots.at(-1)[0]);
    dot.setAttribute("cy", spots.at(-1)[1]);
    place();
  };
}

function progressPanel(shell, model, land) {
  const J = land.names[1];
  const axes = panel(shell, { title: `${J} after each step`, x: [0, 1], y: land.heights, xName: "step", yName: J });
  const best = axes.layer("reward dashed"), line = axes.layer("vanilla thick"), rings = axes.layer("vanilla");
  const dot = add(axes.plot, "circle", { class: "dot vanilla", r: 5 });
  return ({ path }) => {
    axes.axes([0, Math.max(1, model.get("steps"))], land.heights);
    best.setAttribute("d", axes.line(axes.x.map((step) => [step, land.peak[1]])));
    const spots = path.map((point, k) => axes.point([k, Math.max(point.J, land.heights[0])]));
    line.setAttribute("d", axes.line(path.map((point, k) => [k, Math.max(point.J, land.heights[0])])));
    rings.setAttribute("d", path.length <= 60 ? spots.map(ring).join("") : "");
    dot.setAttribute("cx", spots.at(-1)[0]);
    dot.setAttribute("cy", spots.at(-1)[1]);
  };
}

function render({ model, el }) {
  const land = landscapeOf(model), [theta, J] = land.names;
  const shell = frame({
    el, title: "How long a step?",
    caption: `Drag the start along the curve, then move the step size α. Too small, and the ascent crawls; too large, and one hop throws it where the gradient no longer helps. Every hop is ${theta} ← ${theta} + α ${J}′(${theta}).`,
    predict: "make α ten times larger. Does the ascent arrive ten times sooner?",
    answer: `Only while the hops stay short for the hill. Above 2/|${J}″| at the peak every hop jumps across the top; far above it a single one lands on flat ground or over an edge, and since the next step is measured by the gradient found there, nothing brings it back.`,
  });
  const drawLandscape = landscapePanel(shell, model, land), drawProgress = progressPanel(shell, model, land);
  const refresh = [
    modelSlider(shell, model, "start", `start ${theta}₀`, land.ground),
    modelSlider(shell, model, "step_size", "step size α", [1e-3, 100], { log: true }),
    modelSlider(shell, model, "steps", "steps", [0, 200], { steps: 200 }),
  ];
  presets(shell, model, STATE);
  const note = add(shell.readouts, "p", { class: "npg-caption", "data-key": "note" });
  const write = readout(shell, [
    ["first", `first step, α ${J}′(${theta}₀)`], ["taken", "steps taken"], ["theta", `${theta} after them`], ["J", `${J} after them`],
    ["gradient", `gradient ${J}′ there`], ["needed", `steps to within 1% of best ${J}`],
  ], [["ascent", "ascent", "vanilla"]]);

  function draw() {
    const ascent = ascend(land, model.get("start"), model.get("step_size"), model.get("steps"));
    const last = ascent.path.at(-1);
    drawLandscape(ascent);
    drawProgress(ascent);
    write("first", "ascent", model.get("step_size") * ascent.path[0].slope);
    write("taken", "ascent", ascent.path.length - 1);
    write("theta", "ascent", last.x);
    write("J", "ascent", last.J);
    write("gradient", "ascent", last.slope);
    write("needed", "ascent", neededText(land, model));
    note.textContent = story(land, ascent);
    refresh.forEach((f) => f());
    shell.announce(`After ${ascent.path.length - 1} steps ${J} is ${show(last.J)}. ${note.textContent}`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
