"""Rendering of what ``require_step_up`` raises. Place it after ``AuthenticationMiddleware``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from django_authsignal import http
from django_authsignal.exceptions import StepUpRequired

__all__ = ["StepUpMiddleware"]

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class StepUpMiddleware:
    """Answer ``StepUpRequired`` as the decorator answers: redirect, holding page or problem+json."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass the request on; everything happens in ``process_exception``."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a refusal; leave every other exception alone."""
        return http.answer(request, exception.decision) if isinstance(exception, StepUpRequired) else None
