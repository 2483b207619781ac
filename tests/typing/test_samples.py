"""Types are part of the promise: mypy and pyright, as strict as a project may have them, see what they should."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.testing.consumer import CHECKOUT, needs

SAMPLES = CHECKOUT / "tests" / "typing" / "samples.py"
MYPY = """\
[mypy]
strict = True
follow_imports = silent
plugins = mypy_django_plugin.main
[mypy.plugins.django-stubs]
django_settings_module = "tests.settings"
"""
PYRIGHT = {"include": [str(SAMPLES)], "extraPaths": [str(CHECKOUT)], "typeCheckingMode": "standard"}


@pytest.fixture(scope="module")
def expected():
    lines = enumerate(SAMPLES.read_text().splitlines(), 1)
    return {number: code[1] for number, line in lines if (code := re.search(r"# error: ([a-z-]+)$", line))}


def test_decorated_views_keep_their_types_and_wrong_arguments_are_errors(tmp_path, expected):
    needs("mypy", "mypy_django_plugin")
    (config := tmp_path / "mypy.ini").write_text(MYPY)
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(tmp_path), str(SAMPLES)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT)
    found = {}
    for number, code in re.findall(r"samples\.py:(\d+): error: .*\[([a-z-]+)\]$", run.stdout, re.MULTILINE):
        found.setdefault(int(number), code)
    assert found == expected, run.stdout + run.stderr


def test_pyright_complains_of_the_same_lines(tmp_path, expected):
    needs("basedpyright", "mypy_django_plugin")
    (config := tmp_path / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", config]
    run = subprocess.run([*command, "--pythonpath", sys.executable], capture_output=True, text=True, cwd=CHECKOUT)
    found = json.loads(run.stdout)["generalDiagnostics"]
    assert {entry["range"]["start"]["line"] + 1 for entry in found} == {*expected}, run.stdout
