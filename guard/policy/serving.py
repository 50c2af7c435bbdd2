"""Which classifiers have to run for the rules of a policy to mean something. Pure, given a catalogue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, get_origin, get_type_hints

from guard.errors import RegistryError, did_you_mean
from guard.taxonomy import OPEN_PARENTS, covers

if TYPE_CHECKING:
    from guard.classifier import Classifier


class Catalog(Protocol):
    """What the loader asks of the installed classifiers; the module ``guard.registry`` is one."""

    def names(self) -> tuple[str, ...]:
        """Names of every classifier that is installed."""
        ...

    def provides(self, name: str, options: Mapping[str, object] | None = None) -> frozenset[str]:
        """The categories *name* would give with *options*. Raises `RegistryError`."""
        ...

    def find(self, name: str) -> type[Classifier[Any]]:
        """The class called *name*. Raises `RegistryError`."""
        ...


@dataclass(frozen=True, slots=True)
class Offers:
    """What each classifier would give: *named* ones as the policy sets them up, *idle* ones with default options.

    *automatic* holds the names that serve without being named; *unusable* says why an installed one cannot.
    """

    named: Mapping[str, frozenset[str]]
    idle: Mapping[str, frozenset[str]]
    automatic: frozenset[str]
    unusable: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def gather(cls, catalog: Catalog, named: Mapping[str, frozenset[str]]) -> Offers:
        """Ask *catalog* about every classifier; one that cannot be imported offers nothing."""
        idle: dict[str, frozenset[str]] = {}
        automatic: set[str] = set()
        unusable: dict[str, str] = {}
        for name in catalog.names():
            try:
                if catalog.find(name).automatic:
                    automatic.add(name)
                if name not in named:
                    idle[name] = catalog.provides(name, {})
            except RegistryError as error:
                unusable[name] = str(error)
        return cls(named, idle, frozenset(automatic), unusable)

    def serving(self, category: str) -> tuple[str, ...]:
        """Names of the classifiers that serve a rule on *category*; none if nothing gives it.

        Naming an automatic classifier sets its options, no more. Naming one that is not automatic (a model of
        one's own) puts it in place of those automatic ones that would add nothing: it gives the very category
        of the rule, or all that they would give to it. So no list of words can switch a model off unseen.
        """
        named = [name for name, given in self.named.items() if _serves(given, category)]
        chosen = [self.named[name] for name in named if name not in self.automatic]
        substitutes = frozenset[str]().union(*chosen)
        idle = [
            name
            for name, given in self.idle.items()
            if name in self.automatic
            and _serves(given, category)
            and category not in substitutes
            and not (frozenset() < _part(given, category) <= substitutes)
        ]
        return (*named, *idle)

    def why_not(self, category: str, option: str | None = None) -> str:
        """What would make a rule on *category* work; *option* is what `option_for` says."""
        waiting = sorted(name for name, given in self.idle.items() if _serves(given, category))
        if waiting:
            return f"name `{waiting[0]}` under `classifiers:`"
        if option:
            return option
        every = frozenset[str]().union(*self.named.values(), *self.idle.values())
        near = {one for one in every if one.partition(".")[0] == category.partition(".")[0]}
        hint = did_you_mean(category, near or every) if every else "no classifier is installed"
        if self.unusable:
            hint += f" ({'; '.join(self.unusable.values())})"
        return hint


def option_for(category: str, catalog: Catalog, options: Mapping[str, Mapping[str, object]]) -> str | None:
    """Which option of which classifier would give *category*, if one does; *options* are those of the policy.

    Found by trying: options that list words, or lists by name, are given the last part of the category.
    """
    word = category.partition(".")[2] or category
    for name in catalog.names():
        given = options.get(name, {})
        with contextlib.suppress(RegistryError):
            cls = catalog.find(name)
            for option, tried, written in _trials(cls, given, word) if _serves(cls.categories, category) else ():
                with contextlib.suppress(RegistryError):
                    if _serves(catalog.provides(name, {**given, option: tried}), category):
                        example = f"classifiers: {{{name}: {{{option}: {written}}}}}"
                        return f"`{name}` gives it when its option `{option}` names `{word}`: `{example}`"
    return None


def _trials(cls: type[Classifier[Any]], given: Mapping[str, object], word: str) -> Iterator[tuple[str, object, str]]:
    """Each option of *cls* that may take *word*, with a value that names it, and that value as it is written."""
    for option, kind in get_type_hints(cls.Options).items():
        if get_origin(kind) is tuple:
            before = given.get(option)
            listed = [*before, word] if isinstance(before, list | tuple) else [word]
            yield option, listed, f"[{', '.join(map(str, listed))}]"
        elif get_origin(kind) in (dict, Mapping):
            yield option, {word: ["…"]}, f"{{{word}: […]}}"


def needs(
    categories: Iterable[str], options: Mapping[str, Mapping[str, object]], offers: Offers
) -> dict[str, Mapping[str, object]]:
    """Every classifier to run, with its options: those named in the policy, and those that *categories* call for."""
    found = dict(options)
    for category in categories:
        for name in offers.serving(category):
            found.setdefault(name, {})
    return found


def _serves(given: frozenset[str], category: str) -> bool:
    """Whether a classifier that gives *given* can make a rule on *category* fire.

    A parent does not make a rule on its child fire, so giving `toxicity` does not serve `toxicity.severe`. Below
    an open parent names are the policy's own: a classifier that declares `custom` may give any `custom.<name>`.
    """
    return any(covers(category, one) or (one in OPEN_PARENTS and covers(one, category)) for one in given)


def _part(given: frozenset[str], category: str) -> frozenset[str]:
    return frozenset(one for one in given if covers(category, one))
