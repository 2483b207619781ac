"""The server and the command: loopback only, free ports, refusals, a clean end."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_authsignal.sandbox.records import Challenge
from django_authsignal.sandbox.server import SandboxServer
from django_authsignal.sandbox.store import Store

from .conftest import read_until


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.0.2.1", "::", "example.com", "localhost.example.com"])
def test_address_that_others_reach_is_refused(host):
    with pytest.raises(ValueError, match="listens on this machine only"):
        SandboxServer(Store(), host)


def test_each_server_has_its_own_port_and_store():
    with SandboxServer(Store()) as first, SandboxServer(Store(), "localhost") as second:
        assert first.url.startswith("http://127.0.0.1:")
        assert second.url.startswith("http://localhost:")
        assert requests.get(first.url, timeout=5).status_code == 200


def test_ipv6_loopback_is_served():
    try:
        server = SandboxServer(Store(), "::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        assert requests.get(server.url, timeout=5).status_code == 200


def test_ended_server_refuses_connections():
    with SandboxServer(Store()) as server:
        pass
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)


def test_concurrent_tracks_of_one_key_make_one_action(service, store):
    def track(_):
        return service.track("u", "pay", idempotencyKey="k")["idempotencyKey"]

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(track, range(40))) == {"k"}
    assert len(store.actions("u")) == 1


def test_only_one_of_many_answers_to_a_challenge_counts(service, store):
    service.enrol("u")
    service.track("u", "pay", idempotencyKey="k")
    action = store.action("u", "pay", "k")

    def settle(state):
        return store.update_action(action, only_from=("CHALLENGE_REQUIRED",), state=state).state

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(settle, ["CHALLENGE_SUCCEEDED", "CHALLENGE_FAILED"] * 20))) == 1


def test_memory_is_bounded_and_the_oldest_goes_first():
    store = Store()
    for number in range(1_001):
        store.track("u", "look", str(number))
    for number in range(100_001):
        store.update_user(str(number), {})
    for number in range(10_001):
        store.challenges.save(Challenge(id=str(number), action_code="look", key="", method="SMS", expires_at=1))
    assert [action.key for action in store.actions("u")][::999] == ["1000", "1"]
    assert [user.id for user in store.users()][::99_999] == ["1", "100000"]
    assert [challenge.id for challenge in store.challenges.live(0)][::9_999] == ["10000", "1"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0: others could reach the sandbox there; use localhost"),
        (["--secret", "live_key"], "--secret must start with sandbox_"),
        (["--rules", "/nowhere/rules.toml"], "check the path given to --rules"),
    ],
)
def test_command_refuses_what_is_unsafe_or_unreadable(arguments, text):
    with override_settings(DEBUG=True), pytest.raises(CommandError, match=text):
        call_command("authsignal_sandbox", *arguments)


def test_command_refuses_to_run_outside_debug():
    """T48."""
    with (
        override_settings(DEBUG=False, AUTHSIGNAL_ALLOW_SANDBOX=False),
        pytest.raises(CommandError, match="set AUTHSIGNAL_ALLOW_SANDBOX = True"),
    ):
        call_command("authsignal_sandbox")


def test_command_takes_the_next_free_port_prints_the_settings_and_ends_on_ctrl_c(command, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[actions]\npay = "BLOCK"\n')
    with SandboxServer(Store()) as busy:
        port = int(busy.url.rpartition(":")[2])
        process = command("--port", str(port), "--rules", str(rules), "--code", "777777")
        printed = read_until(process, "The code to type is 777777")
    assert f"Port {port} is busy" in printed
    url = next(line for line in printed.splitlines() if "AUTHSIGNAL_API_URL" in line).split('"')[1]
    assert 'AUTHSIGNAL_SECRET = "sandbox_demo"' in printed
    answer = requests.post(f"{url}/users/u/actions/pay", auth=("sandbox_demo", ""), timeout=5).json()
    assert answer["state"] == "BLOCK"
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=5)
    assert process.returncode == 0
    assert "The sandbox has stopped" in rest
    assert "Traceback" not in rest
