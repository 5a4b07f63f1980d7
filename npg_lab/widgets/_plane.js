// What the widgets share: panels with axes, draggable handles, sliders, read-outs. Plain DOM and SVG.
import { clamp } from "./_maths.js";

const SVG = "http://www.w3.org/2000/svg";
const OWN_KEYS = /^(Arrow|Home|End|Page)/;

export function add(parent, tag, attributes = {}, text = null) {
  const isSvg = parent.namespaceURI === SVG || tag === "svg";
  const node = isSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  parent.append(node);
  return node;
}

/** A number at about four significant digits, with a true minus sign. */
export function show(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size > 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : String(+value.toPrecision(4));
  return text.replace(/-/g, "−");
}

export const pathOf = (points) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** An arrow of pixels from (x0, y0) to (x1, y1), as path data. */
export function arrowOf([x0, y0], [x1, y1]) {
  const length = Math.hypot(x1 - x0, y1 - y0), head = Math.min(6, 0.45 * length) / (length || 1);
  const [dx, dy] = [(x1 - x0) * head, (y1 - y0) * head];
  return `M${x0.toFixed(1)} ${y0.toFixed(1)}L${x1.toFixed(1)} ${y1.toFixed(1)}`
    + `M${(x1 - dx - 0.6 * dy).toFixed(1)} ${(y1 - dy + 0.6 * dx).toFixed(1)}L${x1.toFixed(1)} ${y1.toFixed(1)}`
    + `L${(x1 - dx + 0.6 * dy).toFixed(1)} ${(y1 - dy - 0.6 * dx).toFixed(1)}`;
}

/** The frame of a widget: title, caption, panels, controls, read-outs and a live region. */
export function frame({ el, title, caption, predict, answer }) {
  const root = add(el, "div", { class: "npg", role: "group", "aria-label": title });
  // JupyterLab moves the cell selection on bare arrow keys, even from a range input: keep them here
  root.addEventListener("keydown", (event) => { if (OWN_KEYS.test(event.key)) event.stopPropagation(); });
  add(root, "div", { class: "npg-title" }, title);
  const panels = add(root, "div", { class: "npg-panels" });
  const controls = add(root, "div", { class: "npg-controls" });
  const readouts = add(root, "div", { class: "npg-readouts" });
  add(root, "p", { class: "npg-caption" }, caption);
  if (predict) {
    const details = add(root, "details", { class: "npg-predict" });
    add(details, "summary", {}, `Predict first: ${predict}`);
    add(details, "p", {}, answer);
  }
  const live = add(root, "div", { class: "npg-live", role: "status", "aria-live": "polite" });
  let pause = 0;
  const announce = (text) => { clearTimeout(pause); pause = setTimeout(() => { live.textContent = text; }, 700); };
  return { root, panels, controls, readouts, announce };
}

/** Redraw at most once a frame, whenever one of the model's keys changes. Returns [ask, stop]. */
export function redrawOn(model, keys, draw) {
  let request = 0;
  const ask = () => { request ||= requestAnimationFrame(() => { request = 0; draw(); }); };
  for (const key of keys) model.on(`change:${key}`, ask);
  const stop = () => { cancelAnimationFrame(request); for (const key of keys) model.off(`change:${key}`, ask); };
  return [ask, stop];
}

export function set(model, values) {
  for (const [key, value] of Object.entries(values)) model.set(key, value);
  model.save_changes();
}

function ticks([low, high], wanted = 5) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
}

/**
 * An SVG panel with axes; X and Y map data to pixels and `at(event)` maps a pointer back to data.
 * `xText` and `yText` write the numbers on the axes (for an axis of logarithms, say).
 */
