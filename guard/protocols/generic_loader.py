"""Descriptions of generators' protocols, read from YAML with errors that name path, line and column.

.. code-block:: yaml

    protocol: a1111
    routes: [/sdapi/v1/txt2img]
    request:
      required: [/prompt]
      guarded: [/prompt, /negative_prompt]
      constrained: [/sampler_name]
      numbers: [/steps, {pointer: /seed, digits: 10}]
    answer:
      required: [/images]
      images: [/images/*]
      json: [/info]
      guarded: [/info/prompt]
    error: {detail: "{message}", code: "{code}"}

Pointers are RFC 6901, with ``*`` for every item or key. What none of them names is judged as ``unknown``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guard.errors import ConfigError, PolicyError
from guard.policy import document
from guard.protocols.generic import (
    FIELDS,
    DescribedAdapter,
    Description,
    Exempt,
    Number,
    Side,
    Steps,
    Tree,
    Unscannable,
    adapter_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from guard.policy.document import Field as Node
    from guard.protocols.contract import Field

BUNDLED = Path(__file__).parent / "described"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ROUTE = re.compile(r"(?:/[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)*)+")
_ESCAPE = re.compile(r"~(?![01])")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_PLACEHOLDERS = frozenset(("{code}", "{message}", "{param}"))
_SIDE = ("required", "model", "json", *FIELDS, "numbers", "opaque", "unscannable")
_MOST_DIGITS = 20


def load_protocols(names: Iterable[str], taken: Collection[str] = ()) -> tuple[DescribedAdapter, ...]:
    """The protocols that *names* describe: files, folders of them, or names of bundled ones.

    Raises:
        ConfigError: the first thing that is wrong, or a route that is among those *taken*.
    """
    adapters: list[DescribedAdapter] = []
    routes, known = set(taken), set[str]()
    for file in [file for name in names for file in _files(name)]:
        try:
            adapter = adapter_of(_description(document.read_file(file), routes, known))
        except PolicyError as error:
            raise ConfigError(error.path, error.line, error.col, error.problem, error.hint) from None
        routes.update(adapter.routes)
        known.add(adapter.name)
        adapters.append(adapter)
    return tuple(adapters)


def bundled_protocols() -> list[str]:
    """The names of the descriptions that come with the gateway."""
    return sorted(path.stem for path in BUNDLED.glob("*.yaml"))


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(path.glob("*.yaml"))
        if not found:
            raise ConfigError(name, 1, 1, "the folder holds no description", "add a .yaml file, or name another folder")
        return found
    if name in bundled_protocols():
        return [BUNDLED / f"{name}.yaml"]
    known = ", ".join(bundled_protocols())
    raise ConfigError(name, 1, 1, "there is no such protocol", f"name a file, a folder, or a bundled one ({known})")


def _description(root: Node, taken: Collection[str], known: Collection[str]) -> Description:
    top = root.members(
        ("protocol", "description", "routes", "upstream", "request", "answer", "error"),
        required=("protocol", "routes", "request", "answer"),
    )
    name = top["protocol"].text()
    if not _NAME.fullmatch(name):
        top["protocol"].fail("`protocol` should be one lower-case word", "write one such as `my_generator`")
    if name in known:
        top["protocol"].fail("another description has that name", "give it a name of its own")
    routes: list[str] = []
    for item in top["routes"].items():
        route = _route(item)
        if route in taken or route in routes:
            item.fail("that route is served already", "take it out, or write another path and `upstream:`")
        routes.append(route)
    if "description" in top:
        top["description"].text()
    described = Description(name, tuple(routes), _side(top["request"]), _side(top["answer"]))
    if "upstream" in top:
        described = replace(described, upstream=_route(top["upstream"]))
    if "error" in top:
        described = replace(described, error=_error(top["error"]))
    return described


def _route(value: Node) -> str:
    route = value.text()
    if not _ROUTE.fullmatch(route):
        value.fail(f"{value.name} is no plain path", "write one such as /sdapi/v1/txt2img, without escapes or a query")
    return route


def _side(value: Node) -> Side:
    found = value.members(_SIDE)
    tree = Tree()
    for name, judged in FIELDS.items():
        for item in found[name].items() if name in found else ():
            _plant(tree, item, _steps(item), judged)
    for item in found["numbers"].items() if "numbers" in found else ():
        if item.is_mapping:
            pair = item.members(("pointer", "digits"), required=("pointer", "digits"))
            digits = pair["digits"].whole(1)
            if digits > _MOST_DIGITS:
                pair["digits"].fail(f"`digits` is {digits}", f"it should be at most {_MOST_DIGITS}")
            _plant(tree, pair["pointer"], _steps(pair["pointer"]), Number(digits))
        else:
            _plant(tree, item, _steps(item), Number())
    for name in ("opaque", "unscannable"):
        for item in found[name].items() if name in found else ():
            pair = item.members(("pointer", "reason"), required=("pointer", "reason"))
            reason = pair["reason"].text()
            _plant(
                tree, pair["pointer"], _steps(pair["pointer"]), Exempt() if name == "opaque" else Unscannable(reason)
            )
    inner = sorted((_steps(item) for item in found["json"].items()), key=len) if "json" in found else []
    required = [_steps(item) for item in found["required"].items()] if "required" in found else []
    model = _steps(found["model"]) if "model" in found else None
    return Side(tree, tuple(required), tuple(inner), model)


def _steps(value: Node) -> Steps:
    """The steps of the JSON pointer that *value* is."""
    text = value.text()
    steps = text.split("/")
    if steps[0] or len(steps) < 2 or _ESCAPE.search(text) or not all(steps[1:]):
        value.fail(f"{value.name} is no JSON pointer", "write one such as `/prompt` or `/images/*`")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps[1:])


def _plant(tree: Tree, at: Node, steps: Steps, judged: Field) -> None:
    """Put *judged* at the end of *steps*, where nothing else may stand, above or below."""
    for step in steps:
        if tree.own is not None:
            at.fail("it lies inside what another pointer names", "take one of them out")
        tree = tree.below.setdefault(step, Tree())
    if tree.own is not None:
        at.fail("another pointer names the same place", "say what it is once")
    if tree.below:
        at.fail("other pointers lie inside it", "take one of them out")
    tree.own = judged


def _error(value: Node) -> Any:
    """The template of an error's body."""
    if not value.is_mapping:
        value.fail("`error` should be a mapping", 'write one such as `error: {detail: "{message}"}`')
    template = value.plain()
    texts = list(_texts(template))
    for text in texts:
        if _PLACEHOLDER.search(text) and text not in _PLACEHOLDERS:
            value.fail("`error` has a text that is no placeholder", "write `{code}`, `{message}` or `{param}` alone")
    if "{message}" not in texts:
        value.fail("`error` has no place for the message", 'write `"{message}"` where it belongs')
    return template


def _texts(template: Any) -> Iterable[str]:
    if isinstance(template, str):
        yield template
    for item in template.values() if isinstance(template, dict) else template if isinstance(template, list) else ():
        yield from _texts(item)
