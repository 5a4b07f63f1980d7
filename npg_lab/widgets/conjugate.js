// A bowl with two ways to its bottom | errors of a larger system | what is left by eigenvalue | the angle that counts.
import { add, arrowOf, choice, frame, handle, modelSlider, note, panel, pathOf, presets, readout, redrawOn, set, show, slider } from "./_plane.js";
import { angleBetween, clamp, descend, ellipse, errorBound, leftOver } from "./_maths.js";

const STATE = ["condition", "angle", "solution", "start", "damping", "step", "spectrum", "measure"];
const MOST = 50, METHODS = ["vanilla", "natural"], NAMES = { vanilla: "steepest descent", natural: "conjugate gradients" };
const DEEPEST = -6, SYSTEMS = ["bowl", "large"];

// --- a system (F + λ) x = g in the basis of the eigenvectors of F, and both ways to solve it ---------------

const norm = (v) => Math.hypot(...v);

/** What is known of the iterates of one method. */
function wayOf(mu, g, residual, conjugate, kept) {
  const { residuals, coefficients } = descend(mu, residual, MOST, conjugate, kept), last = residuals.length - 1;
  const at = (k) => residuals[Math.min(k, last)], energy = (r) => Math.sqrt(r.reduce((sum, entry, i) => sum + entry ** 2 / mu[i], 0));
  return {
    taken: (k) => Math.min(k, last),
    iterate: (k) => at(k).map((entry, i) => (g[i] - entry) / mu[i]),
    residual: (k) => norm(at(k)) / norm(g),
    energy: (k) => energy(at(k)) / energy(residual),
    parts: (k) => at(k).map((entry, i) => entry / Math.sqrt(mu[i])),
    left: (k, value) => leftOver(coefficients.slice(0, k), value),
  };
}

function systemOf(values, g, start, damping) {
  const mu = values.map((value) => value + damping), residual = g.map((entry, i) => entry - mu[i] * start[i]);
  const solution = g.map((entry, i) => entry / mu[i]), natural = g.map((entry, i) => entry / values[i]);
  const condition = (list) => Math.max(...list) / Math.min(...list);
  return {
    mu, g, solution, natural, kappa: { plain: condition(values), damped: condition(mu) },
    ways: { vanilla: wayOf(mu, g, residual, false), natural: wayOf(mu, g, residual, true, true), rounded: wayOf(mu, g, residual, true) },
  };
}

/** The two-parameter system: eigenvalues 1 and 1/κ, and the turn from its eigenvectors to the plane and back. */
function bowlOf(model) {
  const turn = model.get("angle") * Math.PI / 180, c = Math.cos(turn), s = Math.sin(turn), values = [1, 1 / model.get("condition")];
  const inward = ([x, y]) => [c * y - s * x, c * x + s * y], outward = ([stiff, soft]) => [c * soft - s * stiff, c * stiff + s * soft];
  const g = inward(model.get("solution")).map((entry, i) => entry * values[i]);
  return { ...systemOf(values, g, inward(model.get("start")), model.get("damping")), values, outward };
}

const largeOf = (values, damping) => systemOf(values, values.map(() => 1), values.map(() => 0), damping);

/** The function f, which computes again only when its arguments change. */
function remembered(f) {
  let key, value;
  return (...given) => {
    if (String(given) !== key) [key, value] = [String(given), f(...given)];
    return value;
  };
}

// --- drawing -----------------------------------------------------------------------------------------------

/** 10 to a whole exponent, as text. */
function powerOfTen(exponent) {
  if (!Number.isInteger(exponent)) return "";
  return exponent ? `10${String(exponent).replace(/./g, (sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789-".indexOf(sign)])}` : "1";
}

const dots = (pixels) => pixels.map((pixel) => pathOf([pixel, pixel])).join("");
const upTo = (last, first = 0) => Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => k + first);

