// Two Gaussians or two coins, the divergence in both directions, and the terms that it is the sum of.
import { add, choice, frame, handle, panel, presets, readout, redrawOn, set, show, slider, trail } from "./_plane.js";
import { categorical, clamp, gaussian, halfSquare } from "./_maths.js";

const FORWARD = "D(P‖Q)", REVERSE = "D(Q‖P)", STATE = ["p", "q", "direction"], PEAK = 1 / Math.sqrt(2 * Math.PI);

const put = (model, key, values) =>
  set(model, { [key]: values.map((value, k) => clamp(value, model.get("window")[k])) });

/** The pair whose divergence is drawn, first argument first. */
const ordered = (model) =>
  (model.get("direction") === FORWARD ? ["p", "q"] : ["q", "p"]).map((key) => model.get(key));

function sliders(shell, model, names) {
  const refresh = [];
  for (const key of ["p", "q"]) names.forEach((name, k) => {
    const label = `${name} of ${key.toUpperCase()}`;
    const show_ = slider(shell, {
      label, range: model.get("window")[k], value: model.get(key)[k],
      input: (value) => put(model, key, model.get(key).map((old, i) => (i === k ? value : old))),
    });
    refresh.push(() => show_(model.get(key)[k]));
  });
  refresh.push(choice(shell, model, "direction", "terms of", [[FORWARD, FORWARD], [REVERSE, REVERSE]]));
  return () => refresh.forEach((f) => f());
}

function gaussians(shell, model) {
  const [x, y] = model.get("window");
  const plane = panel(shell, { title: "Parameters", x, y, xName: "μ", yName: "σ" });
  const action = panel(shell, { title: "Densities, and what they add up to", x: [-6, 6], y: [-0.6, 1.4], xName: "x", yName: "density" });
  const zero = action.layer("thin faint");
  zero.setAttribute("d", action.line([[-6, 0], [6, 0]]));
  const plus = action.layer("area plus"), minus = action.layer("area minus");
  const curves = { p: action.layer("thick"), q: action.layer("thick second") };
  const traces = { p: trail(plane, ""), q: trail(plane, "second") }, places = [];
  for (const key of ["p", "q"]) {
    const name = key.toUpperCase(), className = key === "q" ? "second" : "";
    const describe = () => `mean ${show(model.get(key)[0])}, standard deviation ${show(model.get(key)[1])}`;
    places.push(handle(plane, { label: `${name} in the plane of mean and standard deviation`, className, get: () => model.get(key), move: (v) => put(model, key, v), describe }));
    places.push(handle(action, {
      label: `top of the density of ${name}`, className, describe,
      get: () => [model.get(key)[0], PEAK / model.get(key)[1]],
      move: ([mean, height]) => put(model, key, [mean, PEAK / Math.max(height, 1e-3)]),
    }));
  }
  for (const [key, dx] of [["p", -14], ["q", -14]]) {
    const label = add(plane.svg, "text", { class: key === "q" ? "second" : "" }, key.toUpperCase());
    places.push(() => { const [a, b] = plane.point(model.get(key)); label.setAttribute("x", a + dx); label.setAttribute("y", b - 8); });
  }
  return () => {
    const [first, second] = ordered(model);
    const xs = Array.from({ length: 241 }, (_, i) => -6 + i * 0.05);
    const terms = xs.map((a) => {
      const density = gaussian.density(a, first);
      const logRatio = Math.log(second[1] / first[1]) + ((a - second[0]) / second[1]) ** 2 / 2 - ((a - first[0]) / first[1]) ** 2 / 2;
      return [a, density * logRatio];
    });
    const area = (sign) => action.line([[-6, 0], ...terms.map(([a, t]) => [a, sign * Math.max(0, sign * t)]), [6, 0]]);
    plus.setAttribute("d", area(1));
    minus.setAttribute("d", area(-1));
    for (const key of ["p", "q"]) {
      curves[key].setAttribute("d", action.line(xs.map((a) => [a, gaussian.density(a, model.get(key))])));
      traces[key](model.get(key));
    }
    places.forEach((place) => place());
  };
}

