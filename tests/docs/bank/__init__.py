"""The application that the examples of the documentation belong to: theirs are the names here, and these modules."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.views import View
from django.views.generic import FormView

from django_authsignal.decorators import step_up_required

from .forms import TransferForm
from .services import pay

__all__ = [
    "FormView",
    "HttpResponse",
    "JsonResponse",
    "LoginRequiredMixin",
    "TransferForm",
    "View",
    "include",
    "login_required",
    "path",
    "pay",
    "redirect",
    "render",
    "step_up_required",
]
