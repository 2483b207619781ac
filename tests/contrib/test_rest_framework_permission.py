"""The gate as a permission of REST framework, for views that cannot take the mixin."""

from __future__ import annotations

import pytest
from django.db import transaction
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.renderers import AdminRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.schemas.generators import BaseSchemaGenerator
from rest_framework.test import APIRequestFactory

from django_authsignal import checks
from django_authsignal.contrib.rest_framework import step_up_permission
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import assert_step_up_required, assert_tracked

from .api import ACTION, KINDS, PATH, PAYMENT, Api, Caller, Gated, codes
from .api import done as done
from .api import serve as serve
from .test_rest_framework_views import HTML, PaymentSerializer
from .test_rest_framework_views import atomic_requests as atomic_requests

ASKS = step_up_permission(ACTION)
ASKS_POST = step_up_permission(StepUpPolicy(ACTION), methods=["POST"])


class Guarded(Api):
    permission_classes = [IsAuthenticated, ASKS]


class Browsable(Api, GenericAPIView):
    permission_classes = [IsAuthenticated, ASKS_POST]
    serializer_class = PaymentSerializer


@api_view(["GET", "POST"])
@authentication_classes(Api.authentication_classes)
@permission_classes([IsAuthenticated, ASKS])
def function(request):
    Api.done.append(request.data)
    return Response({"done": len(Api.done)})


@pytest.fixture(params=KINDS)
def caller(request, alice, serve, done):
    serve(Guarded)
    return Caller(request.param, alice)


@pytest.fixture
def visitor(alice, serve, done):
    serve(Guarded)
    return Caller("session", alice)


@pytest.mark.parametrize("view", [Guarded, function])
@pytest.mark.parametrize("method", ["get", "post"])
def test_operation_runs_once_after_the_challenge(caller, serve, done, view, method):
    serve(view)
    refused = caller.send(method=method)
    assert_step_up_required(refused, ACTION)
    assert (refused.status_code, refused["Content-Type"], done) == (403, "application/problem+json", [])
    headers = caller.verified(refused)
    answer = caller.send(method=method, headers=headers)
    assert (answer.json(), answer["Content-Type"]) == ({"done": 1}, "application/json")
    assert caller.send(method=method, headers=headers).json()["code"] == "step_up_already_used"
    assert (codes(), len(done)) == (["spent"], 1)


def test_answers_have_the_headers_of_the_gate(caller, authsignal):  # T31
    refused = caller.send()
    assert refused["Cache-Control"] == "private, no-store"
    assert {"Accept", "Cookie"} <= set(refused["Vary"].split(", "))
    assert refused["Allow"] == "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
    assert ("WWW-Authenticate" in refused) == (caller.kind != "session")
    authsignal.down()
    assert caller.send({"another": 1})["Retry-After"] == "10"
    authsignal.up()
    authsignal.allow(ACTION)
    allowed = caller.send({"one": "more"})
    assert (allowed["Cache-Control"], {"Accept", "Cookie"} <= set(allowed["Vary"].split(", "))) == (
        "private, no-store",
        True,
    )


@pytest.mark.parametrize("permissions", [[ASKS], [IsAuthenticated, ASKS], [ASKS, IsAuthenticated]])
def test_strangers_get_the_answer_of_rest_framework(serve, authsignal, done, permissions):  # T34 A26
    serve(type("View", (Guarded,), {"permission_classes": permissions}))
    answer = Caller("nobody", None).send()
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token")
    assert (authsignal.requests, done) == ([], [])


@pytest.mark.parametrize(
    "permission", [IsAdminUser & ASKS, ~ASKS, ASKS & ~IsAuthenticated], ids=["first denies", "not", "second denies"]
)
def test_composed_permissions_deny_what_they_deny(caller, serve, authsignal, done, permission):
    authsignal.allow(ACTION)
    serve(type("View", (Guarded,), {"permission_classes": [permission]}))
    assert caller.send().status_code == 403
    assert done == []


@pytest.mark.parametrize("permission", [IsAuthenticated & ASKS, IsAdminUser | ASKS, ASKS | IsAdminUser])
def test_composed_permissions_ask(caller, serve, done, permission):
    serve(type("View", (Guarded,), {"permission_classes": [permission]}))
    refused = caller.send()
    assert_step_up_required(refused, ACTION)
    assert caller.send(headers=caller.verified(refused)).status_code == 200
    assert len(done) == 1


@pytest.mark.parametrize("method", ["head", "options"])
def test_safe_methods_are_answered_and_never_run(caller, authsignal, done, method):  # A26
    assert caller.client.generic(method.upper(), PATH).status_code == 200
    assert (authsignal.requests, done) == ([], [])


def test_method_that_the_policy_does_not_name_is_not_allowed(caller, serve, done):
    serve(type("View", (Guarded,), {"permission_classes": [ASKS_POST]}))
    assert caller.send(method="get").status_code == 200
    assert caller.send(method="delete").status_code == 405
    assert len(done) == 1


