"""uvicorn's workers under a master as gunicorn's: forks of a process that has loaded the bank, replaced when they die.

uvicorn's own master is of no use here: it waits for a sign of life of a worker that died a moment ago, and meanwhile
replaces none.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import wait

import uvicorn

from tests.rig.asgi import application

WORKERS = 2


def serve(listener: socket.socket) -> None:
    uvicorn.Server(uvicorn.Config(application, lifespan="off", timeout_graceful_shutdown=1)).run([listener])


def main() -> None:
    listener = socket.socket(fileno=int(sys.argv[1]))
    fork, workers = get_context("fork"), []
    try:
        while True:
            workers = [worker for worker in workers if worker.is_alive()]
            new = [fork.Process(target=serve, args=[listener]) for _ in range(WORKERS - len(workers))]
            for worker in new:
                worker.start()
            workers += new
            wait(worker.sentinel for worker in workers)
    finally:
        for worker in workers:
            worker.kill()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