function bowlPanel(shell, model) {
  const [x, y] = model.get("window");
  const axes = panel(shell, { title: "A bowl of two parameters", x, y, xName: "x₁", yName: "x₂", width: 338 });
  const contours = axes.layer("contour"), origin = axes.layer("thin"), damped = axes.layer("second"), gradient = axes.layer("vanilla thin");
  const lines = Object.fromEntries(METHODS.map((method) => [method, [axes.layer(`${method}`), axes.layer(`${method} dots small`)]]));
  const bottom = axes.layer("second dots"), names = { g: note(axes, "vanilla", "middle"), lambda: note(axes, "second", "middle") };
  const solutionName = note(axes, "reward", "middle"), startName = note(axes, "", "middle");
  METHODS.forEach((method, k) => add(axes.svg, "text", { class: `halo ${method}`, x: 320, y: 230 + 15 * k, "text-anchor": "end" }, NAMES[method]));
  const [ox, oy] = axes.point([0, 0]);
  origin.setAttribute("d", `M${ox - 4} ${oy}h8M${ox} ${oy - 4}v8`);
  const point = (key, label, className) => handle(axes, {
    label, className, get: () => model.get(key), describe: () => model.get(key).map((value, k) => `${"x₁ x₂".split(" ")[k]} ${show(value)}`).join(", "),
    move: (place) => set(model, { [key]: place.map((value, k) => clamp(value, model.get("window")[k])) }),
  });
  const places = [point("start", "start x₀"), point("solution", "natural direction F⁻¹g", "reward")];
  return (bowl) => {
    const at = (v) => axes.point(bowl.outward(v)), centre = bowl.solution, lambda = model.get("damping");
    contours.setAttribute("d", upTo(13).map((j) =>
      axes.line(ellipse([bowl.mu[0], 0, bowl.mu[1]], 0.5 * (0.02 * 1.5 ** j) ** 2).map((d) => bowl.outward([centre[0] + d[0], centre[1] + d[1]])))).join(""));
    damped.setAttribute("d", axes.line([...upTo(60).map((j) => 1e-4 * (j ? 1.26 ** j : 0)), 1e4].map((more) => bowl.outward(bowl.g.map((entry, i) => entry / (bowl.values[i] + more))))));
    bottom.setAttribute("d", lambda > 0 ? dots([at(centre)]) : "");
    const tip = at(bowl.g), [bx, by] = at(centre), [sx, sy] = axes.point(model.get("solution"));
    gradient.setAttribute("d", arrowOf([ox, oy], tip));
    names.g([tip[0] - 4, tip[1] - 8], Math.hypot(tip[0] - sx, tip[1] - sy) > 20 ? "g" : "");
    names.lambda([bx, by + 20], Math.hypot(bx - sx, by - sy) > 20 ? "(F+λI)⁻¹g" : "");
    solutionName([sx, sy - 13], "F⁻¹g");
    startName([axes.X(model.get("start")[0]) - 2, axes.Y(model.get("start")[1]) + 21], "x₀");
    for (const method of METHODS) {
      const way = bowl.ways[method], points = upTo(way.taken(model.get("step"))).map((k) => bowl.outward(way.iterate(k)));
      lines[method][0].setAttribute("d", axes.line(points));
      lines[method][1].setAttribute("d", dots(points.slice(1).map(axes.point)));
    }
    places.forEach((place) => place());
  };
}

/** A panel over the iterations: a curve of each method, its ghost without damping, and marks at the present one. */
function curvesPanel(shell, model, options) {
  const axes = panel(shell, { x: [0, MOST], xName: "iteration k", ...options });
  const now = axes.layer("thin faint"), layers = Object.fromEntries(METHODS.map((method) => [method, {
    ghost: axes.layer(`${method} thin ghost`), bound: axes.layer(`${method} thin dashed`), curve: axes.layer(`${method} thick`),
    mark: axes.layer(`${method} dots`),
  }]));
  const draw = (curves, first) => {
    now.setAttribute("d", axes.line(axes.y.map((level) => [model.get("step"), level])));
    for (const method of METHODS) {
      const { ghost, bound, curve } = curves[method], line = (value) => axes.line(upTo(MOST, first).map((k) => [k, value(k)]));
      layers[method].ghost.setAttribute("d", ghost ? line(ghost) : "");
      layers[method].bound.setAttribute("d", bound ? line(bound) : "");
      layers[method].curve.setAttribute("d", line(curve));
      layers[method].mark.setAttribute("d", model.get("step") >= first ? dots([axes.point([model.get("step"), curve(model.get("step"))])]) : "");
    }
  };
  return [axes, draw];
}

const depth = (value) => Math.max(Math.log10(value), 2 * DEEPEST);

