"""Sphinx: ``make docs``."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
django.setup()

from django_authsignal import __version__  # noqa: E402

project = "django-authsignal"
author = copyright = "The django-authsignal team"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True

html_theme = "furo"
html_title = f"django-authsignal {release}"


def literal_paths(app, docname, source):
    """What lies outside the documentation is a link in the repository, and a path here."""
    source[0] = re.sub(r"\[[^\]]*\]\((?:\.\./)+([^)]+)\)", r"`\1`", source[0])


def setup(app):
    app.connect("source-read", literal_paths)
