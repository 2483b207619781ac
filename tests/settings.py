"""The example bank's settings, made fit for tests."""

from example_project.settings import *  # noqa: F403
