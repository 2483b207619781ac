"""The bank for other users: ``DEPLOYMENT_USER_MODEL`` says which."""

import os

from tests.settings import *  # noqa: F403

AUTH_USER_MODEL = os.environ.get("DEPLOYMENT_USER_MODEL", "people.MailPerson")
# The bank's own admin is one of Django's users.
INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig" if app == "django.contrib.admin" else app
    for app in INSTALLED_APPS  # noqa: F405
] + ["tests.deployments.project.people"]
ROOT_URLCONF = "tests.deployments.project.urls"
