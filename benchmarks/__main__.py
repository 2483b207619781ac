"""Run every measurement in a short setting and print one table.

    python -m benchmarks [--rows 5000000] [--only client granted …]

Each script is a process of its own. What it prints beside its findings goes to the standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version

from benchmarks.findings import JSON, Finding, show

PACKAGES = ("Django", "requests", "urllib3", "psycopg", "gunicorn", "authsignal", "django-otp", "django-allauth")
DATABASES = ("sqlite", "postgresql")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="rows of the admin's history (default 200000)")
    parser.add_argument("--only", nargs="+", default=[], metavar="SCRIPT", help="only these scripts")
    options = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; {versions}\n")
    show(
        finding
        for command in commands(options.rows)
        if not options.only or command[0] in options.only
        for finding in findings(command)
    )


def commands(rows: int) -> Iterator[list[str]]:
    yield ["client"]
    yield ["refusals"]
    yield ["start"]
    for kind in DATABASES:
        yield ["granted", "--database", kind]
        yield ["granted", "--database", kind, "--mfa"]
    for kind in DATABASES:
        yield ["recording", "--database", kind]
    for kind in DATABASES:
        yield ["decisions", "--database", kind]
    for kind in DATABASES:
        yield ["webhooks", "--database", kind]
    yield ["history", "--database", "postgresql", "--rows", str(rows), "--requests", "20", "--export", "0"]


def findings(command: list[str]) -> Iterator[Finding]:
    script, *arguments = command
    environment = os.environ | {JSON: "1"}
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{script}", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("{"):
                yield Finding(**json.loads(line))
            else:
                sys.stderr.write(line)
    if process.returncode:
        print(f"{' '.join(command)} failed", file=sys.stderr)


if __name__ == "__main__":
    main()
