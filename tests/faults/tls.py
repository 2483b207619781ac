"""Servers that pretend to be Authsignal, with certificates that are not good enough."""

from __future__ import annotations

import atexit
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from django.test import override_settings

from tests.rig.hostile import Hostile

if TYPE_CHECKING:
    from .bench import Bench

__all__ = ["impostor"]

KEY = "-newkey rsa:2048 -nodes"
CA_USE = "-addext keyUsage=critical,keyCertSign,cRLSign"


@cache
def authority() -> tempfile.TemporaryDirectory[str]:
    """A folder with a certificate authority, and what it has signed: good, expired, of another host, by itself."""
    folder = tempfile.TemporaryDirectory(prefix="authority-")
    atexit.register(folder.cleanup)
    home = Path(folder.name)
    (home / "index").touch()
    (home / "serial").write_text("01")
    (home / "ca.cnf").write_text(
        "[ca]\ndefault_ca=us\n[us]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n"
        "copy_extensions=copy\nunique_subject=no\n[any]\ncommonName=supplied\n"
    )

    def openssl(command: str) -> None:
        subprocess.run(["openssl", *command.split()], cwd=home, check=True, capture_output=True)

    openssl(f"req -x509 {KEY} -days 2 -subj /CN=authority {CA_USE} -keyout ca.key -out ca.pem")
    for name, host, dates in (
        ("good", "IP:127.0.0.1", "-days 2"),
        ("expired", "IP:127.0.0.1", "-startdate 20200101000000Z -enddate 20200102000000Z"),
        ("wrong host", "DNS:api.example", "-days 2"),
    ):
        file = name.replace(" ", "-")
        openssl(f"req {KEY} -subj /CN=bench -addext subjectAltName={host} -keyout {file}.key -out {file}.csr")
        openssl(f"ca -batch -config ca.cnf -cert ca.pem -keyfile ca.key {dates} -in {file}.csr -out {file}.pem -notext")
    itself = "-addext subjectAltName=IP:127.0.0.1 -keyout self-signed.key -out self-signed.pem"
    openssl(f"req -x509 {KEY} -days 2 -subj /CN=bench {itself}")
    return folder


def context_of(kind: str) -> ssl.SSLContext | None:
    if kind == "no TLS":
        return None
    home, file = Path(authority().name), kind.replace(" ", "-")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / f"{file}.pem", home / f"{file}.key")
    return context


@contextmanager
def impostor(bench: Bench, kind: str) -> Iterator[Hostile]:
    """The API's address leads to a server of this *kind*, which would answer yes; our authority is trusted."""
    with Hostile(bench.store, context_of(kind)) as service:
        url = f"https://127.0.0.1:{service.port}/v1"
        # The network's edge: no test has a certificate that the world trusts.
        trusted = mock.patch("requests.adapters.DEFAULT_CA_BUNDLE_PATH", f"{authority().name}/ca.pem")
        with trusted, override_settings(AUTHSIGNAL_API_URL=url):
            yield service
            assert kind == "good" or service.requests == []
