// A point, a Euclidean ball round it, and the image of that ball among the policies.
import { add, arrowOf, frame, handle, modelSlider, panel, presets, readout, redrawOn, set, show, slider, trail } from "./_plane.js";
import { categorical, clamp, floats, gaussian, halfSquare, softmax, spotOf, tableOf } from "./_maths.js";

const STATE = ["start", "radius", "angle"], RADIUS = [0.05, 1.5], AROUND = 72;

const offsetAt = (radius, degrees) => [radius * Math.cos(degrees * Math.PI / 180), radius * Math.sin(degrees * Math.PI / 180)];
const plus = (a, b) => [a[0] + b[0], a[1] + b[1]];

/** Policies and divergences of the sampled problem. */
function policies(model) {
  const bounds = model.get("bounds"), isGaussian = model.get("family") === "gaussian";
  const table = tableOf(floats(model.get("table")), model.get("nodes"), model.get("channels"), bounds);
  const keep = (theta) => theta.map((value, k) => clamp(value, bounds[k]));
  return {
    bounds, keep, isGaussian,
    inside: (theta) => theta.every((value, k) => value >= bounds[k][0] && value <= bounds[k][1]),
    at: (theta) => { const c = table(...theta); return isGaussian ? [c[6], c[7]] : softmax(c.slice(6)); },
    fisher: (theta) => [...table(...theta).slice(3, 6)],
    kl: isGaussian ? gaussian.kl : categorical.kl,
  };
}

/** Smallest and largest value of a function on 0 .. count, sampled finely round the extreme whole numbers. */
function extremes(value, count) {
  const coarse = Array.from({ length: count }, (_, i) => value(i));
  return [Math.min, Math.max].map((pick) => {
    const at = coarse.indexOf(pick(...coarse));
    return pick(...Array.from({ length: 65 }, (_, i) => value(at + (i - 32) / 32)));
  });
}

function densityPanel(shell) {
  const axes = panel(shell, { title: "Policy space: densities", x: [-6, 6], y: [0, 2], xName: "action", yName: "density" });
  const ghosts = axes.layer("faint second"), after = axes.layer("thick second"), before = axes.layer("thick");
  const curve = (policy) => axes.line(Array.from({ length: 181 }, (_, i) => [i / 15 - 6, gaussian.density(i / 15 - 6, policy)]));
  return (here, there, around) => {
    before.setAttribute("d", curve(here));
    after.setAttribute("d", curve(there));
    ghosts.setAttribute("d", around.filter((_, i) => i % 6 === 0).map(curve).join(""));
  };
}

function simplexPanel(shell) {
  const axes = panel(shell, { title: "Policy space: the simplex of three arms", x: [-0.08, 1.08], y: [-0.1, 0.95], bare: true, height: 320 });
  const corner = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map(spotOf);
  axes.layer("thin").setAttribute("d", axes.line([...corner, corner[0]]));
  ["arm 1", "arm 2", "arm 3"].forEach((name, k) => {
    const [x, y] = axes.point(corner[k]);
    add(axes.svg, "text", { x, y: k === 2 ? y - 7 : y + 16, "text-anchor": "middle" }, name);
  });
  const ball = axes.layer("thick second"), step = axes.layer("second");
  const dot = add(axes.plot, "circle", { r: 5, fill: "currentColor" });
  return (here, there, around) => {
    ball.setAttribute("d", axes.line([...around, around[0]].map(spotOf)));
    step.setAttribute("d", arrowOf(axes.point(spotOf(here)), axes.point(spotOf(there))));
    const [x, y] = axes.point(spotOf(here));
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
  };
}

