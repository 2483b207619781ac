"""A TCP proxy that breaks on purpose: in front of the sandbox, of PostgreSQL, of whatever speaks over a socket.

    with Proxy(("127.0.0.1", sandbox_port)) as proxy:        # or Proxy("/tmp/pg/.s.PGSQL.5432")
        proxy.plan(Fault(limit=0, end=RESET))                # the next answer is swallowed, and the peer reset
        proxy.plan(Fault(on=b"COMMIT", limit=0))             # waits for the exchange in which COMMIT goes up
        ... connect to proxy.host, proxy.port ...
        assert proxy.struck == [...]

It knows bytes and exchanges only. An exchange begins with the first bytes that go up after an answer (or at all);
each takes at most one fault, the first of those planned. A fault with ``on`` waits for the exchange that holds it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Self

from .links import CLOSE, HANG, RESET, Fault, Link

__all__ = ["CLOSE", "HANG", "RESET", "Fault", "Proxy"]

PATIENCE = 10  # seconds for the proxy to do what it is told


class Proxy:
    """Listens on a free port of 127.0.0.1 while used as a context manager, in a thread of its own.

    *upstream* is a (host, port) or the path of a Unix socket. All methods may be called from any thread.
    """

    def __init__(self, upstream: tuple[str, int] | str) -> None:
        self._upstream = upstream
        self._planned: list[Fault] = []
        self._links: set[Link] = set()
        self.always: Fault | None = None
        """What meets every exchange for which nothing is planned."""
        self.struck: list[Fault] = []
        """The faults that were met, in this order."""
        self.sent: list[bytearray] = []
        """What each client has sent, one entry a connection."""
        # Bound as well, but never listening: so the port stays ours while the proxy is down.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind(("127.0.0.1", 0))
        self.host, self.port = self._place.getsockname()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.running = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self.resume()
        self.up()
        return self

    def __exit__(self, *exception: object) -> None:
        self.down()
        self._do(self._drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        self._place.close()

    def plan(self, *faults: Fault) -> None:
        """Let each of *faults* meet one exchange, in this order."""
        self._planned += faults

    def calm(self) -> None:
        """Forget what is planned, and pass everything on."""
        self.always = None
        self._planned.clear()

    def pause(self) -> None:
        """Accept, but let no byte pass either way until ``resume()``."""
        self._do(self._call(self.running.clear))

    def resume(self) -> None:
        self._do(self._call(self.running.set))

    def drop(self, how: str = RESET) -> None:
        """End the connections there are; HANG drops them silently. New ones work."""
        self._do(self._finish_all(how))

    def down(self) -> None:
        """Refuse connections, and reset those there are, until ``up()``."""
        self._do(self._call(self._server.close))
        self.drop(RESET)

    def up(self) -> None:
        if self._server is None or not self._server.is_serving():
            self._server = self._do(asyncio.start_server(self._serve, self.host, self.port, reuse_port=True))

    def planned(self) -> list[Fault]:
        return [*self._planned, *([self.always] if self.always else [])]

    def take(self, fault: Fault) -> Fault:
        self.struck.append(fault)
        if fault in self._planned:
            self._planned.remove(fault)
        return fault

    async def _serve(self, *client: Any) -> None:
        self.sent.append(sent := bytearray())
        try:
            upstream = await self._reach()
        except OSError:  # it is gone: its clients find out the hard way
            client[1].transport.abort()
            return
        link = Link(self, client, upstream, sent)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    async def _reach(self) -> Any:
        if isinstance(self._upstream, str):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _call(self, act: Any) -> None:
        act()

    async def _finish_all(self, how: str) -> None:
        for link in [*self._links]:
            link.finish(how)
        await asyncio.sleep(0.01)  # so that the peers know it by now

    async def _drain(self) -> None:
        """Wait for all connections to be gone."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
