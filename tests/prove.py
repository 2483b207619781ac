"""``make prove``: every heavy proof at its long setting, and a table of what they counted, as Markdown.

``python -m tests.prove faults races`` runs only some. Exits with 1 when a proof fails or stays below its figure.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import django

BOTH = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Proof:
    """Tests that prove something, and the least that their figures must come to."""

    least: dict[str, int]
    tests: tuple[str, ...] = ()
    databases: tuple[str, ...] = ("sqlite",)
    program: str = ""
    """A module to run instead of tests."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", *([self.program] if self.program else ["pytest", "-q", *self.tests])]


SYNC_CRASHES = "tests/commands/test_authsignal_sync_crashes.py"
WEBHOOKS = ("tests/webhooks/test_fuzz.py", "tests/webhooks/test_view.py")
PROOFS = {
    "faults": Proof({"cells": 200}, ("tests/faults",), BOTH),
    "races": Proof({"rounds": 600}, ("tests/races",), BOTH),
    "crashes": Proof({"kills": 500}, ("tests/crashes", SYNC_CRASHES), BOTH),
    "machine": Proof({"steps": 20_000}, ("tests/machine",), BOTH),
    "webhooks": Proof({"inputs": 100_000}, WEBHOOKS),
    "secrets": Proof({"points": 10}, ("tests/secrets",)),
    "mutation": Proof({"mutants": 500}, program="tests.mutation"),
}
Figures = dict[tuple[str, str], Counter[str]]


def run(name: str, folder: str) -> list[str]:
    """Run a proof, its figures going to *folder*. Returns what failed; the next proof is not kept from running."""
    proof, failures = PROOFS[name], []
    for database in proof.databases:
        sys.stderr.write(f"{name} on {database} …\n")
        environment = {
            "AUTHSIGNAL_TEST_LONG": "1",
            "AUTHSIGNAL_TEST_REQUIRE_ALL": "1",
            "AUTHSIGNAL_TEST_DATABASE": database,
            "AUTHSIGNAL_PROOFS": folder,
        }
        # The table alone is for standard output.
        done = subprocess.run(proof.command, env=os.environ | environment, stdout=sys.stderr, check=False)
        if done.returncode:
            failures.append(f"{name} failed on {database}: nothing is proved.")
    return failures


def counted(folder: str) -> Figures:
    """The sums of all figures, by proof and part."""
    figures: Figures = defaultdict(Counter)
    for file in sorted(Path(folder).glob("*.jsonl")):
        for line in map(json.loads, file.read_text().splitlines()):
            figures[line["proof"], line["part"]].update(line["figures"])
    return figures


def too_few(proof: str, figures: Figures) -> list[str]:
    """Which of *proof*'s figures stay below what is promised."""
    total = sum((counts for (name, _), counts in figures.items() if name == proof), Counter[str]())
    return [
        f"{proof}: {total[name]} {name} < {least}" for name, least in PROOFS[proof].least.items() if total[name] < least
    ]


def table(figures: Figures, seconds: dict[str, float]) -> str:
    lines = ["| Proof | Part | Figures |", "|---|---|---|"]
    for (proof, part), counts in sorted(figures.items()):
        told = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
        lines.append(f"| {proof} | {part} | {told} |")
    spent = ", ".join(f"{proof} {took / 60:.1f}" for proof, took in seconds.items())
    return "\n".join([*lines, "", f"Minutes: {spent}."])


def versions() -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, Django {django.get_version()}, "
        f"SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores"
    )


def main() -> None:
    wanted = sys.argv[1:] or list(PROOFS)
    if unknown := set(wanted) - set(PROOFS):
        sys.exit(f"No proof is called {', '.join(sorted(unknown))}; there are {', '.join(PROOFS)}.")
    with tempfile.TemporaryDirectory() as folder:
        problems, seconds = [], {}
        for proof in wanted:
            started = time.monotonic()
            problems += run(proof, folder)
            seconds[proof] = time.monotonic() - started
        figures = counted(folder)
    sys.stdout.write(f"{versions()}\n\n{table(figures, seconds)}\n")
    problems += [problem for proof in wanted for problem in too_few(proof, figures)]
    if problems:
        sys.exit("\n".join(["", *problems]))


if __name__ == "__main__":
    main()
