"""The decorator on views of both kinds: it lets pass, stops, and leaves the view as it was."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.test import AsyncClient

from django_authsignal.decorators import step_up_required
from django_authsignal.models import Status
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import assert_tracked, complete_step_up

from .gated import ACTION, outcome
from .gated import gated as gated


def view(request, *args, **kwargs):
    """Says what it got."""
    return HttpResponse(f"{args} {kwargs} {request.POST.dict()}")


async def async_view(request, *args, **kwargs):
    """Says what it got."""
    return HttpResponse(f"{args} {kwargs} {request.POST.dict()}")


VIEWS = pytest.mark.parametrize("view", [view, async_view], ids=["sync", "async"])


# The decorated view


@VIEWS
def test_view_keeps_its_kind_name_and_attributes(view):
    view.marked = True
    gated = step_up_required(ACTION)(view)
    assert iscoroutinefunction(gated) is iscoroutinefunction(view)
    assert (gated.__name__, gated.__doc__, gated.marked) == (view.__name__, view.__doc__, True)
    assert gated.step_up_policy == StepUpPolicy(ACTION)
    del view.marked


@pytest.mark.parametrize("decorate", [step_up_required, step_up_required(), step_up_required(None, methods=["POST"])])
@VIEWS
def test_action_code_is_the_views_name_unless_given(view, decorate):
    assert decorate(view).step_up_policy.action == view.__name__


def test_policy_may_be_given_as_one_value():
    policy = StepUpPolicy(ACTION, max_age=60)
    assert step_up_required(policy)(view).step_up_policy == policy


def test_arguments_beside_a_policy_refine_it():
    refined = step_up_required(StepUpPolicy(ACTION, max_age=60), minimum="challenge")(view).step_up_policy
    assert refined == StepUpPolicy(ACTION, max_age=60, minimum="challenge")


@pytest.mark.parametrize("action", ["", "not a code", 5])
def test_wrong_action_code_stops_the_import(action):  # T13
    with pytest.raises(ImproperlyConfigured):
        step_up_required(action)(view)


def test_wrong_argument_stops_the_import():
    with pytest.raises(ImproperlyConfigured, match="max_age"):
        step_up_required(ACTION, max_age="60")(view)
    with pytest.raises(TypeError, match="max_agee"):
        step_up_required(ACTION, max_agee=60)(view)


# Passing and stopping


@VIEWS
def test_stopped_view_does_not_run_and_an_approved_one_gets_its_request(gated, authsignal, view):
    authsignal.challenge(ACTION)
    gated.serve(step_up_required(ACTION)(view))
    path, data = "/gated/name/", {"amount": "5"}
    stopped = gated.client.post(path, data)
    assert outcome(stopped) == "challenge"
    complete_step_up(gated.client, stopped)
    key = stopped.step_up.key
    passed = gated.client.post(path, data | {"_step_up_key": str(key)})
    assert passed.content.decode() == "() {'name': 'name'} {'amount': '5'}"
    assert gated.row.status == Status.SPENT


@VIEWS
def test_approved_answer_is_private_but_other_answers_are_the_views_own(gated, view):  # T31
    gated.serve(step_up_required(ACTION, methods=["POST"])(view))
    assert "no-store" in gated.post()["Cache-Control"]
    assert "Cache-Control" not in gated.get()


@VIEWS
def test_bare_decorator_protects(gated, authsignal, view):
    authsignal.block(view.__name__)
    gated.serve(step_up_required(view))
    assert gated.get().status_code == 403
    assert_tracked(view.__name__, times=1)


@async_to_sync
async def journey(client, user):
    await client.aforce_login(user)
    stopped = await client.post("/gated/", {"amount": "5"})
    await complete_step_up(client, stopped)
    return stopped, await client.post("/gated/", {"amount": "5"})


@VIEWS
def test_view_under_asgi(gated, authsignal, alice, view):
    authsignal.challenge(ACTION)
    gated.serve(step_up_required(ACTION)(view))
    stopped, passed = journey(AsyncClient(), alice)
    assert (outcome(stopped), passed.status_code) == ("challenge", 200)


def test_streaming_and_template_responses_pass_untouched(gated, settings):
    gated.serve(step_up_required(ACTION, max_age=60)(lambda request: StreamingHttpResponse(["a", "b"])))
    assert gated.get().getvalue() == b"ab"
    gated.serve(
        step_up_required(ACTION, max_age=60)(lambda request: TemplateResponse(request, "authsignal/base.html", {}))
    )
    assert gated.get().status_code == 200


def test_two_gates_of_different_actions_may_stand_before_one_view(gated, authsignal):
    gated.serve(step_up_required("outer")(step_up_required("inner")(view)))
    assert gated.get().status_code == 200
    assert [entry.segments[3] for entry in authsignal.requests] == ["outer", "inner"]
    authsignal.block("inner")
    assert gated.get().status_code == 403


def test_central_setting_is_read_at_each_request(gated, settings, authsignal):
    authsignal.block(ACTION)
    gated()
    settings.AUTHSIGNAL_ACTIONS = {ACTION: {"mode": "report_only"}}
    assert gated.get().status_code == 200
    settings.AUTHSIGNAL_ACTIONS = {}
    assert gated.get().status_code == 403


def test_central_when_is_a_callable_of_the_request(gated, settings, authsignal):
    gated()
    settings.AUTHSIGNAL_ACTIONS = {ACTION: {"when": lambda request: False}}
    assert gated.get().status_code == 200
    assert authsignal.requests == []


# Transactions


@pytest.fixture
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


def in_transaction(request):
    # A savepoint of the test's own transaction counts: one block more than around the request.
    return HttpResponse(str(len(connection.atomic_blocks)))


@pytest.mark.parametrize("opted_out", [True, False])
def test_view_runs_in_its_own_transaction_as_usual(gated, atomic_requests, opted_out):  # T8
    def inner(request):
        return in_transaction(request)

    if opted_out:
        transaction.non_atomic_requests(inner)
    gated.serve(step_up_required(ACTION)(inner))
    around = len(connection.atomic_blocks)
    assert int(gated.get().content) - around == (0 if opted_out else 1)
    gated.serve(step_up_required(ACTION, methods=["POST"])(inner))
    assert int(gated.get().content) - around == (0 if opted_out else 1)


def test_no_transaction_is_opened_where_the_project_wants_none(gated):
    gated.serve(step_up_required(ACTION)(in_transaction))
    assert int(gated.get().content) == len(connection.atomic_blocks)
