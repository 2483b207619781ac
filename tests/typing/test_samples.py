"""Types are part of the promise: mypy, as strict as a project may have it, sees what it should."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from tests.rig.missing import missing

SAMPLES = Path(__file__).with_name("samples.py")
CONFIG = """\
[mypy]
strict = True
follow_imports = silent
plugins = mypy_django_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = "tests.settings"
"""


def test_decorated_views_keep_their_types_and_wrong_arguments_are_errors(tmp_path):
    if not all(map(importlib.util.find_spec, ["mypy", "mypy_django_plugin"])):
        missing("mypy and django-stubs are not installed")
    (config := tmp_path / "mypy.ini").write_text(CONFIG)
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(tmp_path), str(SAMPLES)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=SAMPLES.parents[2])
    found = {}
    for number, code in re.findall(r"samples\.py:(\d+): error: .*\[([a-z-]+)\]$", run.stdout, re.MULTILINE):
        found.setdefault(int(number), code)
    lines = enumerate(SAMPLES.read_text().splitlines(), 1)
    expected = {number: code[1] for number, line in lines if (code := re.search(r"# error: ([a-z-]+)$", line))}
    assert found == expected, run.stdout + run.stderr
