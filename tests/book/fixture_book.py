"""A book of a few pages that uses every construct the chapters may use."""
from textwrap import dedent

import nbformat
import nbformat.v4 as nbf

CONFIG = """
title = "A Tiny Book"
author = "The testers"
copyright = "2026, the testers"
source = "chapters"
bibliography = ["references.bib"]

[[parts]]
title = "Geometry"
chapters = ["01_score", "02_step"]

[[parts]]
title = "Back matter"
chapters = ["glossary", "errata", "ledger", "bibliography"]

[repository]
url = "https://github.com/npg-lab/npg-lab"
branch = "main"

[launch]
binder = "https://mybinder.org"
colab = "https://colab.research.google.com"
"""

WIDGET = '''
import anywidget, traitlets

class Dial(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      el.innerHTML = `<label>Angle <input type="range" max="100"></label> <output></output>
        <button>Up</button> <i></i>`;
      const [input, output, button, bytes] = ["input", "output", "button", "i"].map(s => el.querySelector(s));
      const show = () => { input.value = output.value = model.get("angle"); };
      input.oninput = () => { model.set("angle", +input.value); model.save_changes(); };
      button.onclick = () => { model.set("angle", model.get("angle") + 1); model.save_changes(); };
      model.on("change:angle", show);
      const table = model.get("table");
      bytes.textContent = new Float64Array(table.buffer, table.byteOffset, 2).join(" ");
      show();
      return () => model.off("change:angle", show);
    }
    export default { initialize({ model }) { model.set("angle", model.get("angle") + 1); }, render };
    """
    _css = ".dial { color: rgb(0, 114, 178); }"
    angle = traitlets.Int(20).tag(sync=True)
    table = traitlets.Bytes(b"").tag(sync=True)

class Broken(anywidget.AnyWidget):
    _esm = "export default { render() { throw new Error('no canvas'); } }"
'''

VERIFY = '''
from IPython.display import display

def verify(label, residual, tolerance):
    assert residual <= tolerance
    record = {"label": label, "residual": residual, "tolerance": tolerance}
    display({"text/plain": f"{label}: residual {residual:.1e} <= {tolerance:.0e}",
             "application/vnd.npg-lab.verification+json": record}, raw=True)
'''


def markdown(text):
    return nbf.new_markdown_cell(dedent(text).strip())


def code(text, *tags):
    return nbf.new_code_cell(dedent(text).strip(), metadata={"tags": list(tags)} if tags else {})


def notebook(name, *cells):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(cells):
        cell.id = f"{name}-{number}"
    return nbf.new_notebook(cells=list(cells), metadata={"kernelspec": kernel})


SCORE = notebook(
    "score",
    markdown(r"""
        # 1. The score
        What the gradient of the log-density tells. Read on in [the step](02_step.ipynb), or look up
        [the section on ellipses](02_step.ipynb#ellipses).

        - You will be able to say what the {term}`Fisher information` is {cite}`kakade2001`.

        Prerequisites: the [](glossary.md).
        """),
    markdown(r"""
        ```{prf:definition} Score
        :label: def-score
        The *score* is $s(x) = \nabla_\theta \log p_\theta(x)$.
        ```

        ```{prf:theorem} The score has mean zero
        :label: thm-score-zero
        Under $p_\theta$,
        $$\mathbb{E}[s(x)] = 0.$$
        ```

        ```{prf:proof}
        Differentiate $\int p_\theta = 1$.
        ```
        """),
    code(VERIFY, "remove-input"),
    code('verify("thm-score-zero", 1.234e-16, 1e-12)', "verify"),
    markdown(r"""
        ## The matrix

        ```{math}
        :label: eq-fisher
        F(\theta) = \mathbb{E}\left[s\,s^\top\right], \qquad
        \tfrac12\,\delta^\top F\,\delta
        + \sum_{k=1}^{n} \alpha_k \beta_k \gamma_k \delta_k \epsilon_k \zeta_k \eta_k
        + \sum_{k=1}^{n} \alpha_k \beta_k \gamma_k \delta_k \epsilon_k \zeta_k \eta_k \le \varepsilon
        ```

        \begin{align} a &= b + \boldsymbol{\theta} \\ c &= d \end{align}

        By {eq}`eq-fisher`, {prf:ref}`thm-score-zero` and {prf:ref}`def-score`, {cite:t}`amari1998` follows.

        ```{prf:proposition}
        :label: prop-later
        This one points forward, to {prf:ref}`thm-step`.
        ```

        ```{prf:remark}
        A remark.
        ```

        ```{prf:example} An example
        :label: ex-one
        An example.
        ```

        ```{prf:algorithm} Natural ascent
        :label: alg-ascent
        1. Estimate $g$ and $F$.
        2. $\theta \leftarrow \theta + \eta F^{-1} g$
        ```
        """),
    code('verify("prop-later", 0.0, 1e-8)', "verify"),
    markdown("""
        ```{admonition} Predict first
        :class: tip
        Which way does it turn?
        ```
        """),
    code(WIDGET, "hide-input"),
    code("dial = Dial(table=__import__('numpy').array([1.5, 2.5]).tobytes())\ndial"),
    code("dial"),
    code("Broken()"),
    code("Dial(angle=70, table=bytes(16))"),
    markdown("""
        ```{dropdown} What happens
        It turns *left*, see {eq}`eq-fisher`.
        ```
        """),
    code("""
        import matplotlib.pyplot as plt
        fig, ax = plt.subplots(figsize=(5, 3))
        _ = ax.plot([0, 1, 2], [0, 1, 4], color="#0072B2")
        """),
    markdown("""
        | chart | condition |
        |---|---|
        | mean, std | 2 |

        ```{figure} curve.svg
        :name: fig-curve
        :alt: A straight line
        A figure with a caption.
        ```

        {numref}`fig-curve` shows it.[^foot]

        [^foot]: A footnote.
        """),
    markdown("""
        ```{exercise} Write the score ●●○○○ · 10 minutes
        :label: ex-score
        Write `score(x)` for a unit Gaussian.
        ```
        """),
    code("def score(x):\n    return ...", "exercise"),
    code('# NBVAL_CHECK_OUTPUT\nprint("not attempted" if score(1.0) is ... else "tried")', "check"),
    markdown("""
        ```{dropdown} Hint
        Differentiate the log.
        ```
        """),
    code("def score_solution(x):\n    return -x\n\nprint('Right', score_solution(2.0))", "solution", "hide-cell"),
    markdown("""
        ```{solution} ex-score
        :class: dropdown
        It is $-x$.
        ```

        ```{tip}
        A tip.
        ```

        ```{warning}
        What people get wrong.
        ```

        ::::{grid} 1 2 2 2
        :::{grid-item-card} Play
        Drag it.
        :::
        :::{grid-item-card} Prove
        {prf:ref}`thm-step`.
        :::
        ::::

        ````{tab-set}
        ```{tab-item} Python
        One.
        ```
        ```{tab-item} Maths
        Two.
        ```
        ````
        """),
)

