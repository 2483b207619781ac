"""A project's own templates and static files, as the guides say to write them, take the place of the package's."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template.loader import render_to_string

import django_authsignal
from django_authsignal.testing import complete_step_up
from tests.rig.servers import ROOT

PACKAGE = Path(django_authsignal.__file__).parent
TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
STATIC = sorted(path.name for path in (PACKAGE / "static" / "authsignal").iterdir())
NAMED_STATIC = re.compile(r"""["'](authsignal/[\w.-]+\.(?:css|js))["']""")
ADDRESS = re.compile(r'(?:href|src)="(/static/[^"]+)"')
PROPERTY = re.compile(r"--step-up-[\w-]+(?=:)")
KEY = re.compile(r'name="_step_up_key" value="([^"]+)"')


@pytest.fixture
def write(tmp_path, settings):
    """Write a file of the project's; its folders `templates` and `static` come before those of the apps."""
    settings.TEMPLATES = deepcopy(settings.TEMPLATES)
    settings.TEMPLATES[0]["DIRS"] = [tmp_path / "templates"]
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    (tmp_path / "static").mkdir()

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def html_of(guide, section):
    """The first block of HTML in this section of a page of the documentation."""
    text = (ROOT / guide).read_text().split(f"\n## {section}\n")[1]
    return re.search(r"^```html\S*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture
def waiting(bank, alice):
    """The holding page, of a transfer that waits for alice."""
    return lambda: bank.transfer(bank.sign_in(alice)).content.decode()


@pytest.mark.parametrize(
    ("guide", "section", "stylesheet"),
    [("README.md", "Pages", "my-theme.css"), ("docs/how-to/themes.md", "Colours, corners, fonts", "bank/step-up.css")],
)
def test_theme_of_the_guide_comes_after_the_packages_own(write, waiting, guide, section, stylesheet):
    write("templates/authsignal/base.html", html_of(guide, section))
    links = ADDRESS.findall(waiting())
    assert links[:2] == ["/static/authsignal/step-up.css", f"/static/{stylesheet}"]


def test_theme_sets_only_properties_that_there_are():
    theme = (ROOT / "docs/how-to/themes.md").read_text().split("```css\n")[1].split("```")[0]
    stylesheet = (PACKAGE / "static" / "authsignal" / "step-up.css").read_text()
    assert set(PROPERTY.findall(theme)) < set(PROPERTY.findall(stylesheet))


@pytest.mark.parametrize("block", ["title", "head", "step_up_theme", "content"])
def test_every_block_of_the_frame_can_be_filled(write, block):
    page = '{% extends "authsignal/base.html" %}' + "{% block " + block + " %}of ours{% endblock %}"
    write("templates/mine.html", page)
    assert "of ours" in render_to_string("mine.html")


def test_one_page_is_replaced_and_the_others_stay(write, bank, alice):
    write("templates/authsignal/notice.html", html_of("docs/how-to/themes.md", "A page of your own"))
    client = bank.sign_in(alice)
    assert "Call us" not in bank.transfer(client).content.decode()
    bank.authsignal.block("withdrawFunds")
    refused = bank.transfer(client, 6000)
    assert (refused.status_code, refused.templates[0].name) == (403, "authsignal/notice.html")
    assert "<h1>" in refused.content.decode()
    assert "Call us" in refused.content.decode()


def test_whole_frame_may_be_the_sites_own(write, bank, alice):
    write("templates/authsignal/base.html", "<title>Bank</title><main>{% block content %}{% endblock %}</main>")
    client = bank.sign_in(alice)
    stopped = bank.transfer(client)
    page = stopped.content.decode()
    assert page.startswith("<title>Bank</title>")
    complete_step_up(client, stopped)
    assert bank.transfer(client, _step_up_key=KEY.search(page)[1]).status_code == 302
    assert len(bank.ledger) == 1


def test_stylesheet_of_the_projects_own_is_served_instead(write, tmp_path):
    write("static/authsignal/step-up.css", "body { color: red }")
    assert finders.find("authsignal/step-up.css") == str(tmp_path / "static/authsignal/step-up.css")
    assert finders.find("authsignal/step-up.js") == str(PACKAGE / "static/authsignal/step-up.js")


@pytest.fixture
def collected(write, tmp_path, settings):
    """Where `collectstatic` put everything, under names that carry their digests."""
    settings.STATIC_ROOT = tmp_path / "collected"
    backend = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": backend}
    call_command("collectstatic", interactive=False, verbosity=0)
    return settings.STATIC_ROOT


def test_pages_stand_on_a_strict_manifest(collected, waiting):
    addresses = ADDRESS.findall(waiting())
    assert [re.sub(r"\.[0-9a-f]{12}\.", ".", address) for address in addresses] == [
        f"/static/authsignal/{name}" for name in ("step-up.css", "step-up.js", "holding.js")
    ]
    for address in addresses:
        assert re.search(r"\.[0-9a-f]{12}\.", address)
        assert (collected / address.removeprefix("/static/")).is_file()


def test_templates_and_admin_name_static_files_that_there_are():
    sources = [*TEMPLATES, *PACKAGE.rglob("*.py")]
    named = {name for source in sources for name in NAMED_STATIC.findall(source.read_text())}
    assert named == {f"authsignal/{name}" for name in STATIC}
