"""Sees to it that there is a model server: starts it, asks it whether it lives, replaces one that died or hangs."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import orjson

from guard.batching.cache import new_key
from guard.placement.recorder import Recorder
from guard.placement.server import RUNNING, SOCKET
from guard.placement.wire import LENGTHS, frame, lengths

log = logging.getLogger(__name__)

_PING_EVERY_S = 0.25
_SILENT_S = 2.0
"""Seconds without an answer after which a server counts as hung."""
_START_S = 60.0
"""Seconds it has to come up, and listen."""
_LONGEST_PAUSE_S = 2.0
_LAPSE_S = 60.0
_CLOSE_S = 2.0


class Strikes:
    """What model servers died of, as far as that is known; for the next one. Pure.

    What ran when one died has a strike, so that it is judged alone from now on. What was running alone for that very
    reason has two, and is not run again. Strikes lapse a minute after the last.
    """

    def __init__(self) -> None:
        self._struck: dict[tuple[bytes, bytes], tuple[int, float]] = {}

    def died(self, running: dict[bytes, list[bytes]], now: float) -> None:
        """A server died at *now*, *running* these digests, by their owners."""
        for owner, digests in running.items():
            for digest in digests:
                before, until = self._struck.get((owner, digest), (0, 0.0))
                if now >= until:
                    before = 0
                count = 2 if before and len(digests) == 1 else max(1, before)
                self._struck[owner, digest] = count, now + _LAPSE_S

    def lines(self, now: float) -> list[tuple[str, str]]:
        """Owner and digest in hex, once for each strike."""
        self._struck = {key: one for key, one in self._struck.items() if now < one[1]}
        return [
            (owner.hex(), digest.hex()) for (owner, digest), (count, _) in self._struck.items() for _ in range(count)
        ]


class Keeper:
    """Keeps one model server, in a folder of its own, from `start` to `close`."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="guard-models-"))  # only its user may enter
        self._key = new_key()
        self._strikes = Strikes()
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="guard-keeper", daemon=True)
        self.restarts = 0

    @property
    def path(self) -> Path:
        """The socket that the server answers on."""
        return self._folder / SOCKET

    @property
    def pid(self) -> int:
        """The process id of the server that runs now; 0 if there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    def start(self) -> Keeper:
        """Start the server; this one, to be written behind its making. It answers when it has come up."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the server, unless this is a forked child: it is its parent's. Safe to repeat."""
        if os.getpid() != self._owner:
            return
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _keep(self) -> None:
        pause = 0.0
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                process = self._spawn()
            except OSError as error:
                log.error("model server not started error=%s", type(error).__name__)  # noqa: TRY400
            else:
                why = self._attend(process)
                if self._closing.is_set():
                    return
                log.error("model server lost pid=%d why=%s", process.pid, why)
                self._note()
            self.restarts += 1
            pause = min(_LONGEST_PAUSE_S, 2 * pause + 0.1) if time.monotonic() - began < 1.0 else 0.0
            self._closing.wait(pause)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "guard.placement", str(self._folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603  ours
        self._process = process
        settings = {"key": self._key.hex(), "struck": self._strikes.lines(time.monotonic())}
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(orjson.dumps(settings) + b"\n")
                process.stdin.flush()
        return process

    def _attend(self, process: subprocess.Popen[bytes]) -> str:
        """Wait until it is gone, and see to that if it does not answer; why it is."""
        heard, patience = time.monotonic(), _START_S
        line = None
        try:
            while not self._closing.wait(_PING_EVERY_S):
                if process.poll() is not None:
                    return f"status {process.returncode}"
                try:
                    if line is None:
                        line = _connect(self.path)
                        if patience == _START_S:  # it has come up
                            heard, patience = time.monotonic(), _SILENT_S
                    _ping(line, heard + patience)
                except OSError:
                    if line is not None:
                        line.close()
                        line = None
                else:
                    heard = time.monotonic()
                if time.monotonic() > heard + patience:
                    return "silent"
            return "closing"
        finally:
            if line is not None:
                line.close()
            _end(process)

    def _note(self) -> None:
        """Learn from the file that it left what it was running."""
        with contextlib.suppress(OSError):
            recorder = Recorder(self._folder / RUNNING)
            self._strikes.died(recorder.running(), time.monotonic())
            recorder.close()


def _connect(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(_SILENT_S)
    try:
        line.connect(str(path))
    except BaseException:
        line.close()
        raise
    return line


def _ping(line: socket.socket, until: float) -> None:
    """Ask whether it lives. Raises `OSError` if there is no answer by then."""
    line.settimeout(max(0.05, until - time.monotonic()))
    line.sendall(frame({"id": 0, "do": "ping"}))
    rest = sum(lengths(_exactly(line, LENGTHS.size)))
    _exactly(line, rest)


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = line.recv(count - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