function controls(shell, model, space) {
  const names = model.get("names"), refresh = names.map((label, k) => {
    const show_ = slider(shell, {
      label, range: space.bounds[k], value: model.get("start")[k],
      input: (value) => set(model, { start: model.get("start").map((old, i) => (i === k ? value : old)) }),
    });
    return () => show_(model.get("start")[k]);
  });
  refresh.push(modelSlider(shell, model, "radius", "length ‖Δθ‖", RADIUS), modelSlider(shell, model, "angle", "direction °", [0, 360], { steps: 360 }));
  presets(shell, model, STATE);
  return () => refresh.forEach((f) => f());
}

function render({ model, el }) {
  const space = policies(model), [x, y] = space.bounds, [xName, yName] = model.get("names");
  const shell = frame({
    el, title: "One step length, many changes",
    caption: "Drag the black point, and the coloured one round its circle. The circle is every step of one Euclidean length; the right-hand picture shows what these steps do to the policy.",
    predict: "slide the point around, leaving the circle's size alone. Where does the same step change the policy most?",
    answer: space.isGaussian ? "Where σ is small: a shift of the mean counts in units of σ, so the divergence grows like 1/σ²."
      : "Near the centre, where the policy is uniform. Towards the corners of the plane the softmax saturates and the same step hardly moves it.",
  });
  const height = 66 + 282 * Math.min(1.1, (y[1] - y[0]) / (x[1] - x[0]));
  const plane = panel(shell, { title: "Parameter space", x, y, xName, yName, height });
  const drawPolicies = space.isGaussian ? densityPanel(shell) : simplexPanel(shell);
  const trace = trail(plane, ""), circle = plane.layer(""), arrow = plane.layer("second thick");
  const start = () => model.get("start"), there = () => space.keep(plus(start(), offsetAt(model.get("radius"), model.get("angle"))));
  const words = (theta) => theta.map((value, k) => `${[xName, yName][k]} ${show(value)}`).join(", ");
  const places = [
    handle(plane, { label: "end of the step", className: "second", get: there, describe: () => words(there()), move: (point) => {
      const d = [point[0] - start()[0], point[1] - start()[1]];
      set(model, { radius: clamp(Math.hypot(...d), RADIUS), angle: (Math.atan2(d[1], d[0]) * 180 / Math.PI + 360) % 360 });
    } }),
    handle(plane, { label: "parameters", get: start, describe: () => words(start()), move: (point) => set(model, { start: space.keep(point) }) }),
  ];
  const refresh = controls(shell, model, space);
  const write = readout(shell, [
    ["theta", "parameters θ"], ["policy", space.isGaussian ? "policy: mean, std" : "policy: three probabilities"], ["after", "policy after the step"],
    ["length", "length ‖Δθ‖"], ["kl", "KL of the step, nats"], ["quadratic", "½ ΔθᵀF Δθ"], ["range", "KL on the circle (inside the window), from, to"],
  ], [["value", ""]]);

  function draw() {
    const radius = model.get("radius"), end = there(), here = space.at(start()), then = space.at(end);
    const onRing = (i) => space.keep(plus(start(), offsetAt(radius, i * 360 / AROUND)));
    const ring = Array.from({ length: AROUND }, (_, i) => onRing(i)), around = ring.map(space.at);
    circle.setAttribute("d", plane.line([...ring, ring[0]]));
    arrow.setAttribute("d", arrowOf(plane.point(start()), plane.point(end)));
    drawPolicies(here, then, around);
    trace(start());
    places.forEach((place) => place());
    refresh();
    const moved = [end[0] - start()[0], end[1] - start()[1]];
    write("theta", "value", start());
    write("policy", "value", here);
    write("after", "value", then);
    write("length", "value", Math.hypot(...moved));
    write("kl", "value", space.kl(here, then));
    write("quadratic", "value", halfSquare(space.fisher(start()), moved));
    write("range", "value", extremes((i) => space.kl(here, space.at(onRing(i))), AROUND));
    shell.announce(`This step of length ${show(Math.hypot(...moved))} costs ${show(space.kl(here, then))} nats.`);
  }
  const [, stop] = redrawOn(model, STATE, draw);
  draw();
  return stop;
}

export default { render };
