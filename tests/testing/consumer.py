"""`tests/consumer/` as its own developers have it: a copy far from this checkout, and a Python that has the package.

That is the Python that runs the tests. With AUTHSIGNAL_TEST_WHEELS, a folder of wheels, it is a virtual environment
into which the package was installed from there.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
CONSUMER = CHECKOUT / "tests" / "consumer"
WHEELS = os.environ.get("AUTHSIGNAL_TEST_WHEELS", "")
FOREIGN = ("AUTHSIGNAL_", "BANK_", "COV_", "DJANGO_", "PYTEST_", "PYTHONWARNINGS")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`environment("mypy")` is a Python that has the package, REST framework, pytest-django, and mypy too."""
    if not WHEELS:
        return lambda *tools: Path(sys.executable)
    python = tmp_path_factory.mktemp("consumer") / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)

    def install(*tools: str) -> Path:
        wanted = ["django-authsignal[drf]", "pytest-django", *tools]
        command = [python, "-m", "pip", "install", "-q", "--find-links", Path(WHEELS).resolve(), *wanted]
        subprocess.run(command, check=True)
        return python

    return install


@pytest.fixture
def project(tmp_path: Path) -> Run:
    """`project(python, "manage.py", "check")` runs that in a copy of the project."""
    folder = Path(shutil.copytree(CONSUMER, tmp_path / "consumer", ignore=shutil.ignore_patterns("__pycache__")))
    variables = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}

    def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=folder, env=variables | more, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def needs(*modules: str) -> None:
    """Skip a test of types where a checker is not installed."""
    if absent := [module for module in modules if importlib.util.find_spec(module) is None]:
        pytest.skip(f"{' and '.join(absent)} missing: installed with the lint extra, as `make test` does")
