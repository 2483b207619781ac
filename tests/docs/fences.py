"""The fenced blocks of a page of Markdown, each with its place, so that whoever finds a fault can say where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)")
CODE_BLOCK = re.compile(r"\{code(?:-block)?\} *(\S*)")
OPTION = re.compile(r":(\w[\w-]*):(?: (.*))?")
NOTE = re.compile(r"<!-- (runs|does not run): (.*) -->")


@dataclass(frozen=True)
class Block:
    path: Path
    line: int
    """Of the first line of its text, from 1."""
    language: str
    text: str
    caption: str = ""
    runs: str = ""
    """What the comment before it says: how it is to be run …"""
    is_excused: bool = False
    """… or why it is not."""

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def padded(self) -> str:
        """Its text behind empty lines, so that a compiler counts as the page does."""
        return "\n" * (self.line - 1) + self.text


def blocks_of(path: Path) -> Iterator[Block]:
    """The blocks of *path*. What other directives than code hold is part of the page."""
    lines = path.read_text().splitlines()
    directives: list[str] = []
    number = 0
    while number < len(lines):
        fence = FENCE.fullmatch(lines[number])
        if fence is None or (directives and lines[number].strip() == directives[-1]):
            directives = directives[:-1] if fence else directives
            number += 1
            continue
        code = CODE_BLOCK.fullmatch(fence["info"].strip())
        if fence["info"].startswith("{") and not code:
            directives.append(fence["marks"])
            number += 1
            continue
        end = next((at for at in range(number + 1, len(lines)) if lines[at].strip() == fence["marks"]), None)
        assert end, f"{path}:{number + 1}: this block has no end"
        yield _block(path, lines, number, end, code[1] if code else fence["info"].strip(), len(fence["indent"]))
        number = end + 1


def _block(path: Path, lines: list[str], start: int, end: int, language: str, indent: int) -> Block:
    first, options = start + 1, {}
    while (option := OPTION.fullmatch(lines[first].strip())) and lines[start].strip(" `~").startswith("{"):
        options[option[1]] = option[2] or ""
        first += 1
    above = NOTE.fullmatch(next((line for line in reversed(lines[:start]) if line.strip()), ""))
    return Block(
        path,
        first + 1,
        language.partition(" ")[0],
        "".join(f"{line[indent:]}\n" for line in lines[first:end]),
        caption=options.get("caption", ""),
        runs=above[2] if above and above[1] == "runs" else "",
        is_excused=above is not None and above[1] != "runs",
    )


def pages() -> list[Path]:
    """Every page that users of the package read."""
    built = ROOT / "docs" / "_build"
    return [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if built not in page.parents)]


def prose_of(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of *path* outside its blocks."""
    inside = {line for block in blocks_of(path) for line in range(block.line, block.line + block.text.count("\n"))}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if number not in inside:
            yield number, line
