"""What ``make docs`` does besides MkDocs: for links out of ``docs``, and for docstrings.

Pages lead to files of the repository that are not pages. Read in the repository they are links; on
the site a picture is taken along, and of any other link its text is left, the name of the file. The
page of ``explore`` is taken out of the notebook that has it, and takes the place of its picture.

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

ROOT = Path(__file__).parent.parent
PICTURES = ("notebooks/latent_scan.png", "notebooks/latent_space.png")
NOTEBOOK = "notebooks/vae_gluon.ipynb"
EXPLORER = "notebooks/explorer.html"
LIVE = f'''<iframe src="{EXPLORER}" title="The latent plane of MNIST"></iframe>

[This page by itself]({EXPLORER})
'''

LIST = re.compile(r"^(\w+:\n)((?: +.*\n?)+)", re.MULTILINE)
FORMULA = re.compile(r"^\.\. math::(.*\n(?:\n|[ ]+.*(?:\n|\Z))*)", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Take the pictures along that are not in ``docs``, and the page in the notebook."""
    for picture in PICTURES:
        files.append(File(picture, str(ROOT), config.site_dir, config.use_directory_urls))
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


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead to the pictures that were taken along; of other links out of ``docs`` leave the text."""
    markdown = re.sub(r"!\[[^]]*\]\(\.\./notebooks/explorer\.png\)", LIVE, markdown)
    markdown = re.sub(r"(!\[[^]]*\]\()\.\./", r"\1", markdown)
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
