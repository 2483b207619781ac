"""Whatever kind of request performs an action, at whatever door: it runs once, on what was sent."""

from __future__ import annotations

import pytest

from django_authsignal.testing import assert_step_up_required
from tests.journeys.steps import statuses

from .steps import SHAPES, passed, resume, send

DOORS = {
    "decorator": "/decorated/",
    "mixin": "/mixed/",
    "PROTECT": "/area/one/",
    "sign-in": "/plain/",
    "require_step_up": "/service/",
}
ASYNC_DOORS = {
    "decorator": "/decorated/async/",
    "mixin": "/mixed/async/",
    "PROTECT": "/area/async/",
    "sign-in": "/plain/async/",
    "require_step_up": "/service/async/",
}


@pytest.fixture(params=DOORS)
def door(request, settings, authsignal):
    authsignal.challenge("act")
    if request.param == "PROTECT":
        settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "act"}}
    elif request.param == "sign-in":
        settings.AUTHSIGNAL_SIGN_IN_ACTION = "act"
    return request.param


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_request_of_any_shape_runs_once_on_what_was_sent(client, done, door, shape):
    stopped = send(client, DOORS[door], shape)
    assert_step_up_required(stopped, "act")
    assert (stopped.status_code, done) == (302 if shape.method == "GET" else 403, [])
    passed(client, stopped)
    assert resume(client, DOORS[door], shape, stopped).content == b"done"
    assert (done, statuses()) == ([shape.seen], ["spent"])


@pytest.mark.parametrize("shape", [SHAPES[name] for name in ("get", "file", "put")], ids=["get", "file", "put"])
@pytest.mark.parametrize("door", ["decorator", "mixin", "PROTECT", "require_step_up"], indirect=True)
def test_request_of_any_shape_is_not_run_again(client, done, door, shape):
    stopped = send(client, DOORS[door], shape)
    passed(client, stopped)
    resume(client, DOORS[door], shape, stopped)
    assert resume(client, DOORS[door], shape, stopped).status_code == (302 if shape.method == "GET" else 409)
    assert_step_up_required(send(client, DOORS[door], shape))
    assert (len(done), statuses()) == (1, ["spent", "pending"])


@pytest.mark.parametrize("shape", [SHAPES["file"]], ids=["file"])
def test_async_view_runs_once_on_what_was_sent(any_client, done, door, shape):
    stopped = send(any_client, ASYNC_DOORS[door], shape)
    assert_step_up_required(stopped, "act")
    assert done == []
    passed(any_client, stopped)
    assert resume(any_client, ASYNC_DOORS[door], shape, stopped).content == b"done"
    assert (done, statuses()) == ([shape.seen], ["spent"])


@pytest.mark.parametrize("shape", ["get", "query", "json", "put", "delete"])
def test_async_view_under_asgi_takes_every_shape(aclient, done, authsignal, shape):
    authsignal.challenge("act")
    stopped = send(aclient, "/decorated/async/", SHAPES[shape])
    passed(aclient, stopped)
    assert resume(aclient, "/decorated/async/", SHAPES[shape], stopped).content == b"done"
    assert done == [SHAPES[shape].seen]


def test_sync_view_under_asgi_runs_once_on_what_was_sent(aclient, done, door):
    stopped = send(aclient, DOORS[door], SHAPES["file"])
    passed(aclient, stopped)
    assert resume(aclient, DOORS[door], SHAPES["file"], stopped).content == b"done"
    assert done == [SHAPES["file"].seen]


@pytest.mark.parametrize("door", ["decorator", "mixin", "PROTECT", "require_step_up"], indirect=True)
@pytest.mark.parametrize(("shape", "other"), [("post", "query"), ("json", "put"), ("file", "post"), ("get", "delete")])
def test_approval_of_one_shape_serves_no_other(client, done, door, shape, other):  # T4
    stopped = send(client, DOORS[door], SHAPES[shape])
    passed(client, stopped)
    assert_step_up_required(send(client, DOORS[door], SHAPES[other], stopped.step_up.key))
    assert done == []


@pytest.mark.parametrize("door", ["decorator", "mixin", "PROTECT", "require_step_up"], indirect=True)
def test_file_that_was_swapped_is_not_the_file_that_was_approved(client, done, door):  # T4
    stopped = send(client, DOORS[door], SHAPES["file"])
    passed(client, stopped)
    swapped = type(SHAPES["file"])("POST", form=SHAPES["file"].form, file=b"another")
    assert_step_up_required(send(client, DOORS[door], swapped, stopped.step_up.key))
    assert done == []
