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
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["CLOSE", "HANG", "RESET", "Fault", "Proxy"]

RESET, CLOSE, HANG = "reset", "close", "hang"  # RST (SO_LINGER 0); an orderly FIN; silence, with the socket open
PATIENCE = 10  # seconds for the proxy to do what it is told


@dataclass(frozen=True)
class Fault:
    """What happens to one exchange. The defaults harm nothing."""

    on: bytes = b""
    """Only the exchange whose bytes hold this."""
    side: str = "up"
    """Where to look for ``on``: "up", in what the client sends, or "down", in the answer."""
    at_once: bool = False
    """Do ``end`` instead of passing ``on`` on (with no ``on``: the exchange's first bytes)."""
    latency: float = 0.0
    """Seconds before the first byte of the answer."""
    drip: float = 0.0
    """Seconds between single bytes of the answer."""
    limit: int | None = None
    """Bytes of the answer (on side "down": bytes after ``on``) that pass; then ``end``."""
    end: str = RESET
    slow_close: float = 0.0
    """Seconds between the peer's FIN and ours."""


class Link:
    """One client's connection and ours to the upstream."""

    def __init__(self, proxy: Proxy, client: Any, upstream: Any, sent: bytearray) -> None:
        self._proxy, self._sent = proxy, sent
        (self._from_client, self._to_client), (self._from_upstream, self._to_upstream) = client, upstream
        self._fault: Fault | None = None
        self._fresh, self._waited, self._passed = True, False, 0  # a new exchange; latency served; answer's bytes
        self._hung = False
        self._tail = {"up": b"", "down": b""}

    async def run(self) -> None:
        pumps = [asyncio.ensure_future(pump) for pump in (self._pump_up(), self._pump_down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            self.finish(CLOSE)
            closed = self._to_client.wait_closed(), self._to_upstream.wait_closed()
            await asyncio.gather(*pumps, *closed, return_exceptions=True)

    async def _pump_up(self) -> None:
        with suppress(OSError):
            while data := await self._from_client.read(65536):
                self._sent += data
                self._meet("up", data)
                if self._fault and self._fault.at_once:
                    await self._end(self._fault.end)
                elif not self._hung:
                    await self._pass(self._to_upstream, data)

    async def _pump_down(self) -> None:
        with suppress(OSError):
            while data := await self._from_upstream.read(65536):
                self._fresh = True
                start = self._meet("down", data)  # what comes before it passes
                await self._pass(self._to_client, data[:start])
                await self._answer(self._fault or Fault(), data[start:])
            if self._hung:
                await asyncio.Event().wait()  # silent, whatever the upstream does
            await asyncio.sleep(self._fault.slow_close if self._fault else 0)

    async def _answer(self, fault: Fault, data: bytes) -> None:
        if not self._waited:
            self._waited = True
            await asyncio.sleep(fault.latency)
        cut = fault.at_once or (fault.limit is not None and self._passed + len(data) > fault.limit)
        allowed = data[: max(0, 0 if fault.at_once else fault.limit - self._passed)] if cut else data
        self._passed += len(allowed)
        for piece in [allowed[i : i + 1] for i in range(len(allowed))] if fault.drip else [allowed]:
            await self._pass(self._to_client, piece)
            await asyncio.sleep(fault.drip)
        if cut:
            await asyncio.sleep(fault.slow_close)
            await self._end(fault.end)

    def _meet(self, side: str, data: bytes) -> int:
        """Take the planned fault that these bytes meet; where in *data* it begins to act (all of it, if nothing)."""
        begins = side == "up" and self._fresh
        if begins:
            self._fresh, self._fault, self._waited, self._passed = False, None, False, 0
            self._tail = {"up": b"", "down": b""}
        seen = self._tail[side] + data
        self._tail[side] = seen[-64:]  # a pattern may come in two pieces
        for fault in self._proxy.planned() if self._fault is None else ():
            if fault.side == side and (fault.on in seen if fault.on else begins):
                self._fault, self._tail[side] = self._proxy.take(fault), b""
                self._waited, self._passed = False, 0
                acts = seen.index(fault.on) + (0 if fault.at_once else len(fault.on)) - len(seen) + len(data)
                return max(0, acts)
        return 0

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._proxy.running.wait()
        if data and not self._hung:
            writer.write(data)
            await writer.drain()

    async def _end(self, how: str) -> None:
        if how != HANG:
            self.finish(how)
            raise ConnectionAbortedError
        self._hung = True

    def finish(self, how: str) -> None:
        """End now: by RESET, by CLOSE, or by HANG, which lets nothing pass any more."""
        self._hung = True
        if how == HANG:
            return
        if how == RESET:
            with suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                self._to_client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._to_client.transport.abort()
        self._to_client.close()
        self._to_upstream.close()


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