export function panel(frame_, { title, x, y, xName = "", yName = "", width = 340, height = 290, bare = false, xText = show, yText = show }) {
  const [left, right, top, bottom] = bare ? [10, 10, 28, 10] : [46, 12, 28, 38];
  const figure = add(frame_.panels, "div", { class: "npg-panel" });
  const svg = add(figure, "svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": title });
  const id = `npg-${Math.random().toString(36).slice(2)}`;
  add(add(add(svg, "defs"), "clipPath", { id }), "rect",
    { x: left, y: top, width: width - left - right, height: height - top - bottom });
  add(svg, "text", { class: "npg-heading", x: left, y: 16 }, title);
  const axes = add(svg, "g", { class: "npg-axes", "aria-hidden": "true" });
  const plot = add(svg, "g", { "clip-path": `url(#${id})` });
  const self = {
    svg, plot, x, y,
    X: (value) => left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (width - left - right),
    Y: (value) => height - bottom - (value - self.y[0]) / (self.y[1] - self.y[0]) * (height - top - bottom),
    point: ([a, b]) => [self.X(a), self.Y(b)],
    line: (points) => pathOf(points.map(self.point)),
    layer: (className, parent = plot) => add(parent, "path", { class: className }),
    at: (event) => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [
        self.x[0] + (p.x - left) / (width - left - right) * (self.x[1] - self.x[0]),
        self.y[0] + (height - bottom - p.y) / (height - top - bottom) * (self.y[1] - self.y[0]),
      ];
    },
    axes(xRange, yRange, names = [xName, yName]) {
      [self.x, self.y] = [xRange, yRange];
      axes.replaceChildren();
      if (bare) return;
      add(axes, "rect", { x: left, y: top, width: width - left - right, height: height - top - bottom });
      for (const value of ticks(xRange)) {
        add(axes, "text", { x: self.X(value), y: height - bottom + 14, "text-anchor": "middle" }, xText(+value.toFixed(9)));
      }
      for (const value of ticks(yRange)) {
        add(axes, "text", { x: left - 5, y: self.Y(value) + 4, "text-anchor": "end" }, yText(+value.toFixed(9)));
      }
      add(axes, "text", { class: "npg-name", x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, names[0]);
      add(axes, "text", {
        class: "npg-name", "text-anchor": "middle", transform: `translate(11 ${(top + height - bottom) / 2}) rotate(-90)`,
      }, names[1]);
    },
  };
  self.axes(x, y);
  return self;
}

/** The handle whose knob is closest to a pointer: the touch areas of neighbours overlap. */
function nearestHandle(svg, { clientX, clientY }) {
  const distance = (node) => {
    const { x, y, width, height } = node.querySelector(".npg-knob").getBoundingClientRect();
    return Math.hypot(clientX - x - width / 2, clientY - y - height / 2);
  };
  return [...svg.querySelectorAll(".npg-handle")].reduce((a, b) => (distance(b) <= distance(a) ? b : a));
}

/**
 * A point that is dragged with the mouse or a finger, or moved with the arrow keys (Shift for fine steps).
 * `get()` returns its data position, `move(position)` is asked to set it, `describe()` says it in words.
 */
export function handle(panel_, { label, get, move, describe, className = "", steps = [0.02, 0.02] }) {
  const node = add(panel_.svg, "g", { class: `npg-handle ${className}`, tabindex: 0, role: "slider", "aria-label": label });
  add(node, "circle", { class: "npg-touch", r: 18 });
  add(node, "circle", { class: "npg-knob", r: 7 });
  // a finger on the handle drags it and does not scroll; touch-action is not honoured inside an SVG
  node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  node.addEventListener("pointerdown", (event) => {
    const grabbed = nearestHandle(panel_.svg, event);
    grabbed.setPointerCapture(event.pointerId);
    grabbed.focus();
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) move(panel_.at(event));
  });
  node.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
    if (!direction) return;
    event.preventDefault();
    const fine = event.shiftKey ? 0.2 : 1, spans = [panel_.x, panel_.y].map(([low, high]) => high - low);
    move(get().map((value, k) => value + direction[k] * fine * steps[k] * spans[k]));
  });
  return () => {
    const [x, y] = get();
    node.setAttribute("transform", `translate(${panel_.X(x).toFixed(2)} ${panel_.Y(y).toFixed(2)})`);
    node.setAttribute("aria-valuenow", +x.toPrecision(4));
    node.setAttribute("aria-valuemin", panel_.x[0]);
    node.setAttribute("aria-valuemax", panel_.x[1]);
    node.setAttribute("aria-valuetext", describe());
  };
}

