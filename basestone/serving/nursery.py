"""Where the processes that run the model come from: one that has imported everything, and forks when it is asked to.

Importing a runtime takes seconds, forking milliseconds. So a stop can kill whatever infers without mercy, and a
release, or a crash, costs next to nothing. The nursery itself infers nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from basestone.serving.frames import Frame, packed, read

Answer = Callable[[Mapping[str, Any], NDArray[Any] | None], Frame]  # a question's header and array
START_S = 180.0  # importing a runtime on a busy machine
PID_BYTES = 8


class NurseryLost(Exception):
    """The nursery did not start, or is gone."""


class Nursery:
    """The server's side: ``await born()`` gives a new process and the socket on which it answers."""

    def __init__(self, command: Sequence[str], request: Mapping[str, Any], errors: Path) -> None:
        """``command`` gets a file descriptor as its last word; ``request`` says what is to be run."""
        self._command, self._request, self._errors = list(command), dict(request), errors
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def born(self) -> tuple[int, socket.socket]:
        """A new process; the nursery is started first where it is not there. NurseryLost when that fails."""
        return await asyncio.to_thread(self._born)

    def close(self) -> None:
        """Ends the nursery; processes that were born live until their sockets close."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None

    @property
    def last_words(self) -> str:
        """The last line that anything in it wrote to standard error."""
        lines = self._errors.read_text(errors="replace").strip().splitlines() if self._errors.exists() else []
        return lines[-1] if lines else ""

    def _born(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        try:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._control is not None
            socket.send_fds(self._control, [b"+"], [theirs.fileno()])
            answer = self._control.recv(PID_BYTES, socket.MSG_WAITALL)
            if len(answer) < PID_BYTES:
                raise NurseryLost(self.last_words or "it ended")
            return int.from_bytes(answer, "big"), ours
        except (OSError, NurseryLost) as error:
            ours.close()
            self.close()
            raise NurseryLost(f"no process for the model could be made: {error}") from error
        finally:
            theirs.close()

    def _start(self) -> None:
        self.close()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START_S)
        with theirs, self._errors.open("w") as errors:
            handle = theirs.fileno()
            self._process = subprocess.Popen([*self._command, str(handle)], pass_fds=[handle], stderr=errors)
        self._control.sendall(packed(self._request))
        if self._control.recv(1) != b"r":
            raise NurseryLost(self.last_words or "it ended while it started")


def tend(
    handle: int,
    prepare: Callable[[Mapping[str, Any]], Any],
    load: Callable[[Mapping[str, Any], Any], tuple[Answer, Mapping[str, Any]]],
) -> None:
    """The nursery's own side: ``prepare`` once, then a fork for each socket that it is sent, until that ends.

    A child calls ``load`` with what ``prepare`` gave, and what that returns answers frame by frame. No thread may be
    left by ``prepare``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides when this ends
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the system
    control = socket.socket(fileno=handle)
    with control.makefile("rb", buffering=0) as stream:
        frame = read(stream)  # pyright: ignore[reportArgumentType]
    if frame is None:
        return
    prepared = prepare(frame[0])
    control.sendall(b"r")
    while True:
        with contextlib.suppress(ConnectionError):
            data, handles, _, _ = socket.recv_fds(control, 1, 1)
            if data:
                _fork(control, handles[0], lambda: load(frame[0], prepared))
                continue
        return


def _fork(control: socket.socket, handle: int, load: Callable[[], Any]) -> None:
    child = os.fork()
    if child == 0:
        control.close()
        asked = socket.socket(fileno=handle)
        with contextlib.suppress(ConnectionError), asked.makefile("rb") as questions, asked.makefile("wb") as answers:
            _answer(questions, answers, load)
        os._exit(0)
    os.close(handle)
    control.sendall(child.to_bytes(PID_BYTES, "big"))


def _answer(questions: BinaryIO, answers: BinaryIO, load: Callable[[], Any]) -> None:
    """Tells that the model is loaded, then one answer for each question; whatever is raised is an answer too."""

    def send(frame: bytes) -> None:
        answers.write(frame)
        answers.flush()

    try:
        answer, described = load()
    except Exception as error:
        send(packed({"error": _first_line(error)}))
        return
    send(packed(described))
    while (question := read(questions)) is not None:
        try:
            frame = packed(*answer(*question))
        except Exception as error:
            frame = packed({"error": _first_line(error)})
        send(frame)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def is_running(pid: int) -> bool:
    """Whether a process is there and could still do something: a zombie cannot."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
