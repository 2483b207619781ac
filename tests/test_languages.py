"""Every text in every language: the catalogues against the source, and the pages against the catalogues."""

from __future__ import annotations

import gettext
import html
import os
import re
import shutil
import subprocess
import sys
import uuid
from ast import literal_eval
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils.translation import gettext as translated
from django.utils.translation import override

import django_authsignal
from django_authsignal.holding import label_of
from django_authsignal.models import TrackedAction
from django_authsignal.services import rollup
from django_authsignal.wording import WORDS
from tests.rig.history import seed_history
from tests.rig.missing import missing

PACKAGE = Path(django_authsignal.__file__).parent
LOCALES = sorted(path.name for path in (PACKAGE / "locale").iterdir())
HOLDING = {
    "en": "Verify that it is you",
    "de": "Bestätigen Sie, dass Sie es sind",
    "fr": "Confirmez qu’il s’agit bien de vous",
    "es": "Confirme que es usted",
    "pt-br": "Confirme que é você",
    "ja": "ご本人であることを確認してください",
}
LANGUAGES = list(HOLDING)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%")
MARKUP = re.compile(r"""<[^>]*>|[<>&"]""")

TEMPLATES = sorted((PACKAGE / "templates").rglob("*.html"))
MARKED = re.compile(r"{% (comment|blocktranslate)\b.*?{% end\1 %}|{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
ATTRIBUTE = re.compile(r"""\b(?:alt|aria-label|content|placeholder|title|value)="([^"]*)\"""")
TECHNICAL = {"width=device-width, initial-scale=1", "noindex, nofollow", "light dark"} | {
    *("0; url=", "start", "reauthenticate")
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a catalogue."""

    context: str
    text: str
    plural: str
    translations: list[str]
    is_fuzzy: bool

    @property
    def name(self):
        return self.context, self.text, self.plural


def read(path):
    """The header and the entries of a .po file."""
    header, *entries = map(entry, path.read_text(encoding="utf-8").strip().split("\n\n"))
    return header, entries


def entry(block):
    parts, name = {}, ""
    for line in block.splitlines():
        if not line.startswith("#"):
            name, line = line.split(" ", 1) if line.startswith("msg") else (name, line)
            parts[name] = parts.get(name, "") + literal_eval(line)
    texts = [text for name, text in parts.items() if name.startswith("msgstr")]
    fuzzy = re.search("^#,.*fuzzy", block, re.MULTILINE) is not None
    return Entry(parts.get("msgctxt", ""), parts["msgid"], parts.get("msgid_plural", ""), texts, fuzzy)


def catalogue(locale):
    return PACKAGE / "locale" / locale / "LC_MESSAGES" / "django.po"


def needs(tool):
    if not shutil.which(tool):
        missing(f"no {tool} on PATH: install GNU gettext")


@pytest.fixture(scope="module")
def in_source(tmp_path_factory):
    """What the source says today, by its contexts, texts and plurals."""
    needs("xgettext")
    copy = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("locale", "__pycache__"))
    (copy / "locale").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "en"]
    subprocess.run(command, cwd=copy, env=environment, check=True, capture_output=True)
    return {entry.name for entry in read(copy / "locale" / "en" / "LC_MESSAGES" / "django.po")[1]}


# Catalogues


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_holds_no_text_that_is_not_marked(template):
    source = MARKED.sub("", template.read_text(encoding="utf-8"))
    texts = [*ATTRIBUTE.findall(source), *re.split(r"<[^>]*>", source)]
    assert [text for text in texts if re.search("[a-zA-Z]", text) and text not in TECHNICAL] == []


def test_every_language_is_there():
    assert LOCALES == ["de", "en", "es", "fr", "ja", "pt_BR"]


@pytest.mark.parametrize("locale", LOCALES)
def test_catalogue_holds_what_the_source_says(in_source, locale):
    _header, entries = read(catalogue(locale))
    assert {entry.name for entry in entries} == in_source, "see docs/how-to/languages.md"
    assert len(entries) == len(in_source)
    assert "\n#~" not in catalogue(locale).read_text(encoding="utf-8")


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_is_translated(locale):
    header, entries = read(catalogue(locale))
    forms = int(re.search(r"nplurals=(\d)", header.translations[0])[1])
    for entry in entries:
        assert not entry.is_fuzzy, entry.text
        assert len(entry.translations) == (forms if entry.plural else 1), entry.text
        assert all(text.strip() for text in entry.translations), entry.text


@pytest.mark.parametrize("locale", LOCALES)
def test_placeholders_and_markup_are_those_of_the_source(locale):
    for entry in read(catalogue(locale))[1]:
        for text in entry.translations:
            originals = [entry.text, entry.plural] if entry.plural else [entry.text]
            placeholders = [Counter(PLACEHOLDER.findall(original)) for original in originals]
            assert Counter(PLACEHOLDER.findall(text)) in placeholders, text
            assert "%" not in PLACEHOLDER.sub("", text), text
            # Templates put texts into attributes as they are: a quotation mark would end one.
            assert MARKUP.findall(text) == MARKUP.findall(entry.text), text


@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_shipped_is_compiled_from_the_texts(locale):
    _header, entries = read(catalogue(locale))
    expected = {}
    for entry in entries:
        key = f"{entry.context}\x04{entry.text}" if entry.context else entry.text
        if entry.plural:
            expected |= {(key, form): text for form, text in enumerate(entry.translations)}
        else:
            expected[key] = entry.translations[0]
    with catalogue(locale).with_suffix(".mo").open("rb") as file:
        compiled = dict(gettext.GNUTranslations(file)._catalog)
    assert compiled.pop("")
    assert compiled == expected


@pytest.mark.parametrize("locale", LOCALES)
def test_header_tells_no_date_or_person(locale):
    header, _entries = read(catalogue(locale))
    assert "Date" not in header.translations[0]
    assert "Translator" not in header.translations[0]


def test_english_says_what_the_source_says():
    for entry in read(catalogue("en"))[1]:
        assert entry.translations == [entry.text, *filter(None, [entry.plural])]


@pytest.mark.parametrize("language", LANGUAGES)
def test_button_is_called_what_is_written_on_it(language):
    hint = "This opens in a new tab. When you are done there, come back to this page and choose “Try again”."
    with override(language):
        assert translated("Try again") in translated(hint)


# Pages


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture
def untranslated(language):
    """English sentences in a page, of which the language has its own."""
    _header, entries = read(catalogue(language.replace("pt-br", "pt_BR")))
    others = [entry.text for entry in entries if entry.translations[0] != entry.text and "%" not in entry.text]

    def find(page):
        shown = html.unescape(page)
        return [text for text in others if " " in text.strip() and text in shown]

    return find


def is_in(language, page):
    return f'<html lang="{language}" dir="ltr">' in page


@pytest.fixture
def customer(bank, alice, language):
    return bank.sign_in(alice, headers={"accept-language": language})


def test_holding_page_speaks_the_users_language(bank, customer, language, untranslated):
    page = bank.transfer(customer).text
    assert is_in(language, page)
    assert f"<h1>{HOLDING[language]}</h1>" in page
    assert untranslated(page) == []


def test_refusal_speaks_the_users_language(bank, customer, language, untranslated):
    bank.authsignal.block("withdrawFunds")
    page = bank.transfer(customer).text
    assert is_in(language, page)
    assert untranslated(page) == []


def test_page_to_come_back_to_speaks_the_users_language(customer, language, untranslated):
    page = customer.get(reverse("authsignal:return", args=[uuid.uuid4()])).text
    assert is_in(language, page)
    assert untranslated(page) == []


def test_enrolment_speaks_the_users_language(bank, carol, language, untranslated):
    browser = bank.sign_in(carol, headers={"accept-language": language})
    for page in (bank.transfer(browser).text, browser.get(reverse("authsignal:enrol")).text):
        assert is_in(language, page)
        assert untranslated(page) == []


def test_script_gets_its_words_from_the_page(customer, language, untranslated):
    _before, _tag, dialog = customer.get("/fetch/").text.partition('<template id="step-up-template"')
    assert dialog
    assert untranslated(dialog) == []
    with override(language):
        assert translated("Sending…") in html.unescape(dialog)


def test_problem_speaks_the_users_language(bank, customer, language):
    answer = customer.post("/transfer/", {"amount": "5000", "payee": "Bob"}, headers={"accept": "application/json"})
    problem = answer.json()
    assert problem["title"] == HOLDING[language]
    assert problem["code"] == "step_up_required"


def test_operators_pages_speak_their_language(admin_client, alice, language, untranslated):
    seed_history(days=3, per_day=20, user=alice)
    rollup.refresh()
    rows = [TrackedAction.objects.filter(reason=reason).latest("pk") for reason in ("block", "unenrolled", "")]
    stories = [reverse("admin:authsignal_trackedaction_change", args=[row.pk]) for row in rows]
    paths = [
        reverse("admin:index"),
        reverse("admin:authsignal_trackedaction_changelist"),
        reverse("admin:authsignal_trackedaction_dashboard"),
        reverse("admin:authsignal_trackedaction_lift", args=[rows[0].pk]),
        *stories,
    ]
    for path in paths:
        answer = admin_client.get(path, headers={"accept-language": language})
        assert answer.status_code == 200, path
        assert f'<html lang="{language}" dir="ltr"' in answer.text, path
        assert untranslated(answer.text) == [], path


def test_language_without_a_catalogue_turns_the_page_round_only(bank, alice):
    page = bank.transfer(bank.sign_in(alice, headers={"accept-language": "ar"})).text
    assert '<html lang="ar" dir="rtl">' in page
    assert HOLDING["en"] in page


@pytest.mark.parametrize(("language", "like"), [("de-at", "de"), ("es-mx", "es"), ("pt", "en")])
def test_region_speaks_as_its_language_does(language, like):
    with override(language):
        assert translated(HOLDING["en"]) == HOLDING[like]


def test_every_outcome_has_words_in_every_language(language):
    with override(language):
        titles = {str(words.title) for words in WORDS.values()}
        messages = {str(words.message) for words in WORDS.values()}
    assert len(titles) == len(messages) == len(WORDS)


# A project's own words


@pytest.fixture
def own_words(tmp_path, settings):
    """A project's own German catalogue, of the texts given."""
    needs("msgfmt")

    def write(**texts):
        folder = tmp_path / "de" / "LC_MESSAGES"
        folder.mkdir(parents=True)
        head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        body = "".join(f'msgid "{text}"\nmsgstr "{word}"\n\n' for text, word in texts.items())
        (folder / "django.po").write_text(head + body, encoding="utf-8")
        subprocess.run(["msgfmt", "-o", "django.mo", "django.po"], cwd=folder, check=True)
        settings.LOCALE_PATHS = [tmp_path]

    return write


def test_project_has_the_last_word(bank, alice, own_words):
    own_words(**{HOLDING["en"]: "Sind Sie es?", "Payee": "Empfänger"})
    page = bank.transfer(bank.sign_in(alice, headers={"accept-language": "de"})).text
    assert "<h1>Sind Sie es?</h1>" in page
    assert "<bdi>Empfänger</bdi>" in page
    assert "<bdi>Amount</bdi>" in page


def test_admins_own_words_label_what_the_admin_does():
    with override("de"):
        assert [label_of(name) for name in ("delete", "change", "add", "objects", "action", "payee_name")] == [
            *("Löschen", "Ändern", "Hinzufügen", "Objekte", "Aktion", "Payee name")
        ]
