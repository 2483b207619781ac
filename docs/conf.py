"""Sphinx: ``make docs``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import django

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
django.setup()

from django_authsignal import __version__  # noqa: E402

project = "django-authsignal"
author = copyright = "The django-authsignal team"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "authsignal_reference"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
smartquotes = False  # quotes and dashes are mostly code

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_inherit_docstrings = False
autodoc_mock_imports = ["ninja", "pytest"]  # of what only some of the readers have, names are enough
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"django-authsignal {release}"


def literal_paths(app, docname, source):
    """What lies outside the documentation is a link in the repository, and a path here."""
    folder = (DOCS / docname).parent

    def literal(link):
        path = Path(os.path.normpath(folder / link[1]))
        return link[0] if path.is_relative_to(DOCS) else f"`{path.relative_to(DOCS.parent)}`"

    source[0] = re.sub(r"\[[^\]]*\]\((\.\./[^)]+)\)", literal, source[0])


def setup(app):
    app.connect("source-read", literal_paths)
