"""What is sent and answered: a chat of 2 KB with four messages, and an answer of 1.2 KB."""

from __future__ import annotations

import json

_SENTENCES = (
    "The ferry to the island leaves every forty minutes while the tide is high. ",
    "Bring a coat, because the wind on the upper deck is colder than it looks from the shore. ",
    "The bakery behind the harbour opens at six and is sold out by nine on most days. ",
    "Tickets are the same price in both directions, and bicycles travel free of charge. ",
    "On the way back, the last boat waits for the evening bus if the bus is late. ",
)


def _text(size: int, start: int = 0) -> str:
    text = ""
    while len(text) < size:
        text += _SENTENCES[start % len(_SENTENCES)]
        start += 1
    return text[: size - 1].rstrip() + "."


def request(*, stream: bool) -> bytes:
    """The body of a chat request, 2 KB."""
    messages = [
        {"role": "system", "content": _text(300)},
        {"role": "user", "content": _text(500, 1)},
        {"role": "assistant", "content": _text(600, 2)},
        {"role": "user", "content": _text(400, 3)},
    ]
    body = {"model": "stub", "messages": messages, "temperature": 0.7, "max_tokens": 256, "stream": stream}
    return json.dumps(body).encode()


_CONTENT = _text(900)
_BASE = {"id": "chatcmpl-1", "created": 1_790_000_000, "model": "stub"}
ANSWER = json.dumps(
    {
        **_BASE,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _CONTENT},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 400, "completion_tokens": 200, "total_tokens": 600},
    }
).encode()
"""The whole answer."""


def _frame(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**_BASE, "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


STREAM = _frame({"role": "assistant", "content": _CONTENT}) + _frame({}, "stop") + b"data: [DONE]\n\n"
"""The same answer as a stream, sent at once: what a held stream is compared with."""
