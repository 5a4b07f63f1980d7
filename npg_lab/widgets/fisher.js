// The Fisher ellipse at a Gaussian, the true contour of the divergence, eigen-directions, in a choice of charts.
import { choice, frame, handle, modelSlider, panel, presets, readout, redrawOn, set, show, trail } from "./_plane.js";
import { charts, clamp, crossing, eigen, ellipse, gaussian, pullBack } from "./_maths.js";

const STATE = ["mean", "std", "kl", "chart"], MEAN = [-3, 3], STD = [0.2, 2.5], DIRECTIONS = 60;
const WINDOWS = {
  mean_std: [MEAN, [0.02, 2.7]], mean_log_std: [MEAN, [-1.8, 1.1]], mean_variance: [MEAN, [0, 6.6]],
  mean_precision: [MEAN, [0, 6]], natural: [[-8, 8], [-4, 0]], expectation: [MEAN, [0, 10]],
};

const policy = (model) => [model.get("mean"), model.get("std")];

/** The chart's window, widened where the current point lies outside it. */
function windowFor(name, point) {
  return WINDOWS[name].map(([low, high], k) => [Math.min(low, point[k] * (point[k] < 0 ? 1.2 : 0.8)), Math.max(high, point[k] * 1.2)]);
}

/** Exact divergence from the policy to the one at `coordinates`; infinite outside the parameter space. */
function divergence(chart, from, coordinates) {
  const value = gaussian.kl(from, chart.to(coordinates));
  return Number.isNaN(value) ? Infinity : value;
}

function geometry(model) {
  const chart = charts[model.get("chart")], from = policy(model), at = chart.from(from), kl = model.get("kl");
  const metric = pullBack(chart.jacobian(at), gaussian.fisher(from));
  const shift = (d, scale) => [at[0] + scale * d[0], at[1] + scale * d[1]];
  const offsets = ellipse(metric, kl, DIRECTIONS), loop = offsets.map((d) => shift(d, 1));
  const contour = offsets.map((d) => shift(d, crossing((scale) => divergence(chart, from, shift(d, scale)) - kl)));
  return { chart, from, at, metric, loop, contour, exact: loop.map((point) => divergence(chart, from, point)) };
}

function eigenLines({ at, metric }, kl) {
  const [[large, small], [c, s]] = eigen(metric);
  return [[large, [c, s]], [small, [-s, c]]].map(([value, direction]) => {
    const reach = Math.sqrt(2 * kl / value);
    return [-1, 1].map((sign) => [at[0] + sign * reach * direction[0], at[1] + sign * reach * direction[1]]);
  });
}

function render({ model, el }) {
  const shell = frame({
    el, title: "The Fisher ellipse and the true divergence",
    caption: "Drag the point. Solid: all small moves that cost ε by the quadratic model. Purple: all moves that truly cost ε. Faint densities on the right are policies on the ellipse.",
    predict: "make ε large. On which side of the point does the ellipse promise too much freedom?",
    answer: "On the side of smaller σ: there the true divergence grows faster than the quadratic model, so the true contour lies inside the ellipse. Towards larger σ it lies outside.",
  });
  const plane = panel(shell, { title: "Parameters", x: WINDOWS.mean_std[0], y: WINDOWS.mean_std[1] });
  const action = panel(shell, { title: "Policies", x: [-5, 5], y: [0, 2.1], xName: "action", yName: "density" });
  const trace = trail(plane, ""), axes = plane.layer("thin dashed"), loop = plane.layer("thick"), contour = plane.layer("thick second");
  const around = action.layer("faint"), centre = action.layer("thick");
  const move = (point) => {
    const [mean, std] = charts[model.get("chart")].to(point);
    if (Number.isNaN(std)) return;
    set(model, { mean: clamp(mean, MEAN), std: clamp(std, STD) });
  };
  const place = handle(plane, {
    label: "the Gaussian", get: () => charts[model.get("chart")].from(policy(model)), move,
    describe: () => `mean ${show(model.get("mean"))}, standard deviation ${show(model.get("std"))}`,
  });
  const refresh = [
    modelSlider(shell, model, "mean", "μ", MEAN), modelSlider(shell, model, "std", "σ", STD),
    modelSlider(shell, model, "kl", "KL budget ε", [0.001, 0.5], { log: true }),
    choice(shell, model, "chart", "chart", Object.entries(charts).map(([name, { names }]) => [name, `(${names.join(", ")})`])),
  ];
  presets(shell, model, STATE);
  const write = readout(shell, [
    ["fisher", "Fisher matrix: xx, xy, yy"], ["eigen", "eigenvalues"], ["condition", "condition number"],
    ["least", "smallest true KL on the ellipse / ε"], ["most", "largest true KL on the ellipse / ε"],
  ], [["value", ""]]);
  let drawnChart = "";

  function draw() {
    const view = geometry(model), kl = model.get("kl"), [[large, small]] = eigen(view.metric);
    if (drawnChart !== model.get("chart")) {
      trace(null);
      plane.axes(...windowFor(model.get("chart"), view.at), view.chart.names);
    }
    drawnChart = model.get("chart");
    loop.setAttribute("d", plane.line(view.loop));
    contour.setAttribute("d", plane.line(view.contour.filter((point) => !point.some(Number.isNaN))));
    axes.setAttribute("d", eigenLines(view, kl).map(plane.line).join(""));
    const curve = (params) => action.line(Array.from({ length: 161 }, (_, i) => [i / 16 - 5, gaussian.density(i / 16 - 5, params)]));
    around.setAttribute("d", view.loop.filter((_, i) => i % 10 === 0).map((point) => curve(view.chart.to(point))).filter((d) => !d.includes("NaN")).join(""));
    centre.setAttribute("d", curve(view.from));
    trace(view.at);
    place();
    refresh.forEach((f) => f());
    const finite = view.exact.filter(Number.isFinite);
    write("fisher", "value", view.metric);
    write("eigen", "value", [large, small]);
    write("condition", "value", large / small);
    write("least", "value", Math.min(...view.exact) / kl);
    write("most", "value", finite.length < view.exact.length ? "leaves the parameter space" : Math.max(...finite) / kl);
    shell.announce(`Condition number ${show(large / small)}.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