function errorPanel(shell, model) {
  const [axes, drawCurves] = curvesPanel(shell, model, { title: "Error in many parameters", y: [DEEPEST, 1], yText: powerOfTen });
  const titles = { energy: "energy-norm error", residual: "relative residual" };
  const boundName = note(axes, "", "end"), rounded = axes.layer("natural thin"), roundedName = note(axes, "natural", "end");
  return (large, plain) => {
    const measure = model.get("measure");
    axes.axes(axes.x, axes.y, ["iteration k", titles[measure]]);
    boundName([axes.X(MOST) - 6, 42], measure === "energy" ? "dashed: the classic bounds" : "");
    drawCurves(Object.fromEntries(METHODS.map((method) => [method, {
      ghost: model.get("damping") > 0 && ((k) => depth(plain.ways[method][measure](k))),
      bound: measure === "energy" && ((k) => depth(errorBound(large.kappa.damped, k, method === "natural"))),
      curve: (k) => depth(large.ways[method][measure](k)),
    }])), 0);
    const noisy = upTo(MOST).map((k) => depth(large.ways.rounded[measure](k))), end = noisy[MOST];
    rounded.setAttribute("d", axes.line(noisy.map((value, k) => [k, value])));
    roundedName([axes.X(MOST) - 6, axes.Y(end) + 17], end > DEEPEST + 1 && end > depth(large.ways.natural[measure](MOST)) + 0.3 ? "in float64" : "");
  };
}

function anglePanel(shell, model) {
  const [axes, drawCurves] = curvesPanel(shell, model, { title: "Angle to the natural direction", y: [0, 90], yName: "degrees" });
  const bias = axes.layer("second dashed"), biasName = note(axes, "second", "end");
  return (large, plain) => {
    const angle = (system, method) => (k) => angleBetween(system.ways[method].iterate(k), large.natural), level = angleBetween(large.solution, large.natural);
    const isDamped = model.get("damping") > 0, [right, y] = axes.point([MOST, level]);
    drawCurves(Object.fromEntries(METHODS.map((method) => [method, { ghost: isDamped && angle(plain, method), curve: angle(large, method) }])), 1);
    bias.setAttribute("d", isDamped ? axes.line(axes.x.map((k) => [k, level])) : "");
    biasName([right - 5, y + 15], isDamped ? "damped solution" : "");
  };
}

/** Signed parts of the energy-norm error of the larger system, whose squares sum to its square. */
function leftPanel(shell, model) {
  const axes = panel(shell, {
    title: "Error left along each eigenvector", x: [-3, 0.3], y: [-0.65, 1.1], xText: powerOfTen, xName: "eigenvalue of F + λI", yName: "part (largest at start = 1)",
  });
  const zero = axes.layer("thin faint"), start = axes.layer("thin dashed"), startName = note(axes, "");
  const layers = Object.fromEntries(METHODS.map((method) => [method, [axes.layer(`${method} thin ghost`), axes.layer(`${method} dots small`)]]));
  return (large, plain) => {
    const range = [Math.floor(Math.log10(Math.min(...plain.mu)) + 1e-9) - 0.15, 0.35], softest = Math.min(...large.mu), step = model.get("step");
    if (String(range) !== String(axes.x)) axes.axes(range, axes.y);
    const nodes = upTo(300).map((j) => 10 ** (range[0] + j / 300 * (range[1] - range[0]))).filter((value) => value >= softest);
    const spot = (value, part) => [Math.log10(value), clamp(Math.sqrt(softest) * part, [-9, 9])], initial = (value) => spot(value, 1 / Math.sqrt(value));
    zero.setAttribute("d", axes.line(axes.x.map((x) => [x, 0])));
    start.setAttribute("d", axes.line(nodes.map(initial)));
    const [x, y] = axes.point(initial(1.6 * softest));
    startName([x + 8, y], "at the start");
    for (const method of METHODS) {
      const way = large.ways[method], parts = way.parts(step);
      layers[method][0].setAttribute("d", axes.line(nodes.map((value) => spot(value, way.left(step, value) / Math.sqrt(value)))));
      layers[method][1].setAttribute("d", dots(large.mu.map((value, i) => axes.point(spot(value, parts[i])))));
    }
  };
}

// --- controls and numbers ----------------------------------------------------------------------------------

function controls(shell, model) {
  const [x, y] = model.get("window");
  const refresh = [
    modelSlider(shell, model, "step", "iterations", [0, MOST], { steps: MOST }),
    modelSlider(shell, model, "damping", "damping λ", [0, 1], { scale: [Math.sqrt, (root) => root * root] }),
    choice(shell, model, "spectrum", "many parameters", model.get("spectra").map(([name]) => [name, name])),
    choice(shell, model, "measure", "error shown", [["energy", "energy norm, with bounds"], ["residual", "relative residual"]]),
    modelSlider(shell, model, "condition", "κ of the bowl", [1, 1000], { log: true }), modelSlider(shell, model, "angle", "valley at (degrees)", [0, 180], { steps: 180 }),
  ];
  for (const [key, name] of [["start", "x₀"], ["solution", "F⁻¹g"]]) {
    [x, y].forEach((range, k) => {
      const input = (value) => set(model, { [key]: model.get(key).map((old, j) => (j === k ? value : old)) });
      const show_ = slider(shell, { label: `${name}, ${k ? "vertical" : "horizontal"}`, range, value: model.get(key)[k], input });
      refresh.push(() => show_(model.get(key)[k]));
    });
  }
  presets(shell, model, STATE);
  return () => refresh.forEach((f) => f());
}

