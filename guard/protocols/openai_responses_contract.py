"""What each field of OpenAI's responses protocol is: items, tools, requests, answers, events.

After openai-python's types (``response_create_params.py``, ``response_input_item_param.py``,
``response_output_item.py``, ``response.py``, ``response_stream_event.py``). Items travel both ways: what was an answer
is sent again with the next turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.content import OpaquePart, Path
from guard.protocols.attachments import Blob, MediaUrl, Sealed, StoredFile
from guard.protocols.contract import (
    TIME_DIGITS,
    Constrained,
    Each,
    Field,
    Guarded,
    Object,
    OneOf,
    Scalar,
    TextOr,
    refuse,
    walk_unknown,
)
from guard.protocols.logprobs import TokenList
from guard.protocols.openai_common import TOKEN_USAGE
from guard.protocols.posture import Posture

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from guard.protocols.contract import Walk

_WORD, _NUMBER, _TIME = Constrained(), Scalar(), Scalar(TIME_DIGITS)
_NAME, _URL, _ERROR, _SCHEMA = Guarded("name"), Guarded("url"), Guarded("error"), Guarded("tool_schema")
_ARGUMENTS, _RESULT, _REASONING = Guarded("tool_arguments"), Guarded("tool_result"), Guarded("reasoning")
_MEDIUM = TextOr(MediaUrl(), Scalar())
_STORED_ANSWER = StoredFile("an earlier turn that the generator keeps cannot be seen; send its items")


@dataclass(frozen=True, slots=True)
class By(Field):
    """*field*, said by *role*."""

    role: str
    field: Field

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(f"what the role `{self.role}` says")

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("", self.field),)

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:  # noqa: ARG002
        """As that role's."""
        self.field.walk(value, walk, path, pointer, self.role)


def _words(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, _WORD)


def _numbers(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, _NUMBER)


ANNOTATION = Object(
    {
        **_words("type", "file_id", "container_id"),
        **_numbers("index", "start_index", "end_index"),
        "filename": _NAME,
        "title": Guarded(),
        "url": _URL,
    }
)


def _parts(kind: str) -> OneOf:
    """The parts of a message or tool result whose texts are of *kind*."""
    cached: dict[str, Field] = {"type": _WORD, "prompt_cache_breakpoint": _NAME}
    return OneOf(
        {
            "input_text": Object({**cached, "text": Guarded(kind)}),
            "input_image": Object({**cached, "image_url": _MEDIUM, "file_id": StoredFile(), "detail": _WORD}),
            "input_file": Object(
                {
                    **cached,
                    **dict.fromkeys(("file_data", "file_url"), _MEDIUM),
                    "file_id": StoredFile(),
                    "filename": _NAME,
                    "detail": _WORD,
                }
            ),
            "input_audio": Object({**cached, "input_audio": Object({"data": Blob("audio"), "format": _WORD})}),
            "output_text": Object(
                {**cached, "text": Guarded(kind), "annotations": Each(ANNOTATION), "logprobs": TokenList()}
            ),
            "refusal": Object({**cached, "refusal": Guarded("refusal")}),
            "reasoning_text": Object({**cached, "text": _REASONING}),
            "summary_text": Object({**cached, "text": _REASONING}),
            "output_audio": Object({**cached, "data": Blob("audio"), "transcript": Guarded("transcript")}),
            "computer_screenshot": Object({**cached, "image_url": _MEDIUM, "file_id": StoredFile()}),
        }
    )


PART = _parts("message")
_RESULT_PART = _parts("tool_result")
_BASE: dict[str, Field] = _words("type", "id", "status", "call_id", "created_by")
_CALLER = Object(_words("type", "caller_id"))
_MESSAGE = OneOf(
    dict.fromkeys(
        ("user", "assistant", "system", "developer", "tool", "critic", "discriminator"),
        Object({**_BASE, **_words("role", "phase"), "content": TextOr(Guarded(), Each(PART))}),
    ),
    tag="role",
)
_CHECKS = Each(Object({"id": _WORD, "code": _WORD, "message": Guarded()}))
_CALLED: dict[str, Field] = {**_BASE, "name": _NAME, "namespace": _NAME, "caller": _CALLER, "async": _NUMBER}


