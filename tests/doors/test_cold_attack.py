"""What a reviewer with a fresh eye once got through: a request that only looks like the approved one, and gaps
between a view's own policy and its area's."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, re_path, register_converter
from rest_framework.decorators import action
from rest_framework.generics import CreateAPIView
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSet

from django_authsignal.contrib.rest_framework import StepUpAPIMixin
from django_authsignal.decorators import step_up_required
from django_authsignal.policy import StepUpPolicy
from django_authsignal.testing import complete_step_up
from example_project.urls import urlpatterns as bank

MULTIPART = "multipart/form-data; boundary=x"
FORM = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'


class Account:
    """Two of them have the same name."""

    def __init__(self, number):
        self.number = number

    def __str__(self):
        return "Savings"


class AccountConverter:
    regex = r"\d+"

    def to_python(self, value):
        return Account(int(value))

    def to_url(self, value):
        return str(value.number)


register_converter(AccountConverter, "account")


def reads_bodies(get_response):
    """A middleware such as a logger of requests."""

    def middleware(request):
        request.body  # noqa: B018
        return get_response(request)

    return middleware


@pytest.fixture
def ran():
    return []


@pytest.fixture
def client(alice, authsignal):
    for code in ("pay", "area"):
        authsignal.challenge(code)
    client = Client(headers={"Accept": "application/json"})
    client.force_login(alice)
    return client


@pytest.fixture
def serve(settings, ran):
    def view(request, **kwargs):
        ran.append(request.path)
        return HttpResponse("done")

    def serve(make, **policy):
        settings.ROOT_URLCONF = (*make(step_up_required("pay", **policy)(view)), *bank)

    return serve


def approve(client, *request, **options):
    """The key of the approval of this request."""
    response = client.generic(*request, **options)
    assert response.status_code == 403, response.content
    complete_step_up(client, response)
    return {"Authsignal-Step-Up": str(response.step_up.key)}


@pytest.mark.parametrize("reader", [True, False])
@pytest.mark.parametrize(
    ("first", "second"),
    [(b"---\namount: 5\n", b"---\namount: 9\n"), (FORM + b"good", FORM + b"evil"), (FORM, FORM + b"x")],
)
def test_raw_body_behind_a_multipart_label_is_bound(client, serve, ran, settings, reader, first, second):  # T4
    if reader:
        settings.MIDDLEWARE = [f"{__name__}.reads_bodies", *settings.MIDDLEWARE]
    serve(lambda view: [path("gated/", view)])
    method = "POST" if reader else "PUT"
    key = approve(client, method, "/gated/", first, content_type=MULTIPART)
    assert client.generic(method, "/gated/", second, content_type=MULTIPART, headers=key).status_code == 403
    assert ran == []


@pytest.mark.parametrize(
    ("pattern", "first", "second"),
    [(re_path, "/proxy/a/", "/proxy/b/"), (path, "/close/1/", "/close/2/")],
)
def test_another_url_of_the_same_route_is_another_request(client, serve, ran, pattern, first, second):  # T3
    route = r"^proxy/" if pattern is re_path else "close/<account:account>/"
    serve(lambda view: [pattern(route, view)])
    key = approve(client, "POST", first, b"{}", content_type="application/json")
    assert client.post(second, {}, content_type="application/json", headers=key).status_code == 403
    assert client.post(first, {}, content_type="application/json", headers=key).status_code == 200
    assert ran == [first]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"Host": "a.bank.example"}, {"Host": "b.bank.example"}),
        ({"Content-Disposition": "attachment; filename=a.png"}, {"Content-Disposition": "attachment; filename=a.html"}),
    ],
)
def test_another_host_or_file_name_is_another_request(client, serve, ran, settings, first, second):  # T4
    settings.ALLOWED_HOSTS = ["*"]
    serve(lambda view: [path("gated/", view)])
    key = approve(client, "POST", "/gated/", b"image", content_type="image/png", headers=first)
    headers = second | key
    assert client.generic("POST", "/gated/", b"image", content_type="image/png", headers=headers).status_code == 403
    assert ran == []


@pytest.mark.parametrize("policy", [{"methods": ["POST"]}, {"mode": "report_only"}, {"when": lambda request: False}])
def test_own_policy_that_lets_a_request_pass_leaves_it_to_the_area(client, serve, ran, settings, policy):  # T37
    settings.AUTHSIGNAL_PROTECT = {"area:*": {"action": "area", "max_age": 60}}
    serve(lambda view: [path("area/", include(([path("", view, name="page")], "area")))], **policy)
    assert client.get("/area/").json()["action"] == "area"
    assert Client().get("/area/").status_code == 302
    assert ran == []


def test_method_of_an_admin_site_is_not_taken_for_its_login_page(client, settings, ran):  # T37
    class Site(admin.AdminSite):
        def get_urls(self):
            return [path("stats/", self.stats, name="stats"), *super().get_urls()]

        def stats(self, request):
            ran.append(request.path)
            return HttpResponse("secret")

    settings.ROOT_URLCONF = (path("other/", Site("admin").urls), *bank)
    settings.AUTHSIGNAL_PROTECT = {"admin:*": {"action": "area", "max_age": 60}}
    assert (client.get("/other/stats/").status_code, Client().get("/other/stats/").status_code) == (403, 302)
    assert ran == []


class Views(StepUpAPIMixin, ViewSet):
    step_up_actions = {"destroy": StepUpPolicy("pay")}

    def retrieve(self, request, pk):
        return Response("retrieved")

    def destroy(self, request, pk):
        return Response("destroyed")


def test_action_without_a_policy_is_left_to_the_area(client, settings):  # T37
    router = SimpleRouter()
    router.register("things", Views, basename="things")
    settings.ROOT_URLCONF = (path("api/", include((router.urls, "api"))), *bank)
    settings.AUTHSIGNAL_PROTECT = {"api:*": {"action": "area"}}
    assert client.get("/api/things/1/").json()["action"] == "area"
    assert client.delete("/api/things/1/").json()["action"] == "pay"


def generic_view():
    class View(StepUpAPIMixin, CreateAPIView):
        step_up_actions = {"create": StepUpPolicy("pay")}

    return View.as_view()


def helper_method():
    class View(Views):
        step_up_actions = {"perform_create": StepUpPolicy("pay")}

        def perform_create(self):
            """No action."""

    return View.as_view({"get": "retrieve"})


def half_of_an_action():
    class View(Views):
        step_up_actions = {"pay": StepUpPolicy("pay")}

        @action(detail=False, methods=["post"])
        def pay(self, request):
            """One method of two."""

        @pay.mapping.put
        def pay_put(self, request):
            """The other."""

    return View.as_view({"get": "retrieve"})


@pytest.mark.parametrize("make", [generic_view, helper_method, half_of_an_action])
def test_policies_that_protect_nothing_or_less_than_it_seems_stop_the_start(make):  # T13
    with pytest.raises(ImproperlyConfigured, match="step_up_actions"):
        make()
