"""A project of its own: it knows django-authsignal as any reader of its documentation does."""

import os

SECRET_KEY = "a club's key, never one to deploy with"
DEBUG = False
ALLOWED_HOSTS = ["club.example"]
ROOT_URLCONF = "club.urls"
USE_TZ = True
LOGIN_URL = "login"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "treasury.apps.TreasuryConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

INSTALLED_APPS += ["django_authsignal"]
MIDDLEWARE += ["django_authsignal.middleware.StepUpMiddleware"]
AUTHSIGNAL_SECRET = os.environ.get("AUTHSIGNAL_SECRET", "")
AUTHSIGNAL_SITE_URL = "https://club.example"