/** A text in the plot, with a halo; returns place([x, y] in pixels, text). */
export function note(panel_, className, anchor = "start") {
  const node = add(panel_.plot, "text", { class: `halo ${className}`, "text-anchor": anchor });
  return ([x, y], text) => { node.setAttribute("x", x); node.setAttribute("y", y); node.textContent = text; };
}

/** A faint line through the places a point has been; returns visit(position), with null to forget them all. */
export function trail(panel_, className, longest = 300) {
  const layer = panel_.layer(`trail ${className}`), places = [];
  return (position) => {
    if (position === null) places.length = 0;
    else if (String(position) !== String(places.at(-1))) places.push([...position]);
    if (places.length > longest) places.shift();
    layer.setAttribute("d", panel_.line(places));
  };
}

/** A native range input, logarithmic or with another `scale` (there and back). Returns a function that shows a value. */
export function slider(frame_, { label, range, value, input, log = false, scale = log ? [Math.log, Math.exp] : [(v) => v, (v) => v], steps = 200 }) {
  const [to, from] = scale;
  const line = add(frame_.controls, "label", { class: "npg-slider" });
  add(line, "span", {}, label);
  const [low, high] = range.map(to), step = (high - low) / steps;
  const node = add(line, "input", { type: "range", min: low, max: high, step, "aria-label": label });
  const output = add(line, "output", { "aria-hidden": "true" }); // else a live region; the input tells its value
  node.addEventListener("input", () => input(clamp(+from(+node.value).toPrecision(6), range)));
  const refresh = (current) => {
    node.value = to(current);
    output.textContent = show(current);
    node.setAttribute("aria-valuetext", show(current));
  };
  refresh(value);
  return refresh;
}

/** A slider tied to one number of the model; returns its refresher. */
export function modelSlider(frame_, model, key, label, range, options = {}) {
  const refresh = slider(frame_, { label, range, value: model.get(key), input: (v) => set(model, { [key]: v }), ...options });
  return () => refresh(model.get(key));
}

/** A choice tied to one string of the model; `options` are [value, text] pairs. */
export function choice(frame_, model, key, label, options) {
  const line = add(frame_.controls, "label", { class: "npg-choice" });
  add(line, "span", {}, label);
  const node = add(line, "select", { "aria-label": label });
  for (const [value, text] of options) add(node, "option", { value }, text);
  node.addEventListener("change", () => set(model, { [key]: node.value }));
  return () => { node.value = model.get(key); };
}

export function button(frame_, text, press) {
  const node = add(frame_.controls, "button", { type: "button" }, text);
  node.addEventListener("click", press);
  return node;
}

/** Named starting points, and a reset to the state in which the widget was made. */
export function presets(frame_, model, keys, apply) {
  const first = Object.fromEntries(keys.map((key) => [key, model.get(key)]));
  const go = (state) => { apply?.(); set(model, { ...first, ...state }); };
  for (const [name, state] of model.get("presets")) button(frame_, name, () => go(state));
  button(frame_, "Reset", () => go(first));
}

/** A table of numbers; returns write(row, column, value). Cells carry data-key="row.column". */
export function readout(frame_, rows, columns) {
  const table = add(frame_.readouts, "table");
  const head = add(add(table, "thead"), "tr");
  add(head, "td");
  for (const [, name, className = ""] of columns) add(head, "th", { scope: "col", class: className }, name);
  const body = add(table, "tbody"), cells = {};
  for (const [row, name] of rows) {
    const line = add(body, "tr");
    add(line, "th", { scope: "row" }, name);
    for (const [column] of columns) cells[`${row}.${column}`] = add(line, "td", { "data-key": `${row}.${column}` });
  }
  return (row, column, value) => {
    cells[`${row}.${column}`].textContent = Array.isArray(value) ? value.map(show).join(", ")
      : typeof value === "number" ? show(value) : value;
  };
}
