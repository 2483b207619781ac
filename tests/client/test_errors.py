import pickle

import pytest

from django_authsignal.client import errors

ROUTE = "/users/{}/actions/{}"
EXAMPLES = [
    (errors.Unavailable("POST", ROUTE, True, 3.0, "status 503"), f"POST {ROUTE}: unavailable, status 503"),
    (errors.Unavailable("POST", ROUTE, sent=False), f"POST {ROUTE}: unavailable, no answer"),
    (
        errors.Unauthorized("GET", ROUTE),
        f"GET {ROUTE}: 401, check the API secret and that the API URL is the tenant's region",
    ),
    (errors.Rejected("GET", ROUTE, 404), f"GET {ROUTE}: rejected with 404"),
    (errors.Rejected("GET", ROUTE, 400, "invalid_request"), f"GET {ROUTE}: rejected with 400 invalid_request"),
    (errors.UnexpectedAnswer("GET", ROUTE, "status 302"), f"GET {ROUTE}: unexpected answer, status 302"),
    (errors.InvalidSignature("no signature matches"), "no signature matches"),
]


@pytest.mark.parametrize(("error", "text"), EXAMPLES)
def test_text_names_method_route_and_fact(error, text):
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES])
def test_error_survives_pickling(error):
    """Parallel test runners and task queues send exceptions between processes."""
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES])
def test_every_error_is_an_authsignal_error(error):
    assert isinstance(error, errors.AuthsignalError)
