"""
How the documentation is built: `make docs`.

What can be made from the code is made from it: the reference from docstrings, the
commands from their help, the error table from the tables of codes, the charts from
what `make bench` wrote, and the comment of a pull request from a report that the tests
compare.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from tools.documentation.comment import comment_as_shown  # noqa: E402 - needs the path
from tools.documentation.errors import error_tables  # noqa: E402
from tools.documentation.figures import figures_page  # noqa: E402
from tools.documentation.schemas import schemas_page  # noqa: E402

project = "pulumi-alicloud-ingress"
copyright = "the authors of pulumi-alicloud-ingress"  # noqa: A001 - Sphinx's name
release = metadata.version(project)
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["generated/**"]
default_role = "code"
html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
smartquotes_action = "qe"  # "--" stays: it begins an option
myst_heading_anchors = 3
myst_enable_extensions = ["fieldlist"]
suppress_warnings = ["misc.highlighting_failure"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autoclass_content = "both"
napoleon_google_docstring = True


def generate(_app: object) -> None:
    """
    Write the pages that are made from code, measurements and golden files.
    """
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    figures = ROOT / "benchmarks" / "figures.json"
    report = ROOT / "tests" / "golden" / "change.report.md"
    text = figures.read_text(encoding="utf-8") if figures.is_file() else ""
    (folder / "errors.md").write_text(error_tables(), encoding="utf-8")
    shown = comment_as_shown(report.read_text(encoding="utf-8"))
    (folder / "comment.html").write_text(shown, encoding="utf-8")
    (folder / "schemas.md").write_text(schemas_page(), encoding="utf-8")
    (folder / "figures.md").write_text(figures_page(text), encoding="utf-8")


def setup(app: Any) -> None:
    """
    Let Sphinx generate before it reads.
    """
    app.connect("builder-inited", generate)