@dataclass(frozen=True, slots=True)
class Tools(Field):
    """Tool definitions: judged leaf by leaf; what they let the generator read of its own stores is unscannable."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(
            "guarded as `tool_schema`; stores that tools may read are unscannable", ("tool_schema", "opaque")
        )

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """All texts, and one opaque part per store."""
        _SCHEMA.walk(value, walk, path, pointer, role)
        for index, tool in enumerate(value if isinstance(value, list) else ()):
            if isinstance(tool, dict) and _reads_stores(tool):
                why = "what the generator keeps and lets a tool read cannot be seen"
                walk.add(OpaquePart(why, f"{pointer}/{index}#", (*path, index), role))


def _reads_stores(tool: dict[str, Any]) -> bool:
    container, mask = tool.get("container"), tool.get("input_image_mask")
    address = mask.get("image_url") if isinstance(mask, dict) else None
    return bool(
        tool.get("vector_store_ids")
        or (isinstance(container, dict) and container.get("file_ids"))
        or (isinstance(mask, dict) and mask.get("file_id"))
        or (isinstance(address, str) and address[:5].lower() != "data:")
    )


_SHELL_OUTPUT = Each(
    Object({"outcome": Object({"type": _WORD, "exit_code": _NUMBER}), "stdout": _RESULT, "stderr": _RESULT,
            "created_by": _WORD})
)  # fmt: skip
ITEMS: Mapping[str, Field] = {
    "message": _MESSAGE,
    "reasoning": Object(
        {**_BASE, "summary": Each(PART), "content": Each(PART), "encrypted_content": Sealed()}
    ),
    "compaction": Object({**_BASE, "encrypted_content": Sealed()}),
    "compaction_trigger": Object(_BASE),
    "item_reference": Object({**_BASE, "id": _STORED_ANSWER}),
    "function_call": Object({**_CALLED, "arguments": _ARGUMENTS}),
    "custom_tool_call": Object({**_CALLED, "input": _ARGUMENTS}),
    "function_call_output": Object({**_CALLED, "output": TextOr(_RESULT, Each(_RESULT_PART))}),
    "custom_tool_call_output": Object({**_CALLED, "output": TextOr(_RESULT, Each(_RESULT_PART))}),
    "tool_search_call": Object({**_BASE, "arguments": _ARGUMENTS, "execution": _WORD}),
    "tool_search_output": Object({**_BASE, "tools": Tools(), "execution": _WORD}),
    "additional_tools": Object({**_BASE, "role": _WORD, "tools": Tools()}),
    "configuration_update": Object(
        {**_BASE, "reasoning": Object(_words("effort")), "text": Object({"format": _SCHEMA})}
    ),
    "file_search_call": Object(
        {
            **_BASE,
            "queries": _ARGUMENTS,
            "results": Each(
                Object({"file_id": _WORD, "filename": _NAME, "score": _NUMBER, "text": _RESULT, "attributes": _RESULT})
            ),
        }
    ),
    "web_search_call": Object(
        {
            **_BASE,
            "action": Object(
                {
                    "type": _WORD,
                    "query": _ARGUMENTS,
                    "queries": _ARGUMENTS,
                    "pattern": _ARGUMENTS,
                    "url": _URL,
                    "sources": Each(Object({"type": _WORD, "url": _URL, "name": _NAME})),
                }
            ),
        }
    ),
    "computer_call": Object(
        {**_BASE, "action": _ARGUMENTS, "actions": _ARGUMENTS, "pending_safety_checks": _CHECKS}
    ),
    "computer_call_output": Object({**_BASE, "output": PART, "acknowledged_safety_checks": _CHECKS}),
    "code_interpreter_call": Object(
        {
            **_BASE,
            "code": _ARGUMENTS,
            "container_id": _WORD,
            "outputs": Each(Object({"type": _WORD, "logs": _RESULT, "url": _MEDIUM})),
        }
    ),
    "image_generation_call": Object(
        {
            **_BASE,
            **_words("action", "background", "output_format", "quality", "size"),
            "result": Blob("image"),
            "revised_prompt": Guarded(),
            "error": _ERROR,
            "svg_usage": Object(
                {"model": _WORD, **_numbers("input_tokens", "output_tokens", "reasoning_tokens", "total_tokens")}
            ),
        }
    ),
    "local_shell_call": Object({**_BASE, "action": _ARGUMENTS}),
    "local_shell_call_output": Object({**_BASE, "output": _RESULT}),
    "shell_call": Object(
        {
            **_BASE,
            "caller": _CALLER,
            "environment": _ARGUMENTS,
            "action": Object({"commands": Each(_ARGUMENTS), **_numbers("max_output_length", "timeout_ms")}),
        }
    ),
    "shell_call_output": Object(
        {**_BASE, "caller": _CALLER, "output": _SHELL_OUTPUT, "max_output_length": _NUMBER}
    ),
    "apply_patch_call": Object({**_BASE, "caller": _CALLER, "operation": _ARGUMENTS}),
    "apply_patch_call_output": Object({**_BASE, "caller": _CALLER, "output": _RESULT}),
    "mcp_list_tools": Object({**_BASE, "server_label": _NAME, "tools": _SCHEMA, "error": _ERROR}),
    "mcp_approval_request": Object({**_BASE, "server_label": _NAME, "name": _NAME, "arguments": _ARGUMENTS}),
    "mcp_approval_response": Object(
        {**_BASE, "approval_request_id": _WORD, "approve": _NUMBER, "reason": Guarded()}
    ),
    "mcp_call": Object(
        {
            **_BASE,
            "server_label": _NAME,
            "name": _NAME,
            "arguments": _ARGUMENTS,
            "output": _RESULT,
            "error": _ERROR,
            "approval_request_id": _WORD,
        }
    ),
    "program": Object({**_BASE, "code": _ARGUMENTS, "fingerprint": _WORD}),
    "program_output": Object({**_BASE, "result": _RESULT}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item(Field):
    """One item. Without a type it is a message if it has a role, else a reference to an earlier item.

    A type that is not known is refused if *strict*, else judged leaf by leaf: answers grow new ones.
    """

    strict: bool = True

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture(
            f"by its `type`; one that is not listed is {'refused' if self.strict else 'guarded as `unknown`'}",
            tag="type",
        )

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return ((f"<{tag}>", item) for tag, item in ITEMS.items())

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """By its type."""
        if not isinstance(value, dict):
            raise refuse("invalid_type", pointer, "it should be an object")
        tag = value.get("type")
        if tag is None:
            tag = "message" if "role" in value else "item_reference"
        known = ITEMS.get(tag) if isinstance(tag, str) else None
        if known is not None:
            known.walk(value, walk, path, pointer, role)
        elif self.strict:
            raise refuse("unknown_type", f"{pointer}/type", f"it should be one of {', '.join(ITEMS)}")
        else:
            walk_unknown(value, walk, path, pointer, role)


_VARIABLE = _parts("message")


@dataclass(frozen=True, slots=True)
class _Variables(Field):
    """What is filled into a stored prompt: texts and parts by names of the caller's."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return Posture("texts and parts, whose names are guarded as `name`", ("name",))

    def children(self) -> Iterable[tuple[str, Field]]:
        """See `Field.children`."""
        return (("/*", _VARIABLE), ("/*", Guarded()))

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """Name by name."""
        if not isinstance(value, dict):
            walk_unknown(value, walk, path, pointer, role, "message")
            return
        for index, (name, one) in enumerate(value.items()):
            place = f"{pointer}/?{index}"
            _NAME.walk({name: None}, walk, path, place, role)
            field = _VARIABLE if isinstance(one, dict) and "type" in one else Guarded()
            field.walk(one, walk, (*path, name), place, role)


