"""One colour language, and the few figures that several chapters share (each takes ax and returns it)."""

COLOURS = {"vanilla": "#D55E00", "natural": "#0072B2", "kl": "black", "reward": "#009E73"}
