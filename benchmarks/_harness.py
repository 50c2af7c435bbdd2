"""What every benchmark needs: processes that start, say where they listen and end; their CPU time; the machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROOT = Path(__file__).resolve().parent.parent
START_S = 60.0
"""Seconds a process has to say that it is ready; the default policy's models load within them."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process of the benchmark's own, and the loopback port it listens on (0: none)."""

    process: subprocess.Popen[str]
    port: int = 0

    def cpu_s(self) -> float:
        """CPU seconds of the process so far, user and system, every thread it has or had; to the nanosecond."""
        # A process's clock id as the kernel composes it (include/linux/posix-timers.h); /proc counts in 10 ms ticks.
        return time.clock_gettime((~self.process.pid) << 3 | 2)

    def rss_mb(self) -> float:
        """Resident memory in MB of 10^6 bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) * 1024 / 1e6 if found else 0.0

    def ask(self, question: dict[str, Any]) -> Any:
        """One JSON line to its standard input, one back from its standard output.

        Raises:
            RuntimeError: it ended instead of answering.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(_line(self.process))


@contextlib.contextmanager
def python(module: str, *args: str) -> Iterator[Child]:
    """A Python process that runs *module* and prints its port once it is ready. Its standard input ends with it."""
    command = [sys.executable, "-m", module, *args]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with _ending(process):
        yield Child(process, int(_line(process)))


@contextlib.contextmanager
def program(command: Sequence[str], port: int) -> Iterator[Child]:
    """Any program that will listen on *port*.

    Raises:
        RuntimeError: it does not.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, text=True)
    with _ending(process):
        deadline = time.monotonic() + 10
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                msg = f"`{command[0]}` did not start"
                raise RuntimeError(msg)
            time.sleep(0.02)
        yield Child(process, port)


@contextlib.contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=0.5 if process.stdin is None else 5)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()


def _line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise RuntimeError("the process has no pipes")
    line = process.stdout.readline()
    if not line:
        msg = f"`{process.args!r}` ended with status {process.wait()} before it answered"
        raise RuntimeError(msg)
    return line


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def busy_s() -> float:
    """CPU seconds that all processors together have worked so far, stolen time included; in ticks of 10 ms."""
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most of *values*, to four digits or so."""
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 4),
        "min": round(ordered[0], 4),
        "max": round(ordered[-1], 4),
    }


def growing(cells: Sequence[dict[str, Any]], figure: str) -> list[dict[str, Any]]:
    """For `page`: of *cells* with what grew, to which size, a line each of the median *figure*."""
    return [
        {
            "name": what,
            "x": [one["size"] for one in cells if one["what"] == what],
            "y": [one[figure]["median"] for one in cells if one["what"] == what],
        }
        for what in dict.fromkeys(one["what"] for one in cells)
    ]


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """The machine and the versions that figures belong to."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    versions = {}
    for name in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": versions,
    }
