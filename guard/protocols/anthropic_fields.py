"""The field contract of Anthropic messages, after the types of anthropic's own SDK, its beta endpoints included.

One family of content blocks serves requests and answers; they differ in who is taken to speak. In a request, what tools
gave back is the role ``tool``'s, wherever it stands; all of an answer is the assistant's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from guard.protocols.attachments import Blob, MediaUrl, StoredFile
from guard.protocols.contract import Constrained, Each, Field, Guarded, Object, OneOf, Scalar, TextOr
from guard.protocols.sealed import Sealed
from guard.protocols.shapes import TIME, ListOr, Spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

WORD, NUMBER = Constrained(), Scalar()
_NAME, _SCHEMA, _URL, _ERROR = Guarded("name"), Guarded("tool_schema"), Guarded("url"), Guarded("error")
_FOUND, _INPUT, _SEALED = Guarded("tool_result"), Guarded("tool_arguments"), Sealed()
_SPAN = Constrained(re.compile(r"\d{1,4}[smhd]"))


def _object(**fields: Field) -> Object:
    return Object({"type": WORD, **fields}, nullable=False)


def _open(**fields: Field) -> Object:
    return Object({"type": WORD, **fields})


def _numbers(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, NUMBER)


_CACHE: dict[str, Field] = {"cache_control": _open(ttl=_SPAN)}
_SWITCH = _open(enabled=NUMBER)
CITATION = _open(
    cited_text=Guarded(),
    document_title=Guarded(),
    title=Guarded(),
    url=_URL,
    source=_URL,
    file_id=WORD,
    encrypted_index=_SEALED,
    **_numbers("document_index", "start_char_index", "end_char_index", "start_page_number", "end_page_number",
               "start_block_index", "end_block_index", "search_result_index"),
)  # fmt: skip
_RESULTS = (
    "tool_result", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
    "advisor_tool_result", "mcp_tool_result",
)  # fmt: skip
_FAILURES = ("web_search", "web_fetch", "code_execution", "bash_code_execution", "text_editor_code_execution",
             "tool_search", "advisor")  # fmt: skip


def _source(kind: str, family: Field) -> OneOf:
    return OneOf(
        {
            "base64": _object(media_type=WORD, data=Blob("image" if kind == "image" else "document")),
            "url": _object(url=MediaUrl()),
            "file": _object(file_id=StoredFile()),
            **(
                {}
                if kind == "image"
                else {
                    "text": _object(media_type=WORD, data=Guarded(kind)),
                    "content": _object(content=TextOr(Guarded(kind), Each(family))),
                }
            ),
        }
    )


def _family(kind: str, found: Field | None = None) -> OneOf:
    """Blocks whose text is of *kind*. *found* is what tools gave back; None where these blocks are that themselves."""
    blocks: dict[str, Field] = {}
    family = OneOf(blocks)
    if found is None:
        found = TextOr(_FOUND, ListOr(Each(family), family))
    used = _object(
        id=WORD, name=_NAME, input=_INPUT, toolset_name=WORD, server_name=_NAME, caller=_open(tool_id=WORD), **_CACHE
    )
    given = _object(
        tool_use_id=WORD, content=found, is_error=NUMBER, toolset_name=WORD, caller=_open(tool_id=WORD), **_CACHE
    )
    ran = _object(content=Each(family), return_code=NUMBER, stdout=_FOUND, stderr=_FOUND, encrypted_stdout=_SEALED)
    blocks |= {
        "text": _object(text=Guarded(kind), citations=Each(CITATION), **_CACHE),
        "image": _object(source=_source("image", family), transformations=_open(oversized_image=WORD), **_CACHE),
        "document": _object(
            source=_source(kind, family), title=Guarded(kind), context=Guarded(kind), citations=_SWITCH, **_CACHE
        ),
        "search_result": _object(content=Each(family), source=_URL, title=Guarded(kind), citations=_SWITCH, **_CACHE),
        "thinking": _object(thinking=Guarded("reasoning"), signature=_SEALED),
        "redacted_thinking": _object(data=_SEALED),
        "compaction": _object(
            content=Guarded(), encrypted_content=_SEALED, signature=_SEALED, tool_changes=Each(family), **_CACHE
        ),
        **dict.fromkeys(("tool_use", "server_tool_use", "mcp_tool_use"), used),
        **dict.fromkeys(_RESULTS, given),
        **dict.fromkeys(
            (f"{name}_tool_result_error" for name in _FAILURES), _object(error_code=WORD, error_message=_ERROR)
        ),
        "web_search_result": _object(url=_URL, title=_FOUND, page_age=_NAME, encrypted_content=_SEALED),
        "web_fetch_result": _object(url=_URL, content=family, retrieved_at=TIME),
        "code_execution_result": ran,
        "bash_code_execution_result": ran,
        "encrypted_code_execution_result": ran,
        "code_execution_output": _object(file_id=StoredFile()),
        "bash_code_execution_output": _object(file_id=StoredFile()),
        "text_editor_code_execution_view_result": _object(
            content=_FOUND, file_type=WORD, **_numbers("num_lines", "start_line", "total_lines")
        ),
        "text_editor_code_execution_create_result": _object(is_file_update=NUMBER),
        "text_editor_code_execution_str_replace_result": _object(
            lines=_FOUND, **_numbers("new_lines", "new_start", "old_lines", "old_start")
        ),
        "tool_search_tool_search_result": _object(tool_references=Each(family)),
        "advisor_result": _object(text=_FOUND, stop_reason=WORD),
        "advisor_redacted_result": _object(encrypted_content=_SEALED, stop_reason=WORD),
        "container_upload": _object(file_id=StoredFile(), **_CACHE),
        "browser_state": _object(
            tabs=Each(_open(tab_id=WORD, title=_FOUND, url=_URL, active=NUMBER)),
            state_changes=Each(
                _open(tab_id=WORD, download_id=WORD, url=_URL, path=_NAME, size_bytes=NUMBER, error=_ERROR)
            ),
            **_CACHE,
        ),
        **dict.fromkeys(
            ("tool_reference", "mcp_tool_reference", "mcp_toolset_reference"),
            _object(tool_name=_NAME, name=_NAME, server_name=_NAME, **_CACHE),
        ),
        **dict.fromkeys(("tool_addition", "tool_removal"), _object(tool=family, **_CACHE)),
        "tool_definition": _object(definition=_SCHEMA),
        "mcp_tool_listing": _object(mcp_server_name=_NAME, tools=_SCHEMA),
        "fallback": _object(**{"from": _open(model=WORD), "to": _open(model=WORD), "trigger": _open(category=WORD)}),
    }
    return family


_GIVEN_BACK = _family("tool_result")
_RESULT = TextOr(_FOUND, ListOr(Each(_GIVEN_BACK), _GIVEN_BACK))
_ASKED = _family("message", Spoken("tool", _RESULT))
ANSWERED = _family("message", _RESULT)
"""One block of an answer."""

_MESSAGE = TextOr(Guarded(), Each(_ASKED, nullable=False), nullable=False)
_FORMAT = _open(schema=_SCHEMA)
_EFFORT = _open(effort=WORD, format=_FORMAT, task_budget=_open(**_numbers("total", "remaining")))
_THINKING = _open(budget_tokens=NUMBER, display=WORD, block_binding=_open(prefix_mismatch_behavior=WORD))
REQUEST = Object(
    {
        "model": WORD,
        "messages": Each(
            OneOf(
                {
                    **dict.fromkeys(
                        ("user", "assistant"), Object({"role": WORD, "content": _MESSAGE}, nullable=False)
                    ),
                    "system": Object({"role": WORD, "content": _MESSAGE, "clear_at": WORD, "output_config": _EFFORT}),
                },
                tag="role",
            ),
            nullable=False,
        ),
        "system": Spoken("system", TextOr(Guarded(), Each(_ASKED))),
        "tools": _SCHEMA,
        "tool_choice": _open(name=_NAME, disable_parallel_tool_use=NUMBER),
        "output_config": _EFFORT,
        "output_format": _FORMAT,
        "thinking": _THINKING,
        "metadata": Object({"user_id": _NAME}),
        "container": TextOr(
            WORD, Object({"id": WORD, "skills": Each(_open(skill_id=WORD, version=WORD))}, nullable=False)
        ),
        "diagnostics": Object({"previous_message_id": WORD}),
        "compaction": _open(instructions=Guarded()),
        "thread": _open(previous_message_id=WORD),
        "billing_policy": _open(bill_to=WORD),
        "fallbacks": TextOr(
            WORD,
            Each(_open(model=WORD, max_tokens=NUMBER, output_config=_EFFORT, speed=WORD, thinking=_THINKING)),
        ),
        **_CACHE,
        **_numbers("max_tokens", "stream", "temperature", "top_k", "top_p"),
        **dict.fromkeys(("inference_geo", "service_tier", "speed", "user_profile_id", "workspace_id"), WORD),
        **dict.fromkeys(("context_management", "fallback_credit_token", "mcp_servers", "stop_sequences"), _NAME),
    },
    nullable=False,
)  # fmt: skip

_COUNTS: Mapping[str, Field] = {
    **_numbers("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    "cache_creation": Object(_numbers("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")),
}
USAGE = Object(
    {
        **_COUNTS,
        **dict.fromkeys(("inference_geo", "service_tier", "speed"), WORD),
        "output_tokens_details": Object(_numbers("thinking_tokens")),
        "server_tool_use": Object(_numbers("web_fetch_requests", "web_search_requests")),
        "iterations": Each(_open(model=WORD, **_COUNTS)),
        "fallback_credit": Object({"status": _open(reason=WORD, remove_to_redeem=_NAME)}),
    }
)
_ENDING: Mapping[str, Field] = {
    "stop_reason": WORD,
    "stop_sequence": _NAME,
    "stop_details": _open(
        explanation=Guarded("refusal"), category=WORD, recommended_model=WORD, fallback_has_prefill_claim=NUMBER,
        fallback_credit_token=_NAME,
    ),
    "container": Object({"id": WORD, "expires_at": TIME, "skills": Each(_open(skill_id=WORD, version=WORD))}),
}  # fmt: skip
_ASIDE: Mapping[str, Field] = {
    "context_management": Object(
        {
            "applied_edits": Each(
                _open(**_numbers("cleared_input_tokens", "cleared_tool_uses", "cleared_thinking_turns"))
            ),
            "original_input_tokens": NUMBER,
        }
    ),
    "input_transformations": Each(_open(path=_NAME, reason=WORD)),
    "usage": USAGE,
}
MESSAGE = Object(
    {
        "id": WORD,
        "type": WORD,
        "role": WORD,
        "model": WORD,
        "content": Each(ANSWERED, nullable=False),
        "diagnostics": Object({"cache_miss_reason": _open(cache_missed_input_tokens=NUMBER)}),
        **_ENDING,
        **_ASIDE,
    },
    nullable=False,
)
"""A whole answer."""

MESSAGE_START = _object(message=MESSAGE)
BLOCK_START = _object(index=NUMBER, content_block=ANSWERED)
BLOCK_DELTA = _object(
    index=NUMBER,
    delta=OneOf(
        {
            "citations_delta": _object(citation=CITATION),
            "signature_delta": _object(signature=_SEALED),
            "compaction_delta": _object(content=Guarded(), encrypted_content=_SEALED),
        }
    ),
)
"""Of the deltas those that are judged whole; the others are growing texts."""
MESSAGE_DELTA = _object(delta=Object(_ENDING), **_ASIDE)
TOKENS = Object(
    {"input_tokens": NUMBER, "context_management": Object({"original_input_tokens": NUMBER})}, nullable=False
)
"""The answer to a count."""
