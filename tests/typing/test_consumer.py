"""The types as another project sees them: mypy and pyright, both strict, from outside."""

from __future__ import annotations

import sys

from tests.testing.consumer import CHECKOUT, WHEELS, needs
from tests.testing.consumer import environment as environment
from tests.testing.consumer import project as project

# Type checkers do not see through the import hook of an editable installation.
SEES_CHECKOUT = {} if WHEELS else {"MYPYPATH": str(CHECKOUT), "PYTHONPATH": str(CHECKOUT)}
STUBS = ["mypy", "django-stubs[compatible-mypy]", "djangorestframework-stubs"]


def test_mypy_agrees_with_a_consumer(project, environment):
    needs("mypy", "mypy_drf_plugin")
    done = project(environment(*STUBS), "-m", "mypy", **SEES_CHECKOUT)
    assert "Success: no issues found in 15 source files" in done.stdout


def test_pyright_agrees_with_a_consumer(project, environment):
    needs("basedpyright", "mypy_drf_plugin")
    done = project(sys.executable, "-m", "basedpyright", "--pythonpath", environment(*STUBS), **SEES_CHECKOUT)
    assert "0 errors, 0 warnings" in done.stdout
