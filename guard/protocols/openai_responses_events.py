"""The events of OpenAI's responses protocol: which texts grow in them, and a whole answer written as a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.content import Path
from guard.protocols import sse
from guard.protocols.contract import WORD
from guard.protocols.strict_json import dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Growing:
    """A text that comes in ``<stem>.delta`` events, and again whole as *field* of ``<stem>.done``.

    *place* is where it stands in its item; a step that ends in ``_index`` is filled in from the event. Texts of one
    *thread* are read as one.
    """

    stem: str
    field: str
    kind: str
    place: tuple[str, ...]
    thread: Path | None = None

    def path(self, output_index: int, indices: Mapping[str, int]) -> Path:
        """Where it stands in the answer."""
        return ("output", output_index, *(indices[step] if step.endswith("_index") else step for step in self.place))

    @property
    def indices(self) -> tuple[str, ...]:
        """The indices that tell it from others of its item."""
        return tuple(step for step in self.place if step.endswith("_index"))


_CONTENT, _SUMMARY = ("content", "content_index"), ("summary", "summary_index")
GROWING = {
    one.stem: one
    for one in (
        Growing("response.output_text", "text", "message", (*_CONTENT, "text"), ("message",)),
        Growing("response.refusal", "refusal", "refusal", (*_CONTENT, "refusal"), ("message",)),
        Growing("response.reasoning_text", "text", "reasoning", (*_CONTENT, "text"), ("reasoning",)),
        Growing("response.reasoning_summary_text", "text", "reasoning", (*_SUMMARY, "text"), ("summary",)),
        Growing("response.function_call_arguments", "arguments", "tool_arguments", ("arguments",)),
        Growing("response.mcp_call_arguments", "arguments", "tool_arguments", ("arguments",)),
        Growing("response.custom_tool_call_input", "input", "tool_arguments", ("input",)),
        Growing("response.code_interpreter_call_code", "code", "tool_arguments", ("code",)),
        Growing(
            "response.shell_call_command", "command", "tool_arguments", ("action", "commands", "command_index")
        ),
    )
}  # fmt: skip
_OF_PART = {
    ("content", "output_text"): GROWING["response.output_text"],
    ("content", "refusal"): GROWING["response.refusal"],
    ("content", "reasoning_text"): GROWING["response.reasoning_text"],
    ("summary", "summary_text"): GROWING["response.reasoning_summary_text"],
}
_OF_ITEM = {
    "function_call": GROWING["response.function_call_arguments"],
    "mcp_call": GROWING["response.mcp_call_arguments"],
    "custom_tool_call": GROWING["response.custom_tool_call_input"],
    "code_interpreter_call": GROWING["response.code_interpreter_call_code"],
}
_HAVE_PARTS = frozenset(("message", "reasoning"))


def growing_in_part(field: str, part: Any) -> Growing | None:
    """The text of a *part* of an item's *field* that grows, if one does."""
    kind = part.get("type") if isinstance(part, dict) else None
    return _OF_PART.get((field, kind)) if isinstance(kind, str) else None


def growing_in_item(item: Mapping[str, Any]) -> Iterator[tuple[Growing, dict[str, int]]]:
    """The texts that *item* holds and that grow in a stream, with their indices."""
    kind = item.get("type")
    if not isinstance(kind, str):
        return
    if kind in _HAVE_PARTS:
        for field, index in (_SUMMARY, _CONTENT):
            parts = item.get(field)
            for number, part in enumerate(parts if isinstance(parts, list) else ()):
                growing = growing_in_part(field, part)
                if growing is not None and isinstance(part.get(growing.field), str):
                    yield growing, {index: number}
    elif kind in _OF_ITEM:
        if isinstance(item.get(_OF_ITEM[kind].field), str):
            yield _OF_ITEM[kind], {}
    elif kind == "shell_call":
        action = item.get("action")
        commands = action.get("commands") if isinstance(action, dict) else None
        for number, command in enumerate(commands if isinstance(commands, list) else ()):
            if isinstance(command, str):
                yield GROWING["response.shell_call_command"], {"command_index": number}


def reach(document: Any, path: Path) -> Any:
    """What stands at *path*."""
    for step in path:
        document = document[step]
    return document


