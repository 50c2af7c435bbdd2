"""The real ``guard serve`` in a process of its own, with everything it prints in files."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes import eventually

GUARD = [str(Path(sys.executable).with_name("guard"))]


@dataclass
class Server:
    """A running ``guard serve``. *folder* holds its policy, its log and what it prints."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "audit.db"

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def wait_until_ready(self, seconds: float = 30) -> Server:
        assert eventually(lambda: "admin on" in self.stdout or self.process.poll() is not None, seconds), self.stderr
        assert self.process.poll() is None, self.stderr
        return self

    def _port(self, name: str) -> int:
        found = re.search(rf"{name} on http://127\.0\.0\.1:(\d+)", self.stdout)
        assert found, self.stdout
        return int(found[1])

    @property
    def data(self) -> int:
        return self._port("listening")

    @property
    def admin(self) -> int:
        return self._port("admin")

    def stop(self, seconds: float = 20) -> int:
        """Ask it to end, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """``guard serve`` with *options*, on free ports; not necessarily ready yet."""
    command = [*GUARD, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [*command, "--audit", str(folder / "audit.db"), *options], stdout=out, stderr=err, cwd=folder
        )
    try:
        yield Server(process, folder)
    finally:
        process.kill()
        process.wait()
