"""The scripts of docs/leaving.md, run in a project that has django-otp or django-allauth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.rig.missing import missing

from .fences import ROOT, blocks_of

PROJECT = Path(__file__).with_name("leaving_project.py")
NEEDED = {"django-otp": ("django_otp", "otp_twilio"), "django-allauth": ("allauth", "fido2", "qrcode")}
TOTP_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def scripts_for(peer):
    """The files that the page has people write, by name."""
    captioned = [block for block in blocks_of(ROOT / "docs" / "leaving.md") if f", {peer}" in block.caption]
    return {block.caption.partition(",")[0]: block.text for block in captioned}


@pytest.mark.parametrize(("peer", "without_any"), [("django-otp", []), ("django-allauth", ["carol"])])
def test_known_factors_move(peer, without_any, tmp_path):
    if absent := [name for name in NEEDED[peer] if find_spec(name) is None]:
        missing(f"{', '.join(absent)} missing: pip install django-otp-twilio 'django-allauth[mfa]'")
    for name, text in scripts_for(peer).items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, str(PROJECT), peer],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # Bob's number is not verified.
    assert found["factors"] == {"alice": ["SMS"], "bob": ["AUTHENTICATOR_APP"]} | {name: [] for name in without_any}
    [moved] = [parse_qs(urlsplit(uri).query) for uri in found["moved"]]
    assert moved["secret"] == [TOTP_SECRET]
