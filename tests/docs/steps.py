"""A page of the documentation as steps: the files that it has people write, and the commands that it has them type."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

LONGEST = 120  # seconds that a command may take
BLOCK = re.compile(r"^```\{code-block\} (\S+)\n((?::\w+: [^\n]*\n)*)\n?(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^:(\w+): (.*)$", re.MULTILINE)
AT_THE_END = " (add at the end)"
ACTIVATE = ". .venv/bin/activate"
# Left out where an environment is there already.
MAKES_ENVIRONMENT = ("python3 -m venv ", "pip install ")


@dataclass(frozen=True)
class Block:
    section: str
    """The heading that it stands under."""
    language: str
    options: dict[str, str]
    text: str

    def commands(self) -> list[tuple[str, str]]:
        """Each command with the output that is shown for it, if any."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(command.strip(), output.strip()) for command, _, output in (part.partition("\n") for part in parts)]


def blocks_of(page: Path, replace: dict[str, str]) -> Iterator[Block]:
    """The blocks of *page* in order, with each key of *replace* replaced by its value."""
    text = page.read_text()
    for old, new in replace.items():
        text = text.replace(old, new)
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        for language, options, content in BLOCK.findall(section):
            yield Block(title, language, dict(OPTION.findall(options)), content)


@dataclass
class Terminal:
    """Where somebody follows a page. Raises AssertionError when a command fails."""

    folder: Path
    variables: dict[str, str]
    makes_environment: bool = False
    background: ExitStack = field(default_factory=ExitStack)

    def follow(self, block: Block) -> None:
        """Write the file, or type the commands."""
        if block.language != "console":
            self.write(block)
            return
        for command, output in block.commands():
            if block.options.get("class") == "stays":
                self.background.enter_context(self._running(command))
            elif command.startswith("cd "):
                self.folder /= command.removeprefix("cd ")
            elif command == ACTIVATE:
                self._activate()
            elif self.makes_environment or not command.startswith(MAKES_ENVIRONMENT):
                shown = self.run(command)
                assert output in shown, f"{command} printed\n{shown}\ninstead of\n{output}"

    def _activate(self) -> None:
        if self.makes_environment:
            self.variables["PATH"] = f"{self.folder / '.venv' / 'bin'}:{os.environ['PATH']}"

    def write(self, block: Block) -> None:
        name = block.options["caption"]
        path = self.folder / name.removesuffix(AT_THE_END)
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if name.endswith(AT_THE_END) else ""
        path.write_text(f"{before}\n{block.text}" if before else block.text)

    def run(self, command: str) -> str:
        """Type *command*, and see what it prints."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    @contextmanager
    def _running(self, command: str) -> Iterator[None]:
        log = (self.folder / "log.txt").open("ab")
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # runserver's reloader has a child
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.close()


def wait_for(url: str, status: int | None = None, seconds: float = 30) -> None:
    """Until a server answers at *url*: with *status*, or whatever it says."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=5) as answer:
                found = answer.status
        except HTTPError as error:
            found = error.code
        except OSError:
            found = 0
        if found and status in (None, found):
            return
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer as it should")
