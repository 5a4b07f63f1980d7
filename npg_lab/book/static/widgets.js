// Draws the anywidgets of a page from the state that the notebook saved: no kernel, no network, no framework.
(() => {
  const MIME = "application/vnd.jupyter.widget-";

  function same(a, b) {
    if (Object.is(a, b)) return true;
    if (!Array.isArray(a) || !Array.isArray(b)) return false;
    return a.length === b.length && a.every((item, i) => same(item, b[i]));
  }

  // The part of a Backbone model that anywidget promises; without a kernel there is nobody to save for or send to.
  class Model {
    #state;
    #listeners = new Map();

    constructor(state) { this.#state = state; }
    get(name) { return this.#state[name]; }

    set(name, value) {
      const wanted = Object.entries(typeof name === "object" ? name : { [name]: value });
      const changes = wanted.filter(([key, next]) => !same(this.#state[key], next));
      Object.assign(this.#state, Object.fromEntries(changes));
      for (const [key, next] of changes) this.#fire(`change:${key}`, this, next);
      if (changes.length) this.#fire("change", this);
    }

    save_changes() {}
    send() {}

    on(names, listener) {
      for (const name of names.split(" ")) {
        this.#listeners.set(name, [...this.#listeners.get(name) ?? [], listener]);
      }
    }

    off(names, listener) {
      for (const name of names?.split(" ") ?? this.#listeners.keys()) {
        const kept = this.#listeners.get(name)?.filter(other => listener && other !== listener);
        this.#listeners.set(name, kept ?? []);
      }
    }

    #fire(name, ...args) { for (const listener of this.#listeners.get(name) ?? []) listener(...args); }
  }

  function once(make) {
    const made = new Map();
    return key => made.get(key) ?? made.set(key, make(key)).get(key);
  }

  const importSource = once(async source => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    return (await import(url)).default;
  });

  const addStyle = once(css => {
    const style = document.createElement("style");
    style.textContent = css;
    document.head.append(style);
    return style;
  });

  function decode({ state, buffers = [] }) {
    for (const { path, data } of buffers) {
      const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0));
      const owner = path.slice(0, -1).reduce((node, key) => node[key], state);
      owner[path.at(-1)] = new DataView(bytes.buffer);
    }
    return state;
  }

  const leaving = new AbortController();
  addEventListener("pagehide", event => event.persisted || leaving.abort());

  function atLeaving(cleanup) {
    if (typeof cleanup === "function") leaving.signal.addEventListener("abort", cleanup);
  }

  async function load(saved) {
    if (!saved) throw new Error("its state was not saved in this page.");
    if (saved.model_module !== "anywidget") throw new Error("it works only in a running notebook.");
    const state = decode(saved), model = new Model(state);
    if (state._css) addStyle(state._css);
    const exported = await importSource(state._esm);
    const widget = typeof exported === "function" ? await exported() : exported;
    atLeaving(await widget.initialize?.({ model, signal: leaving.signal }));
    return { model, widget };
  }

  async function show(view, loaded) {
    const el = document.createElement("div");
    view.after(el);
    try {
      const { model, widget } = await loaded(JSON.parse(view.textContent).model_id);
      atLeaving(await widget.render?.({ model, el, signal: leaving.signal }));
    } catch (error) {
      el.className = "widget-error";
      el.textContent = `This widget cannot be shown: ${error.message}`;
      console.warn(error);
    }
  }

  addEventListener("DOMContentLoaded", () => {
    const saved = document.querySelector(`script[type="${MIME}state+json"]`);
    const models = saved ? JSON.parse(saved.textContent).state : {};
    const loaded = once(id => load(models[id]));
    for (const view of document.querySelectorAll(`script[type="${MIME}view+json"]`)) show(view, loaded);
  });
})();
