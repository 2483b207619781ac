"""An API of one resource, and the three kinds of callers that REST framework knows."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from django.urls import include, path
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import AccessToken

from django_authsignal.contrib.rest_framework import StepUpAPIMixin
from django_authsignal.models import TrackedAction
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import complete_step_up
from example_project.urls import urlpatterns as bank_urls

PATH = "/api/"
ACTION = "pay"
PAYMENT = {"amount": 5, "payee": "Landlord"}
KINDS = ["session", "token", "jwt"]
CSRF = "c" * 32


class Api(APIView):
    """Does what it is told, and remembers it."""

    authentication_classes = [TokenAuthentication, JWTAuthentication, SessionAuthentication]
    permission_classes = [IsAuthenticated]
    done: list = []

    def do(self, request, **kwargs):
        self.done.append(request.data)
        return Response({"done": len(self.done)})

    get = post = put = patch = delete = do


class Gated(StepUpAPIMixin, Api):
    step_up = StepUpPolicy(ACTION)


class Caller:
    """One user's program, or page, by one kind of credentials."""

    def __init__(self, kind, user):
        self.kind = kind
        self.client = APIClient(enforce_csrf_checks=True, raise_request_exception=False)
        if kind == "session":
            self.client.force_login(user)
            self.client.cookies["csrftoken"] = CSRF
            self.client.credentials(HTTP_X_CSRFTOKEN=CSRF)
        elif kind == "token":
            self.client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.get_or_create(user=user)[0].key}")
        elif kind == "jwt":
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")

    def send(self, data=PAYMENT, method="post", at=PATH, headers=None, **options):
        options = {"format": "json"} | options if method != "get" else options
        call = getattr(self.client, method)
        named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
        return call(at, data if method != "get" else None, **options, **named)

    def verified(self, refused, result="approve"):
        """Go through the hosted page; what the next request has to say of it."""
        back = complete_step_up(self.client, refused, result)
        problem = refused.json()
        if self.kind == "session":
            return {"Authsignal-Step-Up": problem["key"]}
        token = parse_qs(back.request["QUERY_STRING"])["token"][0]
        return {"Authsignal-Step-Up": f"{problem['key']}.{problem['resume']}", "Authsignal-Token": token}


@pytest.fixture
def done():
    Api.done.clear()
    return Api.done


@pytest.fixture
def serve(settings, authsignal):
    """`serve(View)` or `serve(router.urls)` puts it at PATH, where the action asks for a challenge."""
    authsignal.challenge(ACTION)

    def serve(view):
        if isinstance(view, list):
            route = path("api/", include(view))
        else:
            route = path("api/", view.as_view() if isinstance(view, type) else view)
        settings.ROOT_URLCONF = (route, *(url for url in bank_urls))

    return serve


@pytest.fixture(params=KINDS)
def caller(request, alice, serve, done):
    serve(Gated)
    return Caller(request.param, alice)


@pytest.fixture(params=["token", "jwt"])
def program(request, alice, serve, done):
    """A caller without a session."""
    serve(Gated)
    return Caller(request.param, alice)


@pytest.fixture
def visitor(alice, serve, done):
    """A caller with a session."""
    serve(Gated)
    return Caller("session", alice)


def codes():
    return [*TrackedAction.objects.order_by("pk").values_list("status", flat=True)]
