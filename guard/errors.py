"""Every error the gateway raises, and the helper that words spelling hints.

::

    GuardError
    ├── LoadError          a file that cannot be used: path:line:col, what is wrong, what would be right
    │   ├── PolicyError
    │   └── ConfigError
    ├── RegistryError      no such classifier, or its options are wrong
    ├── WeightsError       a model file is missing, damaged, or not the one that was pinned
    ├── RequestError       the client's request cannot be read as its protocol
    ├── UpstreamError      the generator behind the gateway did not give a usable answer
    ├── AuditError         a decision could not be recorded
    └── HookError          a framework is missing, or is none of the versions that a hook knows

No message ever holds content: callers name fields, places and limits, never values a person typed.
HTTP status codes live in ``guard.exchange`` alone; errors carry a ``code`` that it maps.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class GuardError(Exception):
    """Base of every error this package raises on purpose."""


class LoadError(GuardError):
    """A file that cannot be used. Prints as ``path:line:col: problem; hint`` (1-based)."""

    def __init__(self, path: str | Path, line: int, col: int, problem: str, hint: str | None = None) -> None:
        self.path = str(path)
        self.line = line
        self.col = col
        self.problem = problem
        self.hint = hint
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{self.path}:{line}:{col}: {problem}{tail}")


class PolicyError(LoadError):
    """A policy file that cannot be used."""


class ConfigError(LoadError):
    """A gateway configuration that cannot be used."""


class RegistryError(GuardError):
    """No such classifier, or options that it does not take."""


class WeightsError(GuardError):
    """A model file is missing, damaged, or not the one that was pinned by its sha256."""


class RequestError(GuardError):
    """The client's request cannot be read as its protocol.

    ``code`` is a stable word such as ``invalid_json``; ``param`` names the field, if there is one.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.code = code
        self.message = message
        self.param = param
        super().__init__(message)


class UpstreamError(GuardError):
    """The generator did not give a usable answer.

    ``code`` says how: ``unreachable``, ``timeout``, ``redirect``, ``protocol``, ``too_large``, or ``unavailable``: it
    failed so often that it was not called now. ``attempts`` counts the calls that were made of it, ``retry_after_s``
    says in how many seconds it is worth another, if that is known.
    """

    def __init__(self, code: str, message: str, *, attempts: int = 0, retry_after_s: int | None = None) -> None:
        self.code = code
        self.message = message
        self.attempts = attempts
        self.retry_after_s = retry_after_s
        super().__init__(message)


class AuditError(GuardError):
    """A decision could not be recorded, so nothing may be released."""


class HookError(GuardError):
    """A framework is missing, or is none of the versions that a hook knows: it would see less than it says."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say what would be right instead of *name*: the nearest known name, or all of them.

    >>> did_you_mean("blok", ["allow", "block"])
    'did you mean `block`?'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    return f"known: {', '.join(names)}" if names else "none is known"
