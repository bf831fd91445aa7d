"""What ``make docs`` does besides MkDocs: for links out of ``docs``, and for docstrings.

Pages link files of the repository that are not part of the site: there, only the text of such a
link is left, the name of the file. The picture of ``explore`` is replaced by the page itself, which
is taken from the notebook.

Docstrings are written for ``help`` and for Sphinx. Their formulas become pictures, drawn by
matplotlib, and a list may follow its heading without an empty line.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import textwrap
from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from matplotlib import mathtext
from matplotlib.font_manager import FontProperties
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
NOTEBOOK = "notebooks/vae_gluon.ipynb"
EXPLORER = "notebooks/explorer.html"
LIVE = f'''<iframe src="{EXPLORER}" title="Latent space of digits"></iframe>

[The page alone]({EXPLORER})
'''

LIST = re.compile(r"^(\w+:\n)((?: +.*\n?)+)", re.MULTILINE)
FORMULA = re.compile(r"^\.\. math::(.*\n(?:\n|[ ]+.*(?:\n|\Z))*)", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the page of ``explore`` that is in the notebook."""
    files.append(File.generated(config, EXPLORER, content=_explorer()))
    return files


def _explorer() -> str:
    """Return the page of ``explore`` that the notebook has in a frame."""
    cells = json.loads((ROOT / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    texts = (
        o["data"].get("text/html", "") for c in cells for o in c.get("outputs", ()) if "data" in o
    )
    (frame,) = (text for text in map("".join, texts) if text.startswith("<iframe"))
    return html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Show the page of ``explore``; of other links out of ``docs`` leave the text."""
    if page.is_homepage:
        page.meta["hide"] = ["toc"]  # which leaves more room
    markdown = re.sub(r"!\[[^]]*\]\(\.\./notebooks/explorer\.png\)", LIVE, markdown)
    return re.sub(r"\[([^]]+)\]\(\.\./[^)]+\)", r"\1", markdown)


@event_priority(100)  # before mkdocstrings takes over the extensions
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let docstrings be written as they are."""
    config.markdown_extensions.append(Docstrings())  # type: ignore[arg-type]
    return config


class Docstrings(Extension):
    """Markdown with two more things of docstrings: formulas, and lists below a word."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        """Read both before anything else of Markdown, which has a meaning for backslashes."""
        md.preprocessors.register(_Docstrings(md), "docstrings", priority=100)


class _Docstrings(Preprocessor):
    def run(self, lines):
        text = FORMULA.sub(lambda match: _picture(match[1]), "\n".join(lines))
        text = LIST.sub(lambda match: f"{match[1]}\n{textwrap.dedent(match[2])}", text)
        return text.split("\n")


def _picture(formula):
    """Draw a formula as SVG, in a paragraph of HTML."""
    tex = " ".join(formula.split())
    large = tex.replace(r"\frac", r"\dfrac")  # as on a line of its own
    svg = io.BytesIO()
    font = FontProperties(size=13, math_fontfamily="cm")
    mathtext.math_to_image(f"${large}$", svg, prop=font, format="svg")
    data = base64.b64encode(svg.getvalue()).decode()
    return f'<p><img alt="{html.escape(tex)}" src="data:image/svg+xml;base64,{data}"></p>\n\n'