def test_page_of_the_browsable_api_asks_once_and_shows_the_refusal(visitor, serve, authsignal, done):
    serve(Browsable)
    assert visitor.send(method="get", headers=HTML).status_code == 200
    assert authsignal.requests == []
    refused = visitor.send(PAYMENT, headers=HTML, format="multipart")
    assert (refused.status_code, refused["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert b"step_up_required" in refused.content
    assert_tracked(ACTION, times=1)
    authsignal.allow(ACTION)
    passed = visitor.send(PAYMENT | {"amount": 6}, headers=HTML, format="multipart")
    assert (passed.status_code, len(done)) == (200, 2)
    assert_tracked(ACTION, times=2)


def test_renderer_that_calls_a_handler_does_not_get_round_the_gate(visitor, serve, authsignal, done):  # T37
    """AdminRenderer calls get() by itself to surround the errors of a form."""

    class Administered(Browsable):
        permission_classes = [IsAuthenticated, step_up_permission(ACTION, methods=["GET", "POST"])]
        renderer_classes = [JSONRenderer, AdminRenderer]

        def post(self, request):
            PaymentSerializer(data=request.data).is_valid(raise_exception=True)

    authsignal.allow(ACTION)
    serve(Administered)
    assert visitor.send({"amount": "much"}, headers=HTML, format="multipart").status_code == 400
    assert done == []
    assert_tracked(ACTION, times=1)


def test_schema_generator_asks_nobody(alice, serve, authsignal, settings):
    class Described(Guarded):
        schema = AutoSchema()

    request = APIRequestFactory().get(PATH)
    request.user = alice
    view = BaseSchemaGenerator().create_view(Described.as_view(), "GET", Described().initialize_request(request))
    assert not BaseSchemaGenerator().has_view_permissions(PATH, "GET", view)
    assert authsignal.requests == []


def test_report_only_stops_nobody(caller, settings, done):
    settings.AUTHSIGNAL_MODE = "report_only"
    assert caller.send().status_code == 200
    assert_tracked(ACTION, times=1)


def test_view_that_swallows_every_exception_executes_nothing(caller, serve, done):  # T37
    class Swallowing(Guarded):
        def handle_exception(self, exc):
            return Response("all is well")

    serve(Swallowing)
    assert caller.send().json() == "all is well"
    assert done == []


@pytest.mark.parametrize("wrap", [lambda view: view, transaction.non_atomic_requests], ids=["bare", "non-atomic"])
@pytest.mark.django_db(transaction=True)
def test_bare_permission_fails_closed_under_atomic_requests(caller, serve, atomic_requests, done, wrap):  # T8
    serve(wrap(Guarded.as_view()))
    answer = caller.send()
    non_atomic = wrap is transaction.non_atomic_requests
    assert answer.status_code == (403 if non_atomic else 500)
    assert [error.id for error in checks.check_contrib()] == ([] if non_atomic else ["authsignal.E017"])
    if not non_atomic:
        caller.client.raise_request_exception = True
        with pytest.raises(RuntimeError, match="non_atomic_requests"):
            caller.send()
    assert done == []


class TestCheck:
    @pytest.mark.parametrize(
        "permission", [ASKS, IsAuthenticated & ASKS, ~ASKS, IsAdminUser | (IsAuthenticated & ASKS)]
    )
    def test_error_wherever_the_permission_is_within(self, serve, atomic_requests, permission):
        serve(type("View", (Guarded,), {"permission_classes": [permission]}))
        (error,) = checks.check_contrib()
        assert (error.id, "'api/'" in error.msg, "StepUpAPIMixin" in error.hint) == ("authsignal.E017", True, True)

    def test_error_for_a_permission_beside_the_mixin(self, serve, atomic_requests):
        serve(type("View", (Gated,), {"permission_classes": [ASKS]}))
        assert [error.id for error in checks.check_contrib()] == ["authsignal.E017"]

    def test_error_for_a_permission_given_to_as_view(self, serve, atomic_requests):
        serve(Api.as_view(permission_classes=[ASKS]))
        assert [error.id for error in checks.check_contrib()] == ["authsignal.E017"]

    @pytest.mark.parametrize("permission", [IsAuthenticated, IsAuthenticated & IsAdminUser, BasePermission])
    def test_nothing_about_other_permissions(self, serve, atomic_requests, permission):
        serve(type("View", (Guarded,), {"permission_classes": [permission]}))
        assert checks.check_contrib() == []

    @pytest.mark.parametrize("view", [Gated, Guarded])
    def test_warning_for_sessions_without_a_csrf_check(self, serve, db, view):  # T28
        class Forgeable(SessionAuthentication):
            def enforce_csrf(self, request):
                pass

        serve(type("View", (view,), {"authentication_classes": [TokenAuthentication, Forgeable]}))
        assert [warning.id for warning in checks.check_contrib()] == ["authsignal.W017"]
        serve(type("Open", (Api,), {"authentication_classes": [Forgeable]}))
        assert checks.check_contrib() == []

    def test_nothing_without_atomic_requests(self, serve, db):
        serve(Guarded)
        assert checks.check_contrib() == []
