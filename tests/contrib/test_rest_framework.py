"""REST framework's views behind the gate, for callers with a session, a token and a JWT."""

from __future__ import annotations

import uuid
from contextlib import suppress

import pytest
from rest_framework.permissions import AllowAny, IsAdminUser
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle

from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import assert_step_up_required, assert_tracked

from .api import ACTION, PATH, PAYMENT, Caller, Gated, codes
from .api import caller as caller
from .api import done as done
from .api import program as program
from .api import serve as serve
from .api import visitor as visitor

KEY, TOKEN = "Authsignal-Step-Up", "Authsignal-Token"


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_operation_runs_once_after_the_challenge(caller, done, method):
    refused = caller.send(method=method)
    assert (refused.status_code, refused["Content-Type"], done) == (403, "application/problem+json", [])
    assert_step_up_required(refused, ACTION)

    headers = caller.verified(refused)
    answer = caller.send(method=method, headers=headers)
    assert (answer.status_code, answer.json(), len(done)) == (200, {"done": 1}, 1)
    assert "no-store" in answer["Cache-Control"]

    assert caller.send(method=method, headers=headers).json()["code"] == "step_up_already_used"
    assert len(done) == 1


def test_allowed_operation_runs_at_once(caller, authsignal, done):
    authsignal.allow(ACTION)
    assert caller.send().status_code == 200
    assert done == [PAYMENT]
    assert_tracked(ACTION, times=1)


def test_refusals_are_never_stored_and_keep_the_headers_of_rest_framework(caller):  # T31
    refused = caller.send()
    assert refused["Allow"] == "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
    assert {"Accept", "Cookie"} <= set(refused["Vary"].split(", "))
    assert refused["Cache-Control"] == "private, no-store"


def test_blocked_caller_does_nothing(caller, authsignal, done):
    authsignal.block(ACTION)
    refused = caller.send()
    assert (refused.status_code, refused.json()["code"], done) == (403, "step_up_blocked", [])
    assert "WWW-Authenticate" not in refused


def test_program_is_told_its_key_each_time_and_its_secret_once(program, authsignal, done):
    first = program.send()
    key, resume = first.json()["key"], first.json()["resume"]
    assert len(resume) == 43
    assert first["WWW-Authenticate"] == 'Bearer error="insufficient_user_authentication"'  # RFC 9470

    again = program.send(headers={KEY: f"{key}.{resume}"})  # before the user has passed the challenge
    assert_step_up_required(again, ACTION)
    assert (again.json()["key"], "resume" in again.json()) == (key, False)
    assert (codes(), done) == (["pending"], [])


def test_page_is_bound_to_its_session_and_gets_no_secret(visitor):
    refused = visitor.send()
    assert "resume" not in refused.json()
    assert "WWW-Authenticate" not in refused


@pytest.mark.parametrize(
    "tampered",
    [
        lambda key, resume, token: {KEY: f"{key}.{resume[::-1]}", TOKEN: token},
        lambda key, resume, token: {KEY: f"{key}.{'A' * 43}", TOKEN: token},
        lambda key, resume, token: {KEY: f"{key}.", TOKEN: token},
        lambda key, resume, token: {KEY: key, TOKEN: token},
        lambda key, resume, token: {KEY: f"{key}.{resume}", TOKEN: "no token"},
        lambda key, resume, token: {KEY: f"{key}.{resume}", TOKEN: token[:-1]},
        lambda key, resume, token: {KEY: f"{key}.{resume}", TOKEN: "x" * 5000},
        lambda key, resume, token: {KEY: f"{key}.{resume}"},
        lambda key, resume, token: {TOKEN: token},
        lambda key, resume, token: {},
    ],
)
def test_wrong_secret_or_token_does_nothing(program, done, tampered):
    headers = program.verified(program.send())
    key, _, resume = headers[KEY].partition(".")
    assert_step_up_required(program.send(headers=tampered(key, resume, headers[TOKEN])), ACTION)
    assert done == []


def test_key_is_only_a_name(program, done):
    """The secret and the request find the row; a foreign key beside them changes nothing."""
    headers = program.verified(program.send())
    headers[KEY] = f"{uuid.uuid4()}.{headers[KEY].partition('.')[2]}"
    assert (program.send(headers=headers).status_code, len(done)) == (200, 1)


def test_approval_serves_no_other_user(program, bob, done):  # T35
    headers = program.verified(program.send())
    assert_step_up_required(Caller(program.kind, bob).send(headers=headers), ACTION)
    assert done == []


def test_approval_serves_no_other_session(visitor, alice, done):
    headers = visitor.verified(visitor.send())
    assert_step_up_required(Caller("session", alice).send(headers=headers), ACTION)
    assert done == []


def test_session_cannot_use_the_approval_of_a_program(program, alice, done):
    headers = program.verified(program.send())
    assert_step_up_required(Caller("session", alice).send(headers=headers), ACTION)
    assert done == []


@pytest.mark.parametrize(
    "changed",
    [{"data": PAYMENT | {"amount": 5000}}, {"method": "put"}, {"at": f"{PATH}?to=me"}, {"format": "multipart"}],
)
def test_changed_request_does_not_fit(caller, done, changed):  # T4
    headers = caller.verified(caller.send())
    assert_step_up_required(caller.send(headers=headers, **changed), ACTION)
    assert done == []
    assert caller.send(headers=headers).status_code == 200  # what was approved still goes through


