"""Ask Authsignal about a withdrawal, from a program that has no Django."""

import os
import sys

from django_authsignal import client

authsignal = client.Client(
    api_key=os.environ["AUTHSIGNAL_SECRET"],
    api_url=os.environ.get("AUTHSIGNAL_API_URL", "https://api.authsignal.com/v1"),
)

try:
    answer = authsignal.track_action("user-1234", "withdrawFunds", {"custom": {"amount": 100}})
except client.Unavailable as error:
    sys.exit(f"Nothing is known to be allowed, try again later: {error}")
except client.AuthsignalError as error:
    sys.exit(f"Nothing is allowed: {error}")

if answer.state == client.ALLOW and answer.is_enrolled:
    verdict = "go on"
elif answer.state == client.CHALLENGE_REQUIRED:
    verdict = f"verify at {answer.challenge_url}"
else:
    verdict = f"no: {answer.state}"
sys.stdout.write(f"{verdict}\n")