function coins(shell, model) {
  const bars = panel(shell, { title: "Two coins", x: [0.4, 2.6], y: [0, 1], xName: "1 heads   2 tails", yName: "probability" });
  const line = panel(shell, { title: "Divergence as Q changes", x: [0, 1], y: [0, 2.5], xName: "P(heads) of Q", yName: "nats" });
  const towers = { p: bars.layer("thick"), q: bars.layer("thick second") }, places = [];
  const curve = { [FORWARD]: line.layer("thick"), [REVERSE]: line.layer("thick second") };
  add(line.svg, "text", { x: 56, y: 42 }, FORWARD);
  add(line.svg, "text", { class: "second", x: 56, y: 58 }, REVERSE);
  const here = line.layer("thin dashed");
  for (const [key, centre] of [["p", 0.85], ["q", 1.15]]) {
    const name = key.toUpperCase(), className = key === "q" ? "second" : "";
    places.push(handle(bars, {
      label: `heads of ${name}`, className, steps: [0, 0.02], get: () => [centre, model.get(key)[0]],
      move: ([, height]) => put(model, key, [height]), describe: () => `probability of heads ${show(model.get(key)[0])}`,
    }));
  }
  const divergence = (direction, q) => {
    const pair = [[model.get("p")[0], 1 - model.get("p")[0]], [q, 1 - q]];
    return categorical.kl(...(direction === FORWARD ? pair : pair.reverse()));
  };
  places.push(handle(line, {
    label: "Q on the curve", className: "second", steps: [0.02, 0], get: () => [model.get("q")[0], divergence(model.get("direction"), model.get("q")[0])],
    move: ([q]) => put(model, "q", [q]), describe: () => `probability of heads ${show(model.get("q")[0])}`,
  }));
  return () => {
    for (const [key, shift] of [["p", -0.15], ["q", 0.15]]) {
      const heads = model.get(key)[0];
      towers[key].setAttribute("d", [heads, 1 - heads].map((height, k) => {
        const c = k + 1 + shift;
        return bars.line([[c - .12, 0], [c - .12, height], [c + .12, height], [c + .12, 0]]);
      }).join(""));
    }
    for (const direction of [FORWARD, REVERSE]) {
      curve[direction].setAttribute("d", line.line(Array.from({ length: 99 }, (_, i) => [(i + 1) / 100, divergence(direction, (i + 1) / 100)])));
    }
    here.setAttribute("d", line.line([[model.get("p")[0], 0], [model.get("p")[0], 2.5]]));
    places.forEach((place) => place());
  };
}

const WORDS = {
  gaussian: {
    title: "How different are two Gaussians?",
    caption: "Drag P and Q, in the plane or by the tops of their curves. The shaded area is the sum that makes the divergence: blue counts for, yellow against.",
    predict: "give P and Q the same width and keep their means one apart. What happens to the divergence when both become ten times narrower?",
    answer: "It grows a hundredfold: with equal widths D = (Δμ)² / (2σ²), so what counts is the distance in units of σ.",
  },
  coin: {
    title: "How different are two coins?",
    caption: "Drag the heads of P or Q up and down, or drag Q along the curve. The dashed line marks Q = P, where both divergences are zero.",
    predict: "put P at 0.4. Is Q = 0.1 three times as far away as Q = 0.5, because the gap is three times as wide?",
    answer: "No: 0.3112 against 0.0201 nats, about 15 times as far. Close to P the divergence grows with the square of the gap, and faster towards the edges.",
  },
};

function render({ model, el }) {
  const isGaussian = model.get("family") === "gaussian";
  const shell = frame({ el, ...WORDS[model.get("family")] });
  const drawPanels = (isGaussian ? gaussians : coins)(shell, model);
  const refresh = sliders(shell, model, isGaussian ? ["mean", "std"] : ["heads"]);
  presets(shell, model, STATE);
  const write = readout(shell, [["forward", FORWARD], ["reverse", REVERSE], ["ratio", `${FORWARD} / ${REVERSE}`], ["quadratic", "½ δᵀ F(P) δ"]], [["value", "nats"]]);

  function draw() {
    const [p, q] = [model.get("p"), model.get("q")], distribution = ([heads]) => [heads, 1 - heads];
    const kl = isGaussian ? gaussian.kl : (a, b) => categorical.kl(distribution(a), distribution(b));
    const [forward, reverse] = [kl(p, q), kl(q, p)];
    write("forward", "value", forward);
    write("reverse", "value", reverse);
    write("ratio", "value", reverse > 0 ? forward / reverse : NaN);
    write("quadratic", "value", isGaussian ? halfSquare(gaussian.fisher(p), [q[0] - p[0], q[1] - p[1]])
      : (q[0] - p[0]) ** 2 / (2 * p[0] * (1 - p[0])));
    drawPanels();
    refresh();
    shell.announce(`${FORWARD} is ${show(forward)}, ${REVERSE} is ${show(reverse)} nats.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
