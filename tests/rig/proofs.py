"""What the heavy proofs share: they are short by default and long when ``make prove`` asks, and their figures end up in
its table."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["LONG", "often", "record"]

LONG = os.environ.get("AUTHSIGNAL_TEST_LONG", "") not in ("", "0")
FOLDER = os.environ.get("AUTHSIGNAL_PROOFS", "")


def often(short: int, long: int) -> int:
    """How many times to repeat something."""
    return long if LONG else short


def record(proof: str, part: str = "", **figures: int) -> None:
    """Add to the figures of a *part* of *proof*; ``make prove`` sums up what all tests and processes add.

    Call it once the test has seen that all is well: a figure that was not proved must not be counted.
    """
    if FOLDER:
        line = json.dumps({"proof": proof, "part": part, "figures": figures})
        with (Path(FOLDER) / f"{os.getpid()}.jsonl").open("a") as file:
            print(line, file=file)
