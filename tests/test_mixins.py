"""Class-based views, of both kinds."""

from __future__ import annotations

import pytest
from asgiref.sync import iscoroutinefunction
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.views.generic import FormView, View

from django_authsignal.mixins import StepUpRequiredMixin
from django_authsignal.policy import StepUpPolicy

from .gated import ACTION, outcome
from .gated import gated as gated


class Page(StepUpRequiredMixin, View):
    step_up = StepUpPolicy(ACTION, methods=["POST"])
    greeting = "hello"

    def get(self, request, **kwargs):
        return HttpResponse(self.greeting)

    def post(self, request, **kwargs):
        return HttpResponse(f"did {kwargs}")


class AsyncPage(StepUpRequiredMixin, View):
    step_up = StepUpPolicy(ACTION, methods=["POST"])

    async def get(self, request, **kwargs):
        return HttpResponse("hello")

    async def post(self, request, **kwargs):
        return HttpResponse(f"did {kwargs}")


@pytest.mark.parametrize("view_class", [Page, AsyncPage])
def test_policy_stands_before_the_view(gated, authsignal, view_class):
    authsignal.block(ACTION)
    gated.serve(view_class.as_view())
    assert gated.get().content == b"hello"
    assert gated.post().status_code == 403
    authsignal.allow(ACTION)
    assert gated.client.post("/gated/x/").content == b"did {'name': 'x'}"


@pytest.mark.parametrize("view_class", [Page, AsyncPage])
def test_view_function_is_still_one_of_its_class(view_class):
    function = view_class.as_view()
    assert iscoroutinefunction(function) is (view_class is AsyncPage)
    assert function.view_class is view_class
    assert function.step_up_policy == view_class.step_up


def test_initial_arguments_reach_the_view(gated):
    gated.serve(Page.as_view(greeting="hi"))
    assert gated.get().content == b"hi"
    with pytest.raises(TypeError, match="nonsense"):
        Page.as_view(nonsense=1)


def test_gate_stands_before_dispatch_and_sends_strangers_to_sign_in(client, gated, authsignal):  # T34
    class Members(StepUpRequiredMixin, LoginRequiredMixin, View):
        step_up = StepUpPolicy(ACTION)

        def get(self, request):
            return HttpResponse("members")

    gated.serve(Members.as_view())
    assert client.get("/gated/").headers["Location"] == "/sign-in/?next=/gated/"
    assert authsignal.requests == []
    assert gated.get().content == b"members"


def test_subclass_may_bring_its_own_policy(gated, authsignal):
    class Other(Page):
        step_up = StepUpPolicy("other", methods=["POST"])

    authsignal.block("other")
    gated.serve(Other.as_view())
    assert (outcome(gated.post()), authsignal.requests[0].segments[3]) == ("blocked", "other")


@pytest.mark.parametrize("policy", [{}, {"step_up": ACTION}, {"step_up": {"action": ACTION}}])
def test_class_without_a_policy_is_refused(policy):
    page = type("Page", (StepUpRequiredMixin, FormView), policy)
    with pytest.raises(ImproperlyConfigured, match=r"Page needs step_up = StepUpPolicy\('actionCode'\)"):
        page.as_view()


def test_class_that_names_a_view_before_the_mixin_is_refused():
    """Python would take that view's ``as_view()``, and nothing would stand before it."""
    with pytest.raises(ImproperlyConfigured, match="Page must name StepUpRequiredMixin before its view classes"):
        type("Page", (FormView, StepUpRequiredMixin), {"step_up": StepUpPolicy(ACTION)})
    with pytest.raises(ImproperlyConfigured, match="Other must name"):
        type("Other", (FormView, Page), {})
