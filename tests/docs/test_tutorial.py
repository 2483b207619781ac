"""The tutorial, word for word: every file is written, every command is typed, and every page is clicked through.

It uses the Python that runs the tests. With AUTHSIGNAL_TEST_WHEELS, a folder of wheels, it makes a virtual environment
as its readers do, and installs the package from there.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from .steps import Terminal, blocks_of, wait_for

pytestmark = pytest.mark.browser

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
WHEELS = os.environ.get("AUTHSIGNAL_TEST_WHEELS", "")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def terminal(tmp_path):
    # None of the settings that this run has.
    foreign = ("DJANGO_", "AUTHSIGNAL_", "BANK_", "COV_", "PYTEST_", "PYTHONWARNINGS")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    variables["PATH"] = f"{Path(sys.executable).parent}:{variables['PATH']}"
    if WHEELS:
        variables["PIP_FIND_LINKS"] = str(Path(WHEELS).resolve())
    with ExitStack() as background:
        yield Terminal(tmp_path, variables, makes_environment=bool(WHEELS), background=background)


def test_tutorial_stops_nowhere(terminal, new_page):
    site, sandbox = free_port(), free_port()
    ports = {
        "localhost:8000": f"localhost:{site}",
        "localhost:8001": f"localhost:{sandbox}",
        "py runserver": f"py runserver localhost:{site}",
        "authsignal_sandbox": f"authsignal_sandbox --port {sandbox}",
    }
    url, page, seen = f"http://localhost:{site}/", new_page(), []
    for block in blocks_of(TUTORIAL, ports):
        if block.section != (seen or [None])[-1]:
            seen.append(block.section)
            if block.section == "Ask before paying":
                wait_for(url)
                pay_unprotected(page, url)
            elif block.section == "Go through it":
                wait_for(f"http://localhost:{sandbox}/")
                wait_for(f"{url}step-up/webhook/", status=405)  # the server has started again, with the new URLs
                go_through_it(page, url)
        terminal.follow(block)
    assert seen == ["A site that pays", "Ask before paying", "Go through it", "Test it"]


def pay(page, url, amount):
    page.goto(url)
    page.get_by_label("Payee").fill("Bob")
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Pay").click()


def sign_in(page):
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("piggy-7301")
    page.get_by_role("button", name="Log in").click()


def pay_unprotected(page, url):
    page.goto(url)
    sign_in(page)
    pay(page, url, "20")
    page.get_by_text("20.00 to Bob").wait_for()


def go_through_it(page, url):
    pay(page, url, "5000")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Set up verification").click()
    hosted = opened.value
    hosted.get_by_role("button", name="Sign in again").click()
    sign_in(hosted)
    hosted.get_by_role("button", name="Set up now").click()
    with hosted.expect_event("close"):
        hosted.get_by_role("button", name="Use authenticator app").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Verify that it is you").wait_for()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Verify").click()
    with opened.value.expect_event("close"):
        type_code(opened.value)
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("5000.00 to Bob").wait_for()
    assert page.get_by_role("listitem").all_inner_texts() == ["20.00 to Bob", "5000.00 to Bob"]
    page.goto(f"{url}admin/authsignal/trackedaction/")
    assert page.get_by_role("row").filter(has_text="payOut").count() == 2


def type_code(hosted):
    hosted.get_by_label("Code", exact=True).fill("123456")
    hosted.get_by_role("button", name="Verify").click()
