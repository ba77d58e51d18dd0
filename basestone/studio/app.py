"""The server of the pages: on this machine only, unless a token guards it."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path

from basestone.core.errors import MissingExtra, UsageError
from basestone.studio.access import Guard, is_loopback, new_token

FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect x="3" y="3" width="10" height="10" rx="2" transform="rotate(45 8 8)" fill="#2359b8"/></svg>'
)


def serve(runs: Path, host: str, port: int) -> None:
    """Serves the runs in ``runs`` until it is interrupted. Off loopback a token is made, and printed this once.

    Raises:
        MissingExtra: NiceGUI is not installed.
        UsageError: the port is taken.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise MissingExtra("nicegui", "studio")
    token = None if is_loopback(host) else new_token()
    _require_free(host, port)
    from nicegui import app, ui
    from nicegui import run as workers

    workers.process_pool_start_method = "spawn"
    from basestone.studio.routes import add_routes

    add_routes(runs.resolve())
    app.add_middleware(Guard, token=token)  # pyright: ignore[reportArgumentType]
    shown = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    print(f"Basestone studio: {shown}{f'?token={token}' if token else ''}", file=sys.stderr, flush=True)
    ui.run(
        host=host,
        port=port,
        title="Basestone",
        favicon=FAVICON,
        dark=None,
        reload=False,
        show=False,
        show_welcome_message=False,
        tailwind=False,
        uvicorn_logging_level="warning",
    )


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"{host}:{port} must be free to listen on, and is not ({error}). Choose --port."
            ) from error