def put(document: Any, path: Path, value: Any) -> None:
    """Put *value* at *path*."""
    reach(document, path[:-1])[path[-1]] = value


class EventWriter:
    """Writes events, numbered in their order."""

    def __init__(self) -> None:
        self._number = 0

    def write(self, event: Mapping[str, Any]) -> bytes:
        """One event, named as its type, if that is a word."""
        kind = event.get("type")
        name = kind if isinstance(kind, str) and WORD.fullmatch(kind) else ""
        numbered = {"type": kind, "sequence_number": self._number} | {
            key: value for key, value in event.items() if key not in {"type", "sequence_number"}
        }
        self._number += 1
        return sse.write(dump(numbered), name)


ENDINGS = {"incomplete": "response.incomplete", "failed": "response.failed", "cancelled": "response.failed"}
_NOT_YET: dict[str, Any] = {"status": "in_progress", "output": [], "usage": None, "error": None}


def as_stream(response: dict[str, Any]) -> bytes:
    """The whole *response* as the events that a client would have seen of it."""
    writer = EventWriter()
    begun = {**response, **{key: value for key, value in _NOT_YET.items() if key in response or key == "status"}}
    begun = {**begun, "incomplete_details": None, "completed_at": None, "output": []}
    out = [writer.write({"type": f"response.{stage}", "response": begun}) for stage in ("created", "in_progress")]
    for number, item in enumerate(response["output"]):
        out += (writer.write({**event, "output_index": number}) for event in _item_events(item))
    ending = ENDINGS.get(str(response.get("status")), "response.completed")
    out.append(writer.write({"type": ending, "response": response}))
    return b"".join(out)


def _item_events(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "response.output_item.added", "item": _begun(item)}
    base = {"item_id": item.get("id") or ""}
    if item.get("type") in _HAVE_PARTS:
        for field, index in (_SUMMARY, _CONTENT):
            for number, part in enumerate(item.get(field) or ()):
                yield from _part_events(field, part, {**base, index: number})
    else:
        for growing, indices in growing_in_item(item):
            text = reach({"output": {0: item}}, growing.path(0, indices))
            if growing.stem == "response.shell_call_command":
                yield {"type": f"{growing.stem}.added", "command": "", **indices}
            yield {"type": f"{growing.stem}.delta", **base, **indices, "delta": text}
            yield {"type": f"{growing.stem}.done", **base, **indices, growing.field: text}
    yield {"type": "response.output_item.done", "item": item}


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    """*item* as it is before anything of it has come."""
    blank: dict[str, Any] = {"status": "in_progress"} if "status" in item else {}
    if item.get("type") in _HAVE_PARTS:
        blank |= {field: [] for field in ("content", "summary") if isinstance(item.get(field), list)}
    elif item.get("type") == "shell_call" and isinstance(item.get("action"), dict):
        blank["action"] = {**item["action"], "commands": []}
    elif item.get("type") == "image_generation_call":
        blank["result"] = None
    else:
        blank |= {growing.field: "" for growing, _ in growing_in_item(item)}
    return {**item, **blank}


def _part_events(field: str, part: dict[str, Any], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stage = "response.content_part" if field == "content" else "response.reasoning_summary_part"
    growing = growing_in_part(field, part)
    if growing is None:
        yield {"type": f"{stage}.added", **base, "part": part}
        yield {"type": f"{stage}.done", **base, "part": part}
        return
    blank: dict[str, Any] = {growing.field: ""}
    blank |= {name: [] for name in ("annotations", "logprobs") if part.get(name)}
    text = part.get(growing.field) or ""
    tokens = {"logprobs": part.get("logprobs") or []} if growing.stem == "response.output_text" else {}
    yield {"type": f"{stage}.added", **base, "part": {**part, **blank}}
    if text:
        yield {"type": f"{growing.stem}.delta", **base, "delta": text, **tokens}
    for number, annotation in enumerate(part.get("annotations") or ()):
        yield {"type": "response.output_text.annotation.added", **base, "annotation_index": number,
               "annotation": annotation}  # fmt: skip
    yield {"type": f"{growing.stem}.done", **base, growing.field: text, **tokens}
    yield {"type": f"{stage}.done", **base, "part": part}
