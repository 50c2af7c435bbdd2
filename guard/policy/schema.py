"""The JSON Schema of policy files (draft 2020-12), for editors. Made from the same tables that the loader reads.

It says less than the loader: it knows no duplicate keys, no ties, and not which classifier gives what.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from guard.content import Direction
from guard.errors import RegistryError
from guard.policy.loader import KEBAB, LOCALE, ON_FAILURE, POLICY_KEYS, READABLE, RULE_KEYS
from guard.policy.model import ROLES, Inconclusive, Mode, Remember, Trailing, UnknownFields
from guard.policy.options import option_types
from guard.taxonomy import CATEGORIES, OPEN_PARENTS

if typing.TYPE_CHECKING:
    from guard.decision import Action
    from guard.policy.serving import Catalog

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_SCORE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_SAID = {
    "policy": "The name of the policy, in lower-case words joined by hyphens.",
    "description": "What it is for, in a sentence.",
    "match": "Which requests it is for; `*` stands for any characters. The most specific match wins.",
    "mode": "enforce, or shadow: decide and record, change nothing.",
    "on_error": "What to do when a classifier failed or answered nonsense.",
    "on_timeout": "What to do when a classifier took too long.",
    "on_overload": "What to do when there is no capacity.",
    "unknown_fields": "Text in fields that no protocol names: scan it, or refuse the request.",
    "race_input": "Ask the generator while the request is still being judged; nothing is released before.",
    "trailing": "What becomes of bytes behind the end of a picture: stripped, refused as unscannable, or let through.",
    "remember": "Who may be answered with findings of identical contents: the same tenant, all, or none.",
    "release_below": "Send sentences of a stream before they are scored, while all scores so far are below this.",
    "unscannable": "What to do with content that no classifier could read.",
    "classifiers": "Classifiers that always run for this policy, with their options.",
    "rules": "Every rule is looked at; the strongest action wins.",
    "id": "The rule's name in decisions and records, in lower-case words joined by hyphens.",
    "message": "What people are told, by locale; `en` is needed.",
    "directions": "Where to look: the input, the output, or both (if left out).",
    "modalities": "What to look at; everything if left out.",
    "roles": "Whose content to look at; everybody's if left out.",
    "when": "The condition: one operator, which may hold others.",
    "then": "The action: its name, or its name with options.",
}


def json_schema(actions: Mapping[str, type[Action]], catalog: Catalog) -> Schema:
    """The schema of a policy file that uses *actions* and the classifiers of *catalog*."""
    failure = _one_of(ON_FAILURE)
    top: dict[str, Schema] = {
        "policy": {"type": "string", "pattern": f"^{KEBAB.pattern}$"},
        "description": _TEXT,
        "match": _object({key: _list({"type": "string", "pattern": r"^[^?\[\]]+$"}) for key in _MATCH_KEYS}),
        "mode": _one_of(Mode),
        "on_error": failure,
        "on_timeout": failure,
        "on_overload": failure,
        "unknown_fields": _one_of(UnknownFields),
        "unscannable": failure,
        "race_input": {"type": "boolean"},
        "release_below": _SCORE,
        "remember": _one_of(Remember),
        "trailing": _one_of(Trailing),
        "classifiers": _object({name: _classifier(name, catalog) for name in catalog.names()}),
        "rules": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/rule"}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "guard policy",
        **_object(_described(top, POLICY_KEYS), required=("policy", "rules")),
        "$defs": {
            "rule": _rule(),
            "category": {"anyOf": [_one_of(CATEGORIES), {"type": "string", "pattern": _open_categories()}]},
            "condition": _condition(),
            "action": _action(actions),
        },
    }


_MATCH_KEYS = ("routes", "tenants", "models")


def _rule() -> Schema:
    parts: dict[str, Schema] = {
        "id": {"type": "string", "pattern": f"^{KEBAB.pattern}$"},
        "message": {
            "type": "object",
            "required": ["en"],
            "patternProperties": {f"^{LOCALE.pattern}$": _TEXT},
            "additionalProperties": False,
        },
        "description": _TEXT,
        "directions": _list(_one_of(Direction)),
        "modalities": _list(_one_of(READABLE)),
        "roles": _list(_one_of(ROLES)),
        "when": {"$ref": "#/$defs/condition"},
        "then": {"$ref": "#/$defs/action"},
    }
    return _object(_described(parts, RULE_KEYS), required=("id", "when", "then"))


def _condition() -> Schema:
    category: Schema = {"$ref": "#/$defs/category"}
    inner: Schema = {"$ref": "#/$defs/condition"}
    several = {"type": "array", "minItems": 1, "items": inner}
    count = {"type": "integer", "minimum": 1}
    leaf = {"category": category, "at_least": _SCORE, "at_most": _SCORE, "count": count}
    operators: tuple[Schema, ...] = (
        leaf, {"missing": category, "inconclusive": _one_of(Inconclusive)},
        {"any": several}, {"all": several}, {"not": inner},
    )  # fmt: skip
    return {"oneOf": [_object(parts, required=(next(iter(parts)),)) for parts in operators]}


def _action(actions: Mapping[str, type[Action]]) -> Schema:
    long = [_object({name: _options(cls)}, required=(name,)) for name, cls in sorted(actions.items())]
    short = [name for name, cls in actions.items() if not _required(cls)]
    return {"oneOf": [_one_of(short), *long]}


def _classifier(name: str, catalog: Catalog) -> Schema:
    """The options of *name*; anything, where it cannot be asked."""
    try:
        options = _options(catalog.find(name).Options)
    except RegistryError:
        return {"type": ["object", "null"]}
    return {**options, "type": ["object", "null"]}


def _options(cls: type[Any]) -> Schema:
    return _object({name: _type(hint) for name, hint in option_types(cls).items()}, required=_required(cls))


def _required(cls: type[Any]) -> tuple[str, ...]:
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    missing = dataclasses.MISSING
    return tuple(f.name for f in fields if f.init and f.default is missing and f.default_factory is missing)


def _type(hint: Any) -> Schema:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_type(arg) for arg in args]}
    if origin in (tuple, frozenset):
        return {"type": "array", "items": _type(args[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _type(args[1])}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return _one_of(hint)
    names = {bool: "boolean", int: "integer", float: "number", str: "string", types.NoneType: "null"}
    return {"type": names[hint]} if hint in names else {}


def _open_categories() -> str:
    return rf"^({'|'.join(OPEN_PARENTS)})(\.[^.]+)+$"


def _described(parts: Mapping[str, Schema], keys: Iterable[str]) -> dict[str, Schema]:
    return {key: {"description": _SAID[key], **parts[key]} for key in keys}


def _object(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    names = list(required)
    return {**found, "required": names} if names else found


def _list(item: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": item}


def _one_of(names: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(name) for name in names]}
