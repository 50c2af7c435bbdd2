"""Which versions of a framework a hook knows."""

from __future__ import annotations

import importlib
import re
from importlib import metadata
from typing import TYPE_CHECKING

from guard.errors import HookError

if TYPE_CHECKING:
    from types import ModuleType


def framework(module: str, package: str, least: str, below: str) -> ModuleType:
    """*module* of the *package*, whose version is at least *least* and *below* another.

    Raises:
        HookError: it is not installed, cannot be imported, or another version is installed: what a hook does not know
            it could not look at.
    """
    known = f"{package} >= {least}, < {below}"
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        raise HookError(f"This hook needs {known}, which is not installed.") from None
    if not numbers(least) <= numbers(version) < numbers(below):
        raise HookError(f"This hook works with {known}; version {version} is installed.")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise HookError(f"This hook needs {known}; version {version} cannot be imported: {error}") from error


def numbers(version: str) -> tuple[int, ...]:
    """What of *version* counts.

    >>> numbers("2.16.2rc1") < numbers("3")
    True
    """
    return tuple(int(one) for one in re.findall(r"\d+", version.partition("+")[0])[:3])
