"""Finds classifiers by entry point, by name, importing only the one that is asked for.

An entry point of group ``guard.classifiers`` names either a package, each public module of which is a
classifier, or one class (``mycompany = "mypackage.module:MyClassifier"``).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from guard.classifier import Classifier, parse_options
from guard.errors import RegistryError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "guard.classifiers"


@functools.cache
def _sources() -> dict[str, EntryPoint | str]:
    """Classifier names, each with the entry point or module that holds it. Imports nothing but packages."""
    found: dict[str, EntryPoint | str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        if ":" in point.value:
            found[point.name] = point
            continue
        package = importlib.import_module(point.value)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_") and not module.ispkg:
                found[module.name] = f"{point.value}.{module.name}"
    return found


def names() -> tuple[str, ...]:
    """Names of every classifier that is installed."""
    return tuple(sorted(_sources()))


@functools.cache
def find(name: str) -> type[Classifier[Any]]:
    """The classifier class called *name*.

    Raises:
        RegistryError: no classifier has that name, or its module cannot be imported.
    """
    source = _sources().get(name)
    if source is None:
        msg = f"no classifier is called `{name}`; {did_you_mean(name, names())}"
        raise RegistryError(msg)
    try:
        if isinstance(source, EntryPoint):
            cls = source.load()
            return _checked(name, cls)
        module = importlib.import_module(source)
    except ImportError as error:
        msg = f"classifier `{name}` needs a package that is not installed: {error}"
        raise RegistryError(msg) from error
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and issubclass(value, Classifier)
    ]
    if len(own) != 1:
        msg = f"module `{source}` defines {len(own)} classifiers; it should define exactly one"
        raise RegistryError(msg)
    return _checked(name, own[0])


def _checked(name: str, cls: object) -> type[Classifier[Any]]:
    if inspect.isclass(cls) and issubclass(cls, Classifier):
        return cls
    msg = f"entry point `{name}` is not a Classifier subclass"
    raise RegistryError(msg)


def create(name: str, options: Mapping[str, object] | None = None) -> Classifier[Any]:
    """An instance of *name* with checked *options*, not yet loaded."""
    cls = find(name)
    return cls(parse_options(name, cls, options or {}))


def provides(name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
    """The categories *name* would give with *options*, without loading it."""
    cls = find(name)
    return cls.provides(parse_options(name, cls, options or {}))
