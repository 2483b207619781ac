"""The bank as gunicorn's master loads it before it forks, its client's connection in use already."""

from django_authsignal.connection import get_client
from tests.rig.wsgi import application as application

get_client().get_user("somebody")
