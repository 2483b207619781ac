"""Every link of the documentation within the repository leads to a file that is there, and to a heading of it."""

from __future__ import annotations

import re

import pytest

from .fences import ROOT, pages, prose_of

OTHERS = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md"]
FILES = [*pages(), *(ROOT / name for name in OTHERS)]
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)")


def anchors_of(file):
    """The names that GitHub and Sphinx give to the headings of *file*."""
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(file):
    for number, line in prose_of(file):
        for path, anchor in LINK.findall(line):
            target = (file.parent / path).resolve() if path else file
            assert target.exists(), f"{file}:{number}: {path}"
            assert not anchor or anchor in anchors_of(target), f"{file}:{number}: {path}#{anchor}"
