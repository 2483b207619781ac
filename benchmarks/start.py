"""What the installed app adds to Django's start.

    python -m benchmarks.start [--rounds 20]

Each start is a process of its own that sets up a project with Django's own apps, the admin included, in turn with and
without ours. Measured are the time of ``django.setup()`` and of getting the WSGI application, which loads the
middleware, and the most memory the process has had.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.findings import Finding, show

MOST_MS, MOST_MB = 15, 3
CONTRIB = ["admin", "auth", "contenttypes", "sessions", "messages", "staticfiles"]
PROJECT = {
    "SECRET_KEY": "a key of nobody",
    "INSTALLED_APPS": [f"django.contrib.{name}" for name in CONTRIB],
    "MIDDLEWARE": [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
}
OURS = {
    **PROJECT,
    "INSTALLED_APPS": [*PROJECT["INSTALLED_APPS"], "django_authsignal"],
    "MIDDLEWARE": [*PROJECT["MIDDLEWARE"], "django_authsignal.middleware.StepUpMiddleware"],
    "AUTHSIGNAL_SECRET": "a secret of nobody",
    "AUTHSIGNAL_SITE_URL": "https://bank.example",
}
START = """
import json, resource, sys, time
begun, cpu = time.perf_counter(), time.process_time()
import django
from django.conf import settings
settings.configure(**json.loads(sys.argv[1]))
django.setup()
set_up, busy = time.perf_counter() - begun, time.process_time() - cpu
from django.core.wsgi import get_wsgi_application
get_wsgi_application()
ready = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([set_up * 1000, busy * 1000, ready * 1000, peak / 1024]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    show(findings(parser.parse_args().rounds))


def findings(rounds: int) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory(prefix="bytecode-") as folder:
        start(PROJECT, folder), start(OURS, folder)  # compiles, as an installation does
        pairs = [(start(PROJECT, folder), start(OURS, folder)) for _ in range(rounds)]
    measures = (
        ("django.setup()", "ms", MOST_MS),
        ("django.setup(), CPU", "ms", None),
        ("the WSGI application", "ms", None),
        ("memory", "MB", MOST_MB),
    )
    for place, (what, unit, most) in enumerate(measures):
        added = statistics.median(ours[place] - bare[place] for bare, ours in pairs)
        whole = statistics.median(bare[place] for bare, _ in pairs)
        target, met = (f"≤ {most} {unit}", added <= most) if most else ("", None)
        peer = f"Django without it: {whole:.0f} {unit}"
        yield Finding("start", f"the app adds to {what}", f"{added:.1f} {unit}", peer, None, target, met)


def start(settings: dict[str, object], bytecode: str) -> list[float]:
    """Milliseconds until set up, by the clock and of the processor, and until ready; the peak of memory in MB."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", START, json.dumps(settings)],
        check=True,
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPYCACHEPREFIX": bytecode},
    )
    return [float(number) for number in json.loads(done.stdout)]


if __name__ == "__main__":
    main()