_PROMPT = Object(
    {
        "id": StoredFile("a prompt that the generator keeps cannot be seen; send its text as instructions"),
        "version": _WORD,
        "variables": By("user", _Variables()),
    }
)
_SETTINGS: dict[str, Field] = {
    "model": _WORD,
    "instructions": By("system", TextOr(Guarded(), Each(Item()))),
    "prompt": _PROMPT,
    "tools": Tools(),
    "tool_choice": TextOr(_WORD, _SCHEMA),
    "text": Object({"format": _SCHEMA, "verbosity": _WORD}),
    "reasoning": Object(_words("context", "effort", "generate_summary", "mode", "summary")),
    "metadata": _NAME,
    **_words("prompt_cache_retention", "service_tier", "truncation"),
    **_numbers("background", "max_output_tokens", "max_tool_calls", "parallel_tool_calls", "store", "temperature",
               "top_logprobs", "top_p", "frequency_penalty", "presence_penalty"),
    "prompt_cache_key": _NAME,
    "safety_identifier": _NAME,
    "user": _NAME,
    "prompt_cache_options": Object({**_words("mode", "ttl", "comparison_response_id"), "prewarm": _NUMBER}),
    "image": Object(_words("context_compression")),
    "access_programs": Object(_words("cyber")),
}  # fmt: skip
REQUEST = Object(
    {
        **_SETTINGS,
        "input": TextOr(By("user", Guarded()), Each(Item())),
        "stream": _NUMBER,
        "stream_options": Object(_numbers("include_obfuscation")),
        "include": Each(_WORD),
        "previous_response_id": _STORED_ANSWER,
        "conversation": TextOr(_STORED_ANSWER, Object({"id": _STORED_ANSWER})),
        "background_options": Object(_words("completion_window", "continuation_id")),
        "context_management": Each(Object({"type": _WORD, "compact_threshold": _NUMBER})),
        "moderation": _NAME,
    },
    nullable=False,
)
RESPONSE = Object(
    {
        **_SETTINGS,
        **_words("id", "object", "status", "previous_response_id"),
        **dict.fromkeys(("created_at", "completed_at"), _TIME),
        "prompt": Object({"id": _WORD, "version": _WORD, "variables": _Variables()}),
        "output": Each(Item(strict=False), nullable=False),
        "output_text": Guarded(),
        "error": _ERROR,
        "incomplete_details": Object(_words("reason")),
        "conversation": Object(_words("id")),
        "usage": TOKEN_USAGE,
        "input_transformations": Each(Object(_words("id", "action", "reason", "type"))),
        "moderation": _NAME,
        "prompt_cache_diagnostics": Object(
            {**_words("type", "reason"), **_numbers("cache_missed_tokens", "comparison_reusable_tokens")}
        ),
        "tool_usage": Object(
            {
                "image_gen": Object(
                    {
                        **_numbers("input_tokens", "output_tokens", "total_tokens", "cached_tokens"),
                        **dict.fromkeys(
                            ("input_tokens_details", "output_tokens_details", "cached_tokens_details"),
                            Object(_numbers("image_tokens", "text_tokens", "cached_image_tokens",
                                            "cached_text_tokens")),
                        ),
                    }
                ),
                "web_search": Object(_numbers("num_requests")),
            }
        ),
    },
    nullable=False,
)  # fmt: skip
EVENT = Object(
    {
        **_words("type", "item_id", "status", "output_format", "quality", "size", "background", "stream_id"),
        **_numbers("sequence_number", "output_index", "content_index", "summary_index", "command_index",
                   "annotation_index", "partial_image_index"),
        "partial_image_b64": Blob("image"),
        "output": _SHELL_OUTPUT,
        "part": PART,
    },
    nullable=False,
)  # fmt: skip
"""An event apart from its item, response, annotation and text, which have contracts and places of their own."""
AUDIO = Object(
    {**_words("type"), **_numbers("sequence_number", "output_index"), "delta": Blob("audio")}, nullable=False
)
ECHOED = ("instructions", "metadata", "prompt_cache_key", "safety_identifier", "text", "tools", "user")
"""Fields of the request that an answer repeats: exempt as ``echo`` where they say what was judged and sent."""
