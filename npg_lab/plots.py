"""One colour language for every figure: which colour stands for what (after Okabe and Ito)."""

COLOURS = {"vanilla": "#D55E00", "natural": "#0072B2", "kl": "black", "reward": "#009E73"}
