"""``manage.py`` in a process of its own, on the test's database, asking a sandbox that listens."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from .servers import ROOT, environment

KILLED = -9
LONGEST = 60  # seconds


def start(database: dict[str, Any], api_url: str, *arguments: str, crash: str = "") -> subprocess.Popen[str]:
    """Start ``manage.py`` with *arguments*; *crash* is where it is killed, as ``rig.crashes`` names it."""
    wanted = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        **environment(database, api_url, "http://testserver"),
        **({"BANK_TEST_CRASH": crash} if crash else {}),
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | wanted,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(database: dict[str, Any], api_url: str, *arguments: str, crash: str = "") -> subprocess.CompletedProcess[str]:
    """``start()``, and wait for its end; the exit code of a process that was killed is KILLED."""
    with start(database, api_url, *arguments, crash=crash) as process:
        try:
            output, errors = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)
