"""One connection through the proxy of ``proxy.py``, and what can befall it."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["CLOSE", "HANG", "RESET", "Fault", "Link"]

RESET, CLOSE, HANG = "reset", "close", "hang"  # RST (SO_LINGER 0); an orderly FIN; silence, with the socket open


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


class Plan(Protocol):
    """What a link asks the proxy."""

    running: asyncio.Event

    def planned(self) -> list[Fault]: ...

    def take(self, fault: Fault) -> Fault: ...


class Link:
    """One client's connection and ours to the upstream."""

    def __init__(self, plan: Plan, client: Any, upstream: Any, sent: bytearray) -> None:
        self._plan, self._sent = plan, sent
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
        for fault in self._plan.planned() if self._fault is None else ():
            if fault.side == side and (fault.on in seen if fault.on else begins):
                self._fault, self._tail[side] = self._plan.take(fault), b""
                self._waited, self._passed = False, 0
                acts = seen.index(fault.on) + (0 if fault.at_once else len(fault.on)) - len(seen) + len(data)
                return max(0, acts)
        return 0

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._plan.running.wait()
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