@pytest.mark.parametrize(("result", "code"), [("fail", "step_up_blocked"), ("quit", "step_up_required")])
def test_challenge_that_was_not_passed_does_nothing(program, done, result, code):
    headers = program.verified(program.send(), result)
    assert program.send(headers=headers).json()["code"] == code
    assert done == []


def test_program_has_no_window(program, serve, done):
    class Window(Gated):
        step_up = StepUpPolicy(ACTION, max_age=300)

    serve(Window)
    assert program.send(headers=program.verified(program.send())).status_code == 200
    assert_step_up_required(program.send(), ACTION)


def test_page_has_windows(visitor, serve, done):
    class Window(Gated):
        step_up = StepUpPolicy(ACTION, max_age=300)

    serve(Window)
    visitor.verified(visitor.send())
    assert [visitor.send().status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("permission", [AllowAny, Gated.permission_classes[0]])
@pytest.mark.parametrize(
    "credentials", [{}, {"HTTP_AUTHORIZATION": "Token none"}, {"HTTP_AUTHORIZATION": "Bearer x.y.z"}]
)
def test_strangers_get_the_answer_of_rest_framework(
    visitor, serve, authsignal, done, permission, credentials
):  # T34 A26
    class Open(Gated):
        permission_classes = [permission]

    serve(Open)
    visitor.client.logout()
    visitor.client.credentials(**credentials)
    answer = visitor.send()
    assert (answer.status_code, answer["WWW-Authenticate"].split()[0]) == (401, "Token")
    assert (authsignal.requests, codes(), done) == ([], [], [])


def test_inactive_user_is_a_stranger(caller, alice, authsignal, done):  # T22
    alice.is_active = False
    alice.save()
    assert caller.send().status_code in (401, 403)
    assert (authsignal.requests, done) == ([], [])


def test_forged_request_tracks_nothing(visitor, authsignal, done):  # T28
    visitor.client.credentials(HTTP_X_CSRFTOKEN="d" * 32)
    answer = visitor.send()
    assert (answer.status_code, answer.json()["detail"][:11]) == (403, "CSRF Failed")
    assert (authsignal.requests, done) == ([], [])


def test_denied_permission_tracks_nothing(caller, serve, authsignal, done):
    class Admins(Gated):
        permission_classes = [IsAdminUser]

    serve(Admins)
    assert caller.send().status_code == 403
    assert (authsignal.requests, codes(), done) == ([], [], [])


def test_throttled_caller_tracks_nothing(caller, serve, authsignal, done):
    class Never(UserRateThrottle):
        rate = "1/day"

        def allow_request(self, request, view):
            return False

        def wait(self):
            return 7

    class Throttled(Gated):
        throttle_classes = [Never]

    serve(Throttled)
    answer = caller.send()
    assert (answer.status_code, answer["Retry-After"]) == (429, "7")
    assert (authsignal.requests, codes(), done) == ([], [], [])


def test_method_that_the_view_does_not_have_tracks_nothing(caller, serve, authsignal):
    class Reading(Gated):
        http_method_names = ["get", "options"]

    serve(Reading)
    assert caller.send().status_code == 405
    assert authsignal.requests == []


@pytest.mark.parametrize("method", ["head", "options"])
def test_safe_methods_are_answered_and_never_run(caller, authsignal, done, method):  # A26
    answer = caller.client.generic(method.upper(), PATH)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Allow"] == "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
    assert (authsignal.requests, done) == ([], [])


def test_unreachable_service_opens_nothing(caller, authsignal, done):
    authsignal.down()
    answer = caller.send()
    assert (answer.status_code, answer.json()["code"], "Retry-After" in answer) == (503, "step_up_unavailable", True)
    assert done == []


def test_report_only_stops_nobody(caller, settings, done):
    settings.AUTHSIGNAL_MODE = "report_only"
    assert caller.send().status_code == 200
    assert_tracked(ACTION, times=1)


def test_view_that_swallows_every_exception_executes_nothing(caller, serve, done):  # T37
    class Swallowing(Gated):
        def initial(self, request, *args, **kwargs):
            try:
                super().initial(request, *args, **kwargs)
            except Exception:
                done.append("swallowed")

        def post(self, request):
            with suppress(Exception):
                done.append("run")
            return Response()

        def handle_exception(self, exc):
            return Response("all is well")

    serve(Swallowing)
    assert_step_up_required(caller.send(), ACTION)
    assert done == []


def test_view_that_leaves_out_initial_is_gated_all_the_same(caller, serve, authsignal, done):  # T37
    class Careless(Gated):
        def initial(self, request, *args, **kwargs):
            self.format_kwarg = None
            request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)

    serve(Careless)
    assert_step_up_required(caller.send(), ACTION)
    stranger = Caller("nobody", None)
    assert stranger.send().status_code == 401
    assert (len(authsignal.requests), done) == (1, [])


def test_proof_is_at_hand_in_the_handler(caller, serve, done):  # T37
    class Proving(Gated):
        step_up = StepUpPolicy(ACTION, bind=["amount"])

        def post(self, request):
            request.step_up_proof.must_cover(ACTION, amount=request.data["amount"])
            return self.do(request)

    serve(Proving)
    assert caller.send(headers=caller.verified(caller.send())).status_code == 200


def test_users_of_the_test_client_may_be_forced(serve, alice, done):
    serve(Gated)
    forced = Caller("forced", alice)
    forced.client.force_authenticate(alice)
    refused = forced.send()
    assert forced.send(headers=forced.verified(refused)).status_code == 200
