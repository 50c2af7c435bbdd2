"""The gateway's own check: a text, pictures, or a conversation in; the whole decision out.

``{"text": "…"}``, ``{"texts": ["…", "…"]}`` (one decision each), ``{"image": "data:image/png;base64,…"}`` or
``{"messages": [{"role": "user", "content": "…"}]}``, with an optional ``"direction": "input" | "output"``. The answer
is the object that ``guard check --json`` prints, or ``{"results": […]}`` for *texts*.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from guard.content import Direction
from guard.protocols.adapter import JSON, MOST_CONTENTS, Contract, Exchange, JudgeAdapter
from guard.protocols.attachments import MediaUrl
from guard.protocols.contract import Each, Guarded, Object, OneOf, Walk, check_count, check_media, refuse
from guard.protocols.openai_chat import MESSAGES
from guard.protocols.openai_common import error_body
from guard.protocols.strict_json import dump, parse
from guard.report import MOST_LISTED, describe, released_media

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Judged
    from guard.protocols.contract import Field

_SUBJECTS: dict[str, Field] = {
    "text": Guarded(),
    "texts": Each(Guarded()),
    "image": MediaUrl(),
    "messages": Each(OneOf(MESSAGES, tag="role"), nullable=False),
}


class NativeCheck(JudgeAdapter):
    """``POST /guard/v1/check``."""

    name = "native"
    routes: ClassVar[tuple[str, ...]] = ("/guard/v1/check",)
    contracts = (Contract("request", Object(_SUBJECTS, nullable=False), "other fields are refused"),)

    def decode_request(self, body: bytes, content_type: bytes = JSON, route: str = "") -> Exchange:  # noqa: ARG002
        """Exactly one subject, and the direction it is to be judged in."""
        document = parse(body)
        if not isinstance(document, dict):
            raise refuse("invalid_type", "", "the body should be an object")
        for index, key in enumerate(document):
            if key not in {*_SUBJECTS, "direction", "locale"}:
                wanted = ", ".join(f"`{name}`" for name in (*_SUBJECTS, "direction", "locale"))
                raise refuse("unknown_field", f"/?{index}", f"the fields here are {wanted}")
        subjects = [name for name in _SUBJECTS if name in document]
        if len(subjects) != 1:
            raise refuse("missing_field", "", "it should hold exactly one of `text`, `texts`, `image`, `messages`")
        try:
            direction = Direction(document.get("direction", "input"))
        except ValueError:
            raise refuse("invalid_value", "/direction", "it should be `input` or `output`") from None
        locale = document.get("locale", "en")
        if not isinstance(locale, str):
            raise refuse("invalid_type", "/locale", "it should be a language tag such as `zh-CN`")
        contents = _contents(subjects[0], document[subjects[0]], direction)
        check_media(contents)
        return Exchange(tuple(replace(content, locale=locale[:35]) for content in contents), document)

    def encode_decisions(self, exchange: Exchange, judged: Sequence[Judged]) -> bytes:
        """One report, or a list of them."""
        if "texts" in exchange.document:
            most = MOST_LISTED // len(judged)  # together they list no more than one would
            return dump({"results": [describe(item, most) for item in judged]})
        report = describe(judged[0])
        media = {part.pointer: part for part in released_media(judged[0])}
        for line in report.get("released_media", ()):
            line["data"] = base64.b64encode(media[line["part"]].data).decode()
        return dump(report)

    def encode_error(self, code: str, message: str, param: str | None = None) -> bytes:
        """The same error object as everywhere."""
        return error_body(code, message, param)


def _contents(subject: str, value: Any, direction: Direction) -> list[Content]:
    if subject == "texts":
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise refuse("invalid_type", "/texts", "it should be a list of strings")
        check_count(len(value), MOST_CONTENTS)
        return [text_content(item, direction, f"/texts/{index}") for index, item in enumerate(value)]
    walk = Walk()
    if subject == "text":
        if not isinstance(value, str):
            raise refuse("invalid_type", "/text", "it should be a string")
        return [text_content(value, direction, "/text")]
    _SUBJECTS[subject].walk(value, walk, (subject,), f"/{subject}", None)
    return [walk.content(direction)]


def text_content(text: str, direction: Direction, pointer: str = "/text") -> Content:
    """A content that is one text, said by the user or by the generator."""
    walk = Walk()
    role = "user" if direction is Direction.INPUT else "assistant"
    Guarded().walk(text, walk, (), pointer, role)
    return walk.content(direction)


ADAPTER = NativeCheck()
