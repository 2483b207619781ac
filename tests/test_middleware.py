"""The middleware answers refusals, and nothing else."""

from __future__ import annotations

from asyncio import CancelledError

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import AsyncClient
from django.urls import ResolverMatch

from django_authsignal.decorators import let_on
from django_authsignal.exceptions import StepUpRequired
from django_authsignal.middleware import StepUpMiddleware
from django_authsignal.services.decision import Decision, Outcome

from .gated import ACTION
from .gated import gated as gated

REFUSAL = StepUpRequired(Decision(outcome=Outcome.BLOCKED, action_code="pay"))


def raising(error):
    def view(request):
        raise error

    return view


def araising(error):
    async def view(request):
        raise error

    return view


@pytest.mark.parametrize("kind", [raising, araising])
def test_refusal_is_answered_as_the_decorator_answers(gated, kind):
    gated.serve(kind(REFUSAL))
    response = gated.get()
    assert (response.status_code, response.step_up) == (403, REFUSAL.decision)
    assert "no-store" in response["Cache-Control"]
    script = gated.get(headers={"Accept": "application/json"})
    assert script.json()["code"] == "step_up_blocked"


@pytest.mark.parametrize("kind", [raising, araising])
def test_other_errors_are_left_alone(gated, kind):
    gated.serve(kind(PermissionDenied()))
    response = gated.get()
    assert (response.status_code, hasattr(response, "step_up")) == (403, False)
    gated.serve(kind(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        gated.get()


@pytest.mark.parametrize("kind", [raising, araising])
def test_refusal_is_answered_under_asgi(gated, kind):
    gated.serve(kind(REFUSAL))
    assert async_to_sync(AsyncClient().get)("/gated/").step_up is REFUSAL.decision


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (302, {"Authsignal-Form": "true"}, (204, None, "/next/")),
        (303, {"Authsignal-Form": "true"}, (204, None, "/next/")),
        (302, {}, (302, "/next/", None)),
        (201, {"Authsignal-Form": "true"}, (201, "/next/", None)),
    ],
)
def test_script_that_sent_a_form_is_told_of_a_redirect_and_of_nothing_else(gated, status, headers, expected):
    gated.serve(lambda request: HttpResponse(status=status, headers={"Location": "/next/"}))
    response = gated.post(headers=headers)
    assert (response.status_code, response.get("Location"), response.get("Authsignal-Location")) == expected


def test_middleware_is_of_the_kind_of_what_it_wraps(rf):
    async def get_response(request):
        return HttpResponse("async")

    def sync_get_response(request):
        return HttpResponse("sync")

    assert iscoroutinefunction(StepUpMiddleware(get_response))
    sync = StepUpMiddleware(sync_get_response)
    assert not iscoroutinefunction(sync)
    assert sync(rf.get("/")).content == b"sync"


@pytest.mark.parametrize(
    ("view", "is_let_on", "noted"),
    [(araising(None), True, ["unfinished"]), (raising(None), True, []), (raising(None), False, []), (None, False, [])],
)
def test_client_that_leaves_is_noted_where_its_view_goes_with_it(rf, gated, view, is_let_on, noted):  # T36
    """An async view is cancelled; a sync view that runs already goes on to its end in its thread."""

    async def left(request):
        raise CancelledError

    gated()
    gated.get()
    request = rf.get("/gated/")
    request.resolver_match = ResolverMatch(view, (), {}) if view else None
    if is_let_on:
        let_on(request, Decision(outcome=Outcome.ALLOWED, action_code=ACTION, key=gated.row.idempotency_key))
    with pytest.raises(CancelledError):
        async_to_sync(StepUpMiddleware(left))(request)
    assert list(gated.row.events.values_list("kind", flat=True)) == noted
