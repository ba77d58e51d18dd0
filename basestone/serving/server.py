"""The process that serves: one socket, one event loop, its notice for others in ``server.json``, and its signals."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from basestone.core.artifact import write_json
from basestone.core.chain import now
from basestone.core.errors import MissingExtra, UsageError
from basestone.serving.access import Access
from basestone.serving.offer import Offer
from basestone.serving.protocol import Refusal
from basestone.serving.service import Service
from basestone.serving.turnstile import Turnstile

NOTICE = "server.json"
LOCK = ".lock"
GRACE_S = 10  # that open requests get when the server ends
KEEP_ALIVE_S = 75  # longer than proxies keep theirs, or they would use a connection that is being closed


@dataclass(kw_only=True)
class Post:
    """Where a service stands: its folder, its address, and what it tells of itself.

    ``server.json`` holds ``pid``, ``worker_pid``, ``url``, ``grpc``, ``model`` and ``started``; it means something only
    while somebody holds the lock.
    """

    folder: Path
    host: str
    port: int
    grpc_port: int | None = None
    tls: tuple[Path | None, Path | None] = (None, None)
    told: Callable[[str], object] = lambda line: None
    notice: dict[str, Any] = field(default_factory=dict[str, Any])

    def announce(self, **facts: Any) -> None:
        """Writes what has changed."""
        self.notice |= facts
        write_json(self.folder / NOTICE, self.notice)

    def worker_started(self, pid: int | None) -> None:
        """The model is loaded by a process of this number."""
        self.announce(worker_pid=pid)
        self.told(f"ready: the model is loaded (process {pid})")

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls[0] else 'http'}://{host}:{self.port}"


def run_server(make_service: Callable[[], Awaitable[Service]], access: Access, offer: Offer, post: Post) -> None:
    """Serves until SIGINT or SIGTERM; SIGUSR1 stops inference. UsageError when the folder or the port is taken."""
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtra("uvicorn", "serve") from error
    from basestone.serving.app import build_app

    with alone(post.folder), listening(post) as listener:
        certificate, private = (str(path) if path else None for path in post.tls)

        async def begin() -> Service:
            service = await make_service()
            _stop_on_signal(service)
            await _serve_grpc(service, access, post)
            post.announce(pid=os.getpid(), worker_pid=None, url=post.url, model=offer.name, started=now())
            post.told(f"serving {offer.name} {offer.version} at {post.url}")
            gc.freeze()  # what is loaded by now stays; the collector need not look through it again and again
            return service

        app = build_app(begin, access)
        config = uvicorn.Config(
            app,
            log_level="warning",
            loop="asyncio",  # uvloop accepts too slowly under overload: connections were reset, callers waited 16 s
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=KEEP_ALIVE_S,
            ssl_certfile=certificate,
            ssl_keyfile=private,
        )
        config.load()
        config.http_protocol_class = partial(_turnstile, config.http_protocol_class, app.turned_away)  # pyright: ignore[reportAttributeAccessIssue]
        uvicorn.Server(config).run(sockets=[listener])


def _turnstile(protocol: Any, full: Callable[[], Refusal | None], **parts: Any) -> Turnstile:
    """What uvicorn is given for each connection in place of its own HTTP protocol."""
    return Turnstile(protocol(**parts), full, lambda: parts["server_state"].default_headers)


async def _serve_grpc(service: Service, access: Access, post: Post) -> None:
    if post.grpc_port is None:
        return
    from basestone.serving.grpc_server import start_grpc

    port = await start_grpc(service, access, post.host, post.grpc_port, post.tls)
    post.announce(grpc=f"{post.host}:{port}")


def _stop_on_signal(service: Service) -> None:
    """SIGUSR1 means: stop now. The switch may hold already the name of whoever sent it."""

    def stop() -> None:
        service.keeper.switch.stop("a signal", "SIGUSR1 was sent to the service")
        service.keeper.look()

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, stop)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; UsageError when another service does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"Only one service may work in {folder}, and another one does. End it first.") from error
        yield


def is_served(folder: Path) -> bool:
    """Whether a service lives in the folder, whatever became of its notice."""
    if not (folder / LOCK).exists():
        return False
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def listening(post: Post) -> Iterator[socket.socket]:
    """A listening socket; its port becomes the post's. UsageError when it cannot be had."""
    family = socket.AF_INET6 if ":" in post.host else socket.AF_INET
    try:
        listener = socket.create_server((post.host, post.port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(f"{post.host}:{post.port} must be free to listen on and is not ({error.strerror}).") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer's head must not wait for its body
    listener.set_inheritable(False)
    post.port = listener.getsockname()[1]
    with listener:
        yield listener
