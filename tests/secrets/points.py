"""The points at which something fails: what happens there, and the status that the customer then sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client, override_settings

from django_authsignal import signals
from django_authsignal.models import TrackedAction
from tests.webhooks.events import encoded, event, log, message, post, signed

from .site import EMAIL, GARBAGE, PHONE, Site, broken_statement
from .urls import OddError

ROWS = "authsignal_trackedaction"


@dataclass(frozen=True)
class Point:
    act: Callable[[Site], Any]
    status: int
    call: tuple[str, ...] = ()
    """Method and path of the call that breaks."""
    challenged: bool = False
    """Whether a challenge is pending before."""


POINTS: dict[str, Point] = {}


def point(name: str, status: int, **details: Any) -> Callable[[Callable[[Site], Any]], Callable[[Site], Any]]:
    def add(act: Callable[[Site], Any]) -> Callable[[Site], Any]:
        POINTS[name] = Point(act, status, **details)
        return act

    return add


# The service


@point("track: refused connection", 503)
def refused(site: Site) -> Any:
    site.network.is_down = True
    return site.pay()


@point("track: secret refused", 502)
def unauthorized(site: Site) -> Any:
    site.authsignal.fail_next(401)
    return site.pay()


@point("track: garbage", 502)
def garbage(site: Site) -> Any:
    site.network.words, site.network.garbage = ("POST", "/actions/withdrawFunds"), GARBAGE
    return site.pay()


@point("track: another state", 502)
def another_state(site: Site) -> Any:
    site.network.words, site.network.garbage = ("POST", "/actions/"), {**GARBAGE, "state": "SOMETHING_NEW"}
    return site.pay()


POINTS["track: library trips"] = Point(Site.pay, 500, call=("POST", "/actions/withdrawFunds"))


@point("track again: library trips", 500, call=("POST", "/actions/withdrawFunds"), challenged=True)
def forgetful(site: Site) -> Any:
    """The same challenge is shown again by a session that has forgotten where it is."""
    session = site.client.session
    session["_authsignal"] = {**session["_authsignal"], "urls": {}}
    session.save()
    return site.pay()


@point("validate: refused connection", 503, challenged=True)
def validate_down(site: Site) -> Any:
    site.network.is_down = True
    return site.come_back()


@point("validate: garbage", 502, challenged=True)
def validate_garbage(site: Site) -> Any:
    site.network.words, site.network.garbage = ("POST", "/validate"), [GARBAGE]
    return site.come_back()


POINTS["validate: library trips"] = Point(Site.come_back, 500, call=("POST", "/validate"), challenged=True)
POINTS["challenge failed"] = Point(lambda site: site.come_back("fail"), 303, challenged=True)


# The browser


@point("return: garbage for a token", 303, challenged=True)
def return_garbage(site: Site) -> Any:
    site.token = "ey.of.nobody"
    return site.send("get", f"/step-up/return/{site.page.step_up.key}/?token={site.token}")


@point("return: token of another action", 303, challenged=True)
def return_foreign(site: Site) -> Any:
    first = site.page
    site.challenged(amount="6000").come_back()
    return site.send("get", f"/step-up/return/{first.step_up.key}/?token={site.token}")


# The database


def add_database_points(name: str, error: type[Exception], status: int) -> None:
    """The same four places, for an error that we foresaw and one that we did not."""

    def act(run: Callable[[Site], Any], *words: str) -> Callable[[Site], Any]:
        def failing(site: Site) -> Any:
            with broken_statement(*words, error=error):
                return run(site)

        return failing

    update = ("UPDATE", ROWS)
    POINTS[f"look: {name}"] = Point(act(Site.pay, "SELECT", ROWS), status)
    POINTS[f"begin: {name}"] = Point(act(Site.pay, "INSERT", ROWS), status)
    POINTS[f"answer: {name}"] = Point(act(Site.pay, *update), status)
    POINTS[f"approve: {name}"] = Point(act(Site.come_back, *update), status, challenged=True)
    POINTS[f"spend: {name}"] = Point(act(Site.go_on, *update, "spent_at"), status, challenged=True)


add_database_points("database is gone", OperationalError, 503)
add_database_points("driver trips", OddError, 500)


# The project

POINTS["view trips"] = Point(lambda site: site.challenged(trip="1").go_on(trip="1"), 500)


@point("receiver trips", 403)
def receiver(site: Site) -> Any:
    def trip(**kwargs: Any) -> None:
        raise OddError("a receiver trips")

    signals.step_up_challenged.connect(trip)
    try:
        return site.challenged().page
    finally:
        signals.step_up_challenged.disconnect(trip)


@point("page of ours: template trips", 500)
def template(site: Site) -> Any:
    with override_settings(TEMPLATES=templates("authsignal/holding.html", '{% url "nowhere" verify_url %}')):
        return site.pay()


def templates(name: str, text: str) -> list[dict[str, Any]]:
    """The project's templates, one of them overridden."""
    [configured] = settings.TEMPLATES
    loaders = [
        ("django.template.loaders.locmem.Loader", {name: text}),
        "django.template.loaders.filesystem.Loader",
        "django.template.loaders.app_directories.Loader",
    ]
    return [{**configured, "APP_DIRS": False, "OPTIONS": {**configured["OPTIONS"], "loaders": loaders}}]


