"""A view set in a protected area: its own policy asks, or the area's does; never neither, and never both."""

from __future__ import annotations

import pytest
from rest_framework.generics import CreateAPIView
from rest_framework.renderers import AdminRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.serializers import IntegerField, Serializer
from rest_framework.viewsets import ViewSet

from django_authsignal.contrib.rest_framework import StepUpAPIMixin
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import assert_step_up_required, assert_tracked

from .api import ACTION, Api, Caller, Gated, codes
from .api import caller as caller
from .api import done as done
from .api import serve as serve
from .api import visitor as visitor

OWN = StepUpPolicy(ACTION)
SMALL, LARGE = {"amount": 1}, {"amount": 2}


def is_large(request):
    return request.data["amount"] > 1


class ByMethod(Gated):
    """Wants nothing of small payments."""

    def get_step_up_policy(self):
        return self.step_up if is_large(self.request) else None


class ByMethodAlone(ByMethod):
    """Names nothing in advance."""

    step_up = None

    def get_step_up_policy(self):
        return OWN if is_large(self.request) else None


class ByWhen(Gated):
    step_up = StepUpPolicy(ACTION, when=is_large)


class Watching(Gated):
    def get_step_up_policy(self):
        return OWN if is_large(self.request) else StepUpPolicy("watched", mode="report_only")


@pytest.fixture(autouse=True)
def _area(authsignal, settings):
    authsignal.challenge("area")
    settings.AUTHSIGNAL_PROTECT = {"tests.contrib.*": {"action": "area"}}


@pytest.mark.parametrize("view", [ByMethod, ByMethodAlone, ByWhen, Watching])
def test_where_its_own_lets_a_request_pass_the_area_counts(caller, serve, done, view):  # T37
    serve(view)
    stopped = caller.send(SMALL)
    assert_step_up_required(stopped, "area")
    assert done == []
    headers = caller.verified(stopped)
    assert [caller.send(SMALL, headers=headers).status_code for _ in range(2)] == [200, 409]
    assert done == [SMALL]


@pytest.mark.parametrize("view", [Gated, ByMethod, ByMethodAlone, ByWhen, Watching])
def test_where_its_own_asks_the_area_does_not(caller, serve, done, view):
    serve(view)
    stopped = caller.send(LARGE)
    assert_step_up_required(stopped, ACTION)
    assert caller.send(LARGE, headers=caller.verified(stopped)).status_code == 200
    assert (done, codes()) == ([LARGE], ["spent"])
    assert_tracked("area", times=0)


def test_area_that_does_not_mean_a_request_lets_it_pass(visitor, serve, done, settings):
    settings.AUTHSIGNAL_PROTECT = {"tests.contrib.*": {"action": "area", "when": lambda request: False}}
    serve(ByMethod)
    assert "no-store" in visitor.send(SMALL)["Cache-Control"]  # T31
    assert_step_up_required(visitor.send(LARGE), ACTION)
    assert done == [SMALL]


@pytest.mark.parametrize("view", [ByMethod, ByWhen])
def test_answer_to_a_request_of_no_policy_is_not_kept_for_one_that_has(visitor, serve, settings, view):  # T31
    settings.AUTHSIGNAL_PROTECT = {}
    serve(view)
    assert {"private", "no-store"} <= set(visitor.send(SMALL)["Cache-Control"].split(", "))


def test_answer_of_an_action_that_never_has_a_policy_is_the_views_own(visitor, serve, settings, done):
    settings.AUTHSIGNAL_PROTECT = {}

    class Things(StepUpAPIMixin, ViewSet):
        step_up_actions = {"create": OWN}
        authentication_classes = Api.authentication_classes

        def create(self, request):
            return Response()

        def list(self, request):
            return Response()

    serve(Things.as_view({"get": "list", "post": "create"}))
    assert "Cache-Control" not in visitor.send(method="get")


class Open(StepUpAPIMixin, ViewSet):
    """Open to everybody, but for what its own policy or an area says."""

    step_up = OWN
    authentication_classes, permission_classes = Api.authentication_classes, []

    def create(self, request):
        Api.done.append(request.data)
        return Response()


def test_action_that_a_route_leaves_open_is_the_areas(caller, serve, done):
    """Whoever sends it: the middleware knows nobody by a token."""
    serve(Open.as_view({"post": "create"}, step_up_actions={"create": None}))
    assert_step_up_required(caller.send(), "area")
    assert done == []


def test_stranger_sees_what_is_for_everybody(db, serve, done, authsignal):
    serve(Open.as_view({"post": "create"}, step_up_actions={"create": None}))
    assert Caller("nobody", None).send().status_code == 200
    assert (len(done), authsignal.requests) == (1, [])


class Amount(Serializer):
    amount = IntegerField()


def test_renderer_that_calls_a_handler_does_not_get_round_the_area(visitor, serve, authsignal, done):  # T37
    """AdminRenderer calls get() by itself to surround the errors that came before any handler."""

    class View(StepUpAPIMixin, CreateAPIView):
        authentication_classes, permission_classes = Api.authentication_classes, Api.permission_classes
        renderer_classes = [JSONRenderer, AdminRenderer]
        serializer_class = Amount
        step_up = OWN

        def get_step_up_policy(self):
            return None

        def initial(self, request, *args, **kwargs):
            super().initial(request, *args, **kwargs)
            Amount(data=request.data).is_valid(raise_exception=True)

        def get(self, request):
            done.append("secret")
            return Response({"secret": "balance"})

    serve(View)
    answer = visitor.send({"amount": "much"}, headers={"Accept": "text/html"}, format="multipart")
    assert (answer.status_code, b"balance" in answer.content, done) == (400, False, [])
