"""What was found: a line of the table each, as Markdown for people and as JSON for ``python -m benchmarks``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass

__all__ = ["JSON", "Finding", "head", "show", "us"]

JSON = "BENCHMARKS_JSON"
"""The environment variable by which ``python -m benchmarks`` asks a script for JSON."""


@dataclass(frozen=True)
class Finding:
    """One measure of one subject."""

    subject: str
    measure: str
    ours: str
    peer: str = ""
    """The peer, and what it came to."""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    """None: nothing was promised."""

    @classmethod
    def at_most(cls, subject: str, measure: str, ours: str, peer: str, ratio: float, most: float) -> Finding:
        return cls(subject, measure, ours, peer, ratio, f"≤ {most:g}", ratio <= most)

    @classmethod
    def at_least(cls, subject: str, measure: str, ours: str, peer: str, ratio: float, least: float) -> Finding:
        return cls(subject, measure, ours, peer, ratio, f"≥ {least:g}", ratio >= least)

    def line(self) -> str:
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}" if self.ratio < 0.1 else f"{self.ratio:.2f}"
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return f"| {' | '.join([self.subject, self.measure, self.ours, self.peer, ratio, self.target, met])} |"


def head() -> str:
    return "| subject | measure | ours | peer | ratio | target | met |\n|---|---|---|---|---|---|---|"


def show(findings: Iterable[Finding]) -> None:
    """Print each as soon as it is found."""
    as_json = JSON in os.environ
    if not as_json:
        print(head())
    for finding in findings:
        print(json.dumps(asdict(finding)) if as_json else finding.line(), flush=True)


def us(seconds: float) -> str:
    """Seconds as microseconds."""
    return f"{seconds * 1e6:,.0f} µs" if seconds > 1e-5 else f"{seconds * 1e6:.1f} µs"