/** The first iteration at which the energy-norm error is 1% or less. */
function neededText(way) {
  const found = upTo(MOST).find((k) => way.energy(k) <= 0.01);
  return found ?? `more than ${MOST}`;
}

/** Rounding errors are shown as zero. */
function writeAll(write, column, numbers) {
  for (const [row, value] of Object.entries(numbers)) write(row, column, value < 1e-11 ? 0 : value);
}

function numbersOf({ kappa, solution, natural, ways }, method, step) {
  const way = ways[method], iterate = way.iterate(step);
  return {
    taken: way.taken(step), residual: way.residual(step), energy: way.energy(step), bound: errorBound(kappa.damped, step, method === "natural"),
    solution: angleBetween(iterate, solution), natural: angleBetween(iterate, natural), needed: neededText(way),
  };
}

const systemNumbers = ({ kappa, solution, natural }) =>
  ({ ...kappa, length: norm(solution) / norm(natural), bias: angleBetween(solution, natural) });

function render({ model, el }) {
  const shell = frame({
    el, title: "Two ways to solve F x = g",
    caption: "Drag x₀ and the natural direction F⁻¹g, then move the iterations. Both methods descend ½ xᵀ(F + λI)x − gᵀx; purple is where its bottom goes as λ grows: from the natural direction towards the vanilla one, g, ever shorter. The other pictures belong to a system with many eigenvalues, started at zero, in exact arithmetic; faint curves are without damping.",
    predict: "after how many iterations is each method at the bottom of the bowl? And with 3 clusters of eigenvalues instead of 50 different ones, but the same κ = 1000?",
    answer: "Conjugate gradients need two: as many as there are parameters, for any κ. Steepest descent turns by a right angle at each step and zigzags; only in a round bowl does it arrive. (In two parameters every second point of it lies on the straight line from x₀ to the solution; with more of them none does.) With three different eigenvalues conjugate gradients need three iterations, since a polynomial of degree three (the thin curve through the dots) can vanish at all of them: not κ alone counts, but how the eigenvalues lie. Started at zero, the first step of both goes along the vanilla direction, and the further ones turn towards the natural direction; so stopping early is something between the two, and so is damping. Rounding makes real runs (in float64) slower once the first eigenvalues are solved. Choose the relative residual: it may rise on the way, while the error in the energy norm never does.",
  });
  const drawBowl = bowlPanel(shell, model), drawOthers = [errorPanel, leftPanel, anglePanel].map((make) => make(shell, model));
  const refresh = controls(shell, model), spectra = new Map(model.get("spectra"));
  const largeNow = remembered(largeOf), largePlain = remembered(largeOf);
  const writeSystem = readout(shell, [
    ["plain", "condition number κ(F)"], ["damped", "damped, κ(F + λI)"], ["length", "length of (F + λI)⁻¹g over that of F⁻¹g"], ["bias", "angle between the two, degrees"],
  ], [["bowl", "bowl"], ["large", "many parameters"]]);
  const writeWay = readout(shell, [
    ["taken", "iterations"], ["residual", "relative residual"], ["energy", "energy-norm error"], ["bound", "…its classic bound"],
    ["solution", "angle to (F + λI)⁻¹g, degrees"], ["natural", "angle to F⁻¹g, degrees"], ["needed", "iterations to 1% error"],
  ], SYSTEMS.flatMap((name) => METHODS.map((method) => [`${name}_${method}`, `${name === "bowl" ? "bowl" : "many"}: ${NAMES[method].split(" ")[0]}`, method])));

  function draw() {
    const values = spectra.get(model.get("spectrum")), step = model.get("step");
    const systems = { bowl: bowlOf(model), large: largeNow(values, model.get("damping")) }, plain = largePlain(values, 0);
    drawBowl(systems.bowl);
    drawOthers.forEach((drawPanel) => drawPanel(systems.large, plain));
    refresh();
    for (const [name, now] of Object.entries(systems)) {
      writeAll(writeSystem, name, systemNumbers(now));
      for (const method of METHODS) writeAll(writeWay, `${name}_${method}`, numbersOf(now, method, step));
    }
    const said = (method) => `${NAMES[method]} ${show(systems.bowl.ways[method].energy(step))} in the bowl and ${show(systems.large.ways[method].energy(step))} in many parameters`;
    shell.announce(`Error left after ${step} iterations: ${METHODS.map(said).join("; ")}.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