STEP = notebook(
    "step",
    markdown(r"""
        # 2. The step

        (ellipses)=
        ## Ellipses

        ```{prf:theorem} The step
        :label: thm-step
        $\delta = \sqrt{2\varepsilon / g^\top F^{-1} g}\,F^{-1} g$, by {prf:ref}`thm-score-zero` and {eq}`eq-step`.
        ```

        ```{math}
        :label: eq-step
        \delta^\top F \delta = 2 \varepsilon
        ```

        See {ref}`ellipses`, [the exercise](#ex-score) and {numref}`ex-score`.
        """),
    code(VERIFY, "remove-input"),
    code('verify("thm-step", 2.5e-9, 1e-8)', "verify"),
)

PAGES = {
    "index.md": """
        # A Tiny Book

        Welcome. Begin with [the score](01_score.ipynb).
        """,
    "glossary.md": """
        # Glossary

        ```{glossary}
        Fisher information
        : The covariance of the score (费雪信息), see [the score](01_score.ipynb).

        natural gradient
        : $F^{-1} g$, see {term}`Fisher information`.
        ```
        """,
    "ledger.md": """
        # Theorem ledger

        Every theorem, and by how much it failed.

        <!-- ledger -->
        """,
    "references.bib": """
        @inproceedings{kakade2001, author = {Kakade, Sham}, title = {A Natural Policy Gradient},
          booktitle = {Advances in Neural Information Processing Systems}, year = {2001}}
        @article{amari1998, author = {Amari, Shun-ichi}, title = {Natural Gradient Works Efficiently in Learning},
          journal = {Neural Computation}, year = {1998}}
        @article{uncited1999, author = {Someone, Else}, title = {Never Cited},
          journal = {Nowhere}, year = {1999}}
        """,
    "curve.svg": """
        <svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><path d="M0 30L90 0" stroke="black"/></svg>
        """,
}


ERRATA = notebook(
    "errata",
    markdown("# Errata\n\nA source says 15; {eq}`eq-fisher` gives more."),
    code("print(round(15.457, 1))"),
)


def write_book(root):
    """Write the fixture book under ``root``; return ``root``."""
    chapters = root / "chapters"
    chapters.mkdir(parents=True)
    (root / "jupyter_book.toml").write_text(CONFIG)
    for name, text in PAGES.items():
        (chapters / name).write_text(dedent(text).strip() + "\n")
    for name, cells in {"01_score": SCORE, "02_step": STEP, "errata": ERRATA}.items():
        nbformat.write(cells, chapters / f"{name}.ipynb")
    return root


def write_small_book(root, *cells):
    """Write a book of a home page and the one notebook ``01_small`` under ``root``; return ``root``."""
    (root / "chapters").mkdir(parents=True)
    (root / "jupyter_book.toml").write_text("""
        title = "Small"
        author = "The testers"
        copyright = "2026"
        parts = [{ title = "All", chapters = ["01_small"] }]
        repository = { url = "https://github.com/npg-lab/npg-lab" }
        """)
    (root / "chapters/index.md").write_text("# Small\n\nA book.\n")
    nbformat.write(notebook("small", markdown("# 1. Small"), *cells), root / "chapters/01_small.ipynb")
    return root
