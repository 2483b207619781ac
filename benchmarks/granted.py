"""What an open door costs: our window beside django-otp's and django-allauth's, and a single use.

    python -m benchmarks.granted [--database sqlite|postgresql] [--mfa] [--rounds 25] [--calls 200]

Requests go through Django's own handler: each door's middleware, routing and view. The same page behind
``login_required`` is subtracted, so that what is compared is what each door adds to it. Sessions and users are read
from the database as usual. With ``--mfa``, django-allauth is installed with its ``mfa`` app.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.metadata import version
from statistics import median as middle
from typing import Any

from benchmarks.database import KINDS, database
from benchmarks.findings import Finding, show, us
from benchmarks.pairs import added, by_turns, median, share
from benchmarks.service import serving

OTP, ALLAUTH = f"django-otp {version('django-otp')}", f"django-allauth {version('django-allauth')}"
OF_OTP, OF_ALLAUTH = 0.03, 0.5
BASE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_authsignal",
    "django_otp",
    "django_otp.plugins.otp_static",
    "allauth",
    "allauth.account",
]
MIDDLEWARE = {
    "bare": BASE,
    "ours": [*BASE, "django_authsignal.middleware.StepUpMiddleware"],
    "decorator": BASE,
    "otp": [*BASE, "django_otp.middleware.OTPMiddleware"],
    "allauth": [*BASE, "allauth.account.middleware.AccountMiddleware"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--mfa", action="store_true", help="install django-allauth with its mfa app")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--calls", type=int, default=200, help="requests of each way in each round (default 200)")
    options = parser.parse_args()
    apps = [*APPS, *(["allauth.mfa"] if options.mfa else [])]
    settings = {"INSTALLED_APPS": apps, "MIDDLEWARE": MIDDLEWARE["allauth"], "ROOT_URLCONF": "benchmarks.doors"}
    settings |= {"ALLOWED_HOSTS": ["testserver"], "AUTHSIGNAL_SITE_URL": "http://testserver"}
    with serving() as service, database(options.database, **settings, AUTHSIGNAL_API_URL=service.url):
        show(findings(options))


def findings(options: argparse.Namespace) -> Iterator[Finding]:
    prepare()
    subject = f"open door, {options.database}{', allauth.mfa' if options.mfa else ''}"
    doors = Doors()
    costs = by_turns(doors.ways(), rounds=options.rounds, calls=options.calls)
    bare = costs["bare"]
    adds = {name: middle(added(cost, bare, "p50")) for name, cost in costs.items()}
    queries = {name: doors.queries(name) - doors.queries("bare") for name in costs}
    mine = f"{us(adds['ours'])}, {queries['ours']} queries"
    for name, words, most in (("allauth", ALLAUTH, OF_ALLAUTH), ("otp", OTP, OF_OTP)):
        value = share(costs["ours"], costs[name], bare, "p50")
        peer = f"{words}: {us(adds[name])}, {queries[name]} queries"
        yield Finding.at_most(subject, "a window adds", mine, peer, value, most)
    without = f"{us(adds['decorator'])}, {queries['decorator']} queries"
    yield Finding(subject, "a window adds, without our middleware", without)
    yield Finding(subject, "the page behind login_required takes", us(median(bare, "p50")))
    if not options.mfa:
        statements = doors.single_use()
        met = [sql.split()[0] for sql in statements] == ["SELECT", "UPDATE"]
        words = ", ".join(sql.split()[0] for sql in statements)
        yield Finding(subject, "a granted single use runs", words, "", None, "SELECT, UPDATE", met)


def prepare() -> None:
    """One user, with a device of django-otp."""
    from django.contrib.auth import get_user_model
    from django_otp.plugins.otp_static.models import StaticDevice

    user = get_user_model().objects.create_user("alice", password="a password")  # noqa: S106
    StaticDevice.objects.create(user=user, name="codes")


class Doors:
    """Each door's own handler and signed-in session."""

    def __init__(self) -> None:
        self._handlers = {name: handler(middleware) for name, middleware in MIDDLEWARE.items()}
        self._cookies: dict[str, str] = {}
        for name in MIDDLEWARE:
            self._enter(name)

    def ways(self) -> dict[str, Callable[[], Any]]:
        return {name: partial(self.ask, name) for name in self._handlers}

    def ask(self, name: str, path: str = "", *, status: int = 200) -> Any:
        response = self._handlers[name].get_response(request(path or f"/{name}/", self._cookies.get(name, "")))
        if response.status_code != status:
            raise RuntimeError(f"{name}: {response.status_code} {response.content!r}")
        return response

    def _enter(self, name: str) -> None:
        for path in (f"/enter/{name}/", f"/{name}/"):  # a window that opens gives the session a new key
            cookies = self.ask(name, path).cookies
            if "sessionid" in cookies:
                self._cookies[name] = f"sessionid={cookies['sessionid'].value}"

    def queries(self, name: str) -> int:
        return len(statements(lambda: self.ask(name)))

    def single_use(self) -> list[str]:
        """The statements of a request whose approval waits, beside those that find session and user."""
        from django.utils import timezone

        from django_authsignal.conf import app_settings
        from django_authsignal.models import TrackedAction

        self.ask("ours", "/once/", status=302)  # to the challenge
        row = TrackedAction.objects.get(action="challenge")
        row.approve({"remote_state": "CHALLENGE_SUCCEEDED"}, timezone.now(), app_settings.APPROVAL_TTL)
        return statements(lambda: self.ask("ours", "/once/"))[2:]


def handler(middleware: list[str]) -> Any:
    from django.core.handlers.base import BaseHandler
    from django.test import override_settings

    made = BaseHandler()
    with override_settings(MIDDLEWARE=middleware):
        made.load_middleware()
    return made


def request(path: str, cookie: str) -> Any:
    from django.core.handlers.wsgi import WSGIRequest

    return WSGIRequest({**environment(), "PATH_INFO": path, "HTTP_COOKIE": cookie})


@cache
def environment() -> dict[str, Any]:
    from django.test import RequestFactory

    return RequestFactory()._base_environ()


def statements(act: Callable[[], Any]) -> list[str]:
    from django.db import connection

    seen: list[str] = []
    with connection.execute_wrapper(lambda run, sql, *rest: seen.append(sql) or run(sql, *rest)):
        act()
    # Django's SQLite begins by a statement.
    return [sql for sql in seen if not sql.startswith("BEGIN")]


if __name__ == "__main__":
    main()
