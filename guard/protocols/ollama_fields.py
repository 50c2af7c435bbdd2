"""The field contract of Ollama's own endpoints, after the types of its Python client and of its server.

The server is written in Go, whose JSON reader ignores the case of keys: variants of known ones are refused by `Object`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guard.content import OpaquePart
from guard.protocols.attachments import Blob
from guard.protocols.contract import Constrained, Each, Field, Guarded, Object, OneOf, Scalar, TextOr, refuse
from guard.protocols.logprobs import TokenList
from guard.protocols.posture import Posture, unscannable
from guard.protocols.shapes import TIME, Spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guard.content import Path
    from guard.protocols.contract import Walk

_WORD, _NUMBER = Constrained(), Scalar()
_NAME, _SCHEMA = Guarded("name"), Guarded("tool_schema")
_SPAN = Constrained(re.compile(r"-?(?:\d{1,4}(?:\.\d{1,3})?(?:ns|us|ms|s|m|h)){1,3}|-?\d{1,6}"))
_NANOSECONDS = Scalar(14)
"""A day has fifteen digits of them. Longer numbers are judged: a card number has sixteen."""


@dataclass(frozen=True, slots=True)
class TokenIds(Field):
    """A conversation as the numbers of a model's tokens: nobody here can read it, so it is unscannable."""

    @property
    def posture(self) -> Posture:
        """See `Posture`."""
        return unscannable("token numbers cannot be read")

    def walk(self, value: Any, walk: Walk, path: Path, pointer: str, role: str | None) -> None:
        """One part, if there is anything."""
        if value is None or value == []:
            walk.spare("scalar")
        elif isinstance(value, list) and all(type(item) is int for item in value):
            walk.add(OpaquePart("token numbers cannot be read; send the text", pointer, path, role))
        else:
            raise refuse("invalid_type", pointer, "it should be a list of token numbers")


def _numbers(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, _NUMBER)


_CALLS = Each(
    Object(
        {
            "id": _WORD,
            "type": _WORD,
            "function": Object(
                {"index": _NUMBER, "name": _NAME, "description": _SCHEMA, "arguments": Guarded("tool_arguments")}
            ),
        },
        nullable=False,
    )
)


def _message(kind: str) -> Object:
    return Object(
        {
            "role": _WORD,
            "content": Guarded(kind),
            "thinking": Guarded("reasoning"),
            "images": Each(Blob("image")),
            "tool_calls": _CALLS,
            "tool_name": _NAME,
            "tool_call_id": _WORD,
        },
        nullable=False,
    )


_ASKED: Mapping[str, Field] = {
    "model": _WORD,
    "stream": _NUMBER,
    "format": TextOr(_WORD, _SCHEMA),
    "keep_alive": TextOr(_SPAN, _NUMBER),
    "think": TextOr(_WORD, _NUMBER),
    "options": Object(
        {
            "stop": _NAME,
            **_numbers(
                "numa", "num_ctx", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all", "vocab_only",
                "use_mmap", "use_mlock", "embedding_only", "num_thread", "num_keep", "seed", "num_predict", "top_k",
                "top_p", "min_p", "tfs_z", "typical_p", "repeat_last_n", "temperature", "repeat_penalty",
                "presence_penalty", "frequency_penalty", "mirostat", "mirostat_tau", "mirostat_eta",
                "penalize_newline", "draft_num_predict",
            ),
        }
    ),
    **_numbers("truncate", "shift", "logprobs", "top_logprobs", "_debug_render_only"),
}  # fmt: skip
CHAT = Object(
    {
        **_ASKED,
        "messages": Each(
            OneOf(
                {
                    **dict.fromkeys(("system", "user", "assistant"), _message("message")),
                    "tool": _message("tool_result"),
                },
                tag="role",
            )
        ),
        "tools": _SCHEMA,
    },
    nullable=False,
)
GENERATE = Object(
    {
        **_ASKED,
        "system": Spoken("system", Guarded()),
        "template": Spoken("system", Guarded()),
        "prompt": Spoken("user", Guarded()),
        "suffix": Spoken("user", Guarded()),
        "context": TokenIds(),
        "images": Spoken("user", Each(Blob("image"))),
        **_numbers("raw", "width", "height", "steps"),
    },
    nullable=False,
)

_ANSWERED: Mapping[str, Field] = {
    "model": _WORD,
    "remote_model": _WORD,
    "remote_host": Guarded("url"),
    "created_at": TIME,
    "done": _NUMBER,
    "done_reason": _WORD,
    "logprobs": TokenList(),
    "_debug_info": Object({"rendered_template": Guarded(), "image_count": _NUMBER}),
    **dict.fromkeys(("total_duration", "load_duration", "prompt_eval_duration", "eval_duration"), _NANOSECONDS),
    **_numbers("prompt_eval_count", "eval_count"),
}
CHAT_ANSWER = Object({**_ANSWERED, "message": _message("message")}, nullable=False)
GENERATE_ANSWER = Object(
    {
        **_ANSWERED,
        "response": Guarded(),
        "thinking": Guarded("reasoning"),
        "tool_calls": _CALLS,
        "image": Blob("image"),
        **_numbers("completed", "total"),
    },
    nullable=False,
)
