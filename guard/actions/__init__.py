"""Enforce: from a content and the decision on it to what may be released.

Each public module of this package holds one `Action`, named like the module; a newcomer adds one file.
"""

from __future__ import annotations

import dataclasses  # not `replace`: that is an action here
import importlib
import inspect
import pkgutil
from types import MappingProxyType
from typing import TYPE_CHECKING

from guard.actions._wording import in_locale, refusal, unmade, unread
from guard.decision import Action, Cause, Held, Refusal
from guard.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from guard.content import Content
    from guard.decision import Decision, Effect

_PASSIVE = frozenset({"allow", "flag"})
"""Actions a decision may have without any effect, since they change nothing."""


def _family(modules: Iterable[ModuleType]) -> dict[str, type[Action]]:
    """The action of each module by name, weakest first.

    Raises:
        RegistryError: a module without exactly one action, a name unlike its module's, a strength used twice.
    """
    found: dict[int, type[Action]] = {}
    for module in modules:
        own = [
            value
            for value in vars(module).values()
            if inspect.isclass(value) and issubclass(value, Action) and value.__module__ == module.__name__
        ]
        name = module.__name__.rpartition(".")[2]
        if len(own) != 1 or own[0].name != name:
            msg = f"module `{module.__name__}` should define exactly one Action, with the name `{name}`"
            raise RegistryError(msg)
        other = found.setdefault(own[0].strength, own[0])
        if other is not own[0]:
            msg = f"actions `{other.name}` and `{name}` both have strength {own[0].strength}; strengths must differ"
            raise RegistryError(msg)
    return {found[strength].name: found[strength] for strength in sorted(found)}


ACTIONS: Mapping[str, type[Action]] = MappingProxyType(
    _family(
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.name.startswith("_")
    )
)
"""Every action by its name in policies, weakest first."""


def enforce(content: Content, decision: Decision) -> Content | Refusal:
    """What may be released of *content* under *decision*, or what is sent instead.

    Effects are applied by kind, weakest first, but for the late ones, which go last. A refusal stands whatever other
    actions do; that of the strongest is sent.
    A decision to change or block content that no effect carries out (a classifier failed, a part could not be
    read) is a refusal by its cause, and stronger than to hold it for a person. Pure; never raises for findings that
    lie outside the content.
    """
    if not decision.enforced:
        return content
    groups: dict[type[Action], list[Effect]] = {}
    for effect in decision.effects:
        groups.setdefault(type(effect.action), []).append(effect)
    refused: Refusal | None = None
    for action in sorted(groups, key=lambda cls: (cls.late, cls.strength)):
        left = action.apply(content, groups[action])
        if isinstance(left, Refusal):
            refused = left
        else:
            content = left
    if isinstance(refused, Held):
        # As late actions left it. What a person may release is not what could not be looked at.
        refused = dataclasses.replace(refused, content=content) if decision.action == "review" else None
    if refused is not None:
        return refused
    carried_out = decision.action in _PASSIVE or any(action.name == decision.action for action in groups)
    if carried_out:
        return content
    unscannable = decision.coverage.unscannable if decision.cause is Cause.UNSCANNABLE else ()
    message = unread(*unscannable[0], content.locale) if unscannable else None
    again = max((failure.retry_after_s for failure in decision.failures), default=0.0)
    return refusal(content.locale, cause=decision.cause, message=message, retry_after_s=again)


def unchanged(decision: Decision, locale: str, *, late: bool = False) -> Refusal:
    """What is sent where a medium could not be changed as *decision* asked: by its rules, or if *late* a time-out."""
    if late:
        return refusal(locale, cause=Cause.TIMEOUT)
    changing = [effect for effect in decision.effects if effect.action.name not in _PASSIVE]
    message = next((text for effect in changing if (text := in_locale(effect.message, locale))), None)
    rules = tuple(dict.fromkeys(effect.rule for effect in changing))
    return refusal(locale, rules=rules, message=message or unmade(locale))