@point("attributes: a name that is ours", 500)
def attributes(site: Site) -> Any:
    told = {"email": EMAIL, "phoneNumber": PHONE, "scope": "add:authenticators"}
    with override_settings(AUTHSIGNAL_ATTRIBUTES=lambda request: told):
        return site.pay()


@point("settings: no number", 500, challenged=True)
def settings_error(site: Site) -> Any:
    with override_settings(AUTHSIGNAL_TIMEOUT="soon"):
        return site.come_back()


# What was typed, in a script's JSON

POINTS["remit: library trips"] = Point(Site.remit, 500, call=("POST", "/actions/withdrawFunds"))


@point("remit: attributes trip", 500)
def remit_attributes(site: Site) -> Any:
    def trip(request: Any) -> Any:
        raise OddError("the attributes trip")

    with override_settings(AUTHSIGNAL_ATTRIBUTES=trip):
        return site.remit()


@point("remit: driver trips", 500)
def remit_driver(site: Site) -> Any:
    with broken_statement("INSERT", ROWS):
        return site.remit()


@point("remit: view trips", 500)
def remit_view(site: Site) -> Any:
    site.page = site.remit(trip="1")
    site.come_back()
    return site.remit(headers={"Authsignal-Step-Up": str(site.page.step_up.key)}, trip="1")


@point("remit: template trips", 500)
def remit_template(site: Site) -> Any:
    with override_settings(TEMPLATES=templates("authsignal/notice.html", '{% url "nowhere" verify_url %}')):
        return site.remit(headers={"Accept": "text/html"})


POINTS["remit: value cannot be bound"] = Point(lambda site: site.remit("/remit/odd/", odd="object"), 500)
POINTS["remit: value cannot be sent"] = Point(lambda site: site.remit("/remit/odd/", odd="infinite"), 500)
POINTS["remit, watched: value is absent"] = Point(lambda site: site.remit("/remit/watched/"), 200)

# Operators


def operate(site: Site, page: str, **form: str) -> Any:
    """What an operator does about the customer's action, while the service is asked."""
    operator = Client(raise_request_exception=False)
    operator.force_login(get_user_model().objects.create_superuser("operator"))
    site.network.words = ("/users/",)
    row = TrackedAction.objects.latest("pk")
    return operator.post(f"/admin/authsignal/trackedaction/{row.pk}/{page}/", form)


POINTS["admin refresh: library trips"] = Point(lambda site: operate(site, "refresh"), 500, challenged=True)


@point("admin lift: library trips", 500)
def lift(site: Site) -> Any:
    site.authsignal.block("withdrawFunds")
    site.pay()
    return operate(site, "lift", reason="The customer called")


# Enrolment and management

POINTS["enrol: library trips"] = Point(
    lambda site: site.send("post", "/step-up/enrol/"), 500, call=("POST", "/actions/enrolAuthenticator")
)
POINTS["enrol, way back: library trips"] = Point(
    lambda site: site.send("get", "/step-up/enrol/?returned=1"), 500, call=("GET", "/users/"), challenged=True
)
POINTS["manage: library trips"] = Point(
    lambda site: site.send("get", "/step-up/manage/"), 500, call=("POST", "/actions/manage")
)


@point("manage, after its challenge: library trips", 500)
def manage(site: Site) -> Any:
    site.authsignal.challenge("manageAuthenticators")
    site.page = site.send("get", "/step-up/manage/")
    site.come_back()
    site.network.words = ("POST", "/actions/manage")
    return site.send("get", "/step-up/manage/")


# Webhooks


def heard(receive: Callable[..., Any], said: Any, **how: Any) -> Any:
    signals.webhook_received.connect(receive)
    try:
        return post(said, **how)
    finally:
        signals.webhook_received.disconnect(receive)


def code_for(site: Site, kind: str = "sms.created") -> dict[str, Any]:
    return message(kind, to=EMAIL if kind == "email.created" else PHONE, userId=str(site.user.pk))


@point("webhook: signature is wrong", 400)
def forged(site: Site) -> Any:
    return post(code_for(site), header="t=1,v2=x")


@point("webhook: no receiver", 503)
def no_receiver(site: Site) -> Any:
    return post(code_for(site, "email.created"))


@point("webhook: receiver trips", 503)
def webhook_receiver(site: Site) -> Any:
    def trip(event: Any, **kwargs: Any) -> None:
        raise OddError("a receiver trips")

    return heard(trip, code_for(site))


@point("webhook: setting is wrong", 500)
def webhook_setting(site: Site) -> Any:
    body = encoded(code_for(site))
    header = signed(body)  # by a service that knows the secret
    with override_settings(AUTHSIGNAL_WEBHOOK_TOLERANCE=0):
        return post(body, header=header, client=Client(raise_request_exception=False))


def recorded(site: Site, error: type[Exception]) -> Any:
    row = TrackedAction.objects.get()
    personal = {"email": EMAIL, "phoneNumber": PHONE, **message()["data"]}
    told = log(row, "BLOCK")
    told["data"] |= {"custom": personal, **personal}
    client = type(site.client)(raise_request_exception=False) if site.door == "wsgi" else None
    with broken_statement("INSERT", "authsignal_webhookevent", error=error):
        return post(told, client=client)


POINTS["webhook: database is gone"] = Point(lambda site: recorded(site, OperationalError), 503, challenged=True)
POINTS["webhook: unknown event with a code"] = Point(lambda site: post(event("new.kind", code_for(site)["data"])), 200)
