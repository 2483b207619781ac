"""``python -m tests.mutation [SUBJECT …]``: mutate each subject and run its tests against every mutant.

Exits with 1 when a subject's score is below 90 % or a mutant survives that ``survivors.toml`` does not explain; such
ones are printed in that file's form. A mutant that makes the tests run on for ever is killed: it is also counted as a
timeout. An explained survivor is a survivor all the same: it lowers the score. See ``subjects.py`` for what is mutated
and ``mutants.py`` for how; the wording of logs and of exceptions is left alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

from tests.rig.proofs import record

from .mutants import Mutant, mutants
from .subjects import SUBJECTS

LEAST_SCORE = 90
SURVIVORS = Path(__file__).with_name("survivors.toml")


def explained() -> dict[tuple[str, str, str], str]:
    """The reason of each survivor that was looked at, by function and changed lines."""
    entries = tomllib.loads(SURVIVORS.read_text())["survivor"]
    return {(entry["function"], entry["was"], now): entry["reason"] for entry in entries for now in entry["now"]}


def run(name: str) -> list[str]:
    """Mutate one subject, tell and record its figures. Returns what is wrong."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        found = mutants(SUBJECTS[name], Path(folder))
    statuses = Counter(mutant.status for mutant in found)
    survivors = [mutant for mutant in found if mutant.status in ("survived", "no tests")]
    known = explained()
    unexplained = [mutant for mutant in survivors if mutant.key not in known]
    killed = statuses["killed"] + statuses["timeout"]
    figures = {
        "mutants": len(found),
        "killed": killed,
        "by_timeout": statuses["timeout"],
        "survived": len(survivors),
        "explained": len(survivors) - len(unexplained),
        "score": 100 * killed // len(found),
    }
    minutes = (time.monotonic() - started) / 60
    told = ", ".join(f"{figure.replace('_', ' ')} {count}" for figure, count in figures.items())
    sys.stdout.write(f"{name}: {told}, minutes {minutes:.1f}\n{as_toml(unexplained)}")
    problems = [f"{name}: {len(unexplained)} survivors are not explained."] if unexplained else []
    if killed + len(survivors) != len(found):
        problems.append(f"{name}: not every mutant was judged: {dict(statuses)}.")
    if figures["score"] < LEAST_SCORE:
        problems.append(f"{name}: a score of {figures['score']} % is too low.")
    if not problems:
        record("mutation", name, **figures)
    return problems


def as_toml(survivors: list[Mutant]) -> str:
    """*survivors* as ``survivors.toml`` would have them, were there a reason."""
    by_line: dict[tuple[str, str], list[str]] = {}
    for mutant in survivors:
        by_line.setdefault((mutant.function, mutant.was), []).append(mutant.now)
    return "".join(
        f"\n[[survivor]]\nfunction = {quoted(function)}\nwas = {quoted(was)}\n"
        f"now = [\n{''.join(f'    {quoted(now)},{chr(10)}' for now in mutations)}]\nreason = ''\n"
        for (function, was), mutations in by_line.items()
    )


def quoted(text: str) -> str:
    return f"'{text}'" if "'" not in text and "\n" not in text else json.dumps(text, ensure_ascii=False)


def main() -> None:
    wanted = sys.argv[1:] or list(SUBJECTS)
    if unknown := set(wanted) - set(SUBJECTS):
        sys.exit(f"No subject is called {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}.")
    if problems := [problem for name in wanted for problem in run(name)]:
        sys.exit("\n".join(["", *problems]))


if __name__ == "__main__":
    main()
