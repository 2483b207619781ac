"""Whatever fails, wherever: nothing confidential is shown (T65 T66 T23 T59 T73 A21 A35 A38).

Each point of failure, in production (error mails) and in development (the debug page, as HTML and as text), over WSGI
and ASGI, with a sync and an async view; against each surface: the page, every record of every logger, the mails, the
reports that error reporters make with all variables, the database, the sessions and the admin.
"""

from __future__ import annotations

from itertools import product

import pytest

from tests.rig.proofs import LONG, record

from .points import POINTS
from .site import Site
from .surfaces import admin_pages, database, sessions, watched

VIEWS = {"mail": (False, "text/html"), "page": (True, "text/html"), "text": (True, "text/plain")}
DOORS = ("wsgi", "asgi")
# Short, each point is met twice, so that all views and both doors are met, but not in all combinations.
SHORT = [
    (name, door, view)
    for number, name in enumerate(POINTS)
    for door, view in (("wsgi", "mail"), ("asgi", ("page", "text")[number % 2]))
]
PENDING = frozenset({"hosted page", "a token"})
"""The hosted page of a pending challenge is kept in the session, and its user's own page leads there."""
SHOWN = PENDING | {"what was typed"}
"""Before they approve, users see what they have typed."""
ERRORS = ("OddError", "TypeError", "ValueError", "ImproperlyConfigured", "NoReverseMatch")


@pytest.mark.parametrize(("name", "door", "view"), [*product(POINTS, DOORS, VIEWS)] if LONG else SHORT)
def test_nothing_confidential_is_shown(network, authsignal, settings, alice, admin_client, name, door, view):
    point = POINTS[name]
    settings.DEBUG, accept = VIEWS[view]
    site = Site(alice, authsignal, network, door, accept)
    with watched(html_mails=view != "text") as watch:
        if point.challenged:
            site.challenged()
        network.words = point.call
        response = point.act(site)
    assert response.status_code == point.status
    page = f"{response.content.decode()} {response.headers}"
    shown = watch.shown() | {"page": page, "database": database(), "sessions": sessions()}
    if view == "mail":
        shown["admin"] = admin_pages(admin_client)
    told_of_itself = any(error in shown["mails"] for error in ERRORS)
    assert told_of_itself or point.status != 500  # so there was something to look at
    allowed = {"sessions": PENDING, "page": SHOWN if point.status != 500 else frozenset()}
    assert leaks(site.confidential(), shown, allowed) == []
    record("secrets", f"{door}, {view}", points=1, surfaces=len(shown), leaks=0)


def leaks(words, shown, allowed):
    """What is shown where, with the text before it."""
    return [
        (surface, name, text[max(0, text.index(word) - 200) : text.index(word)])
        for surface, text in shown.items()
        for name, word in words.items()
        if word in text and name not in allowed.get(surface, ())
    ]
