"""Django's own test runner, which also writes down what became of each test."""

import json
from pathlib import Path

from django.test.runner import DiscoverRunner
from django.test.utils import iter_test_cases


class Runner(DiscoverRunner):
    def run_suite(self, suite, **kwargs):
        outcomes = {test.id(): "passed" for test in iter_test_cases(suite)}
        result = super().run_suite(suite, **kwargs)
        for outcome in ("skipped", "failures", "errors"):
            outcomes |= {test.id(): outcome for test, _ in getattr(result, outcome)}
        Path("outcomes.json").write_text(json.dumps(outcomes))
        return result


class AllowedRunner(Runner):
    """As it is, while Authsignal allows whatever it is asked."""

    def run_suite(self, suite, **kwargs):
        from django_authsignal.testing import Authsignal

        with Authsignal():
            return super().run_suite(suite, **kwargs)
