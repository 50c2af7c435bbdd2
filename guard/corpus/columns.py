"""What of a record is judged, and as what: the columns that were named, or those that look like it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guard.corpus.source import CorpusError
from guard.errors import did_you_mean
from guard.protocols.embedded import sniff

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TEXTS = (
    "text", "content", "document", "body", "message", "comment", "prompt", "instruction", "system", "input", "query",
    "question", "context", "response", "completion", "output", "answer", "chosen", "rejected", "summary", "title",
    "caption", "transcript", "review", "sentence", "文本", "内容", "问题", "回答",
)  # fmt: skip
"""Names that columns of texts usually have."""
MEDIA = ("image", "images", "picture", "photo", "jpg", "png", "audio", "video", "file")
CONVERSATIONS = ("messages", "conversation", "conversations", "dialog", "dialogue", "chat")
IDS = ("id", "_id", "uid", "uuid", "key", "__key__", "record_id", "doc_id", "sample_id")
TIMES = ("created_at", "timestamp", "time", "date", "created", "datetime")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are *texts*, *media* and *messages*; *id*, *time* and *by* are noted, and not judged.

    *all* is for records that are files: everything in them is judged as what it is.
    """

    texts: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    by: tuple[str, ...] = ()
    all: bool = False
    inferred: bool = False
    left: tuple[str, ...] = field(default=(), compare=False)
    """Columns that are not judged."""

    @property
    def judged(self) -> tuple[str, ...]:
        """Every column that is judged."""
        return (*self.texts, *self.media, *self.messages)

    @property
    def noted(self) -> tuple[str, ...]:
        """Every column that is read at all."""
        more = [name for name in (self.id, self.time, *self.by) if name is not None]
        return tuple(dict.fromkeys((*self.judged, *more)))

    def describe(self) -> dict[str, Any]:
        """As the manifest has it."""
        if self.all:
            return {"judged": "everything"}
        return {
            "texts": list(self.texts), "media": list(self.media), "messages": list(self.messages), "id": self.id,
            "time": self.time, "by": list(self.by), "inferred": self.inferred, "not_judged": list(self.left),
        }  # fmt: skip


EVERYTHING = Columns(all=True)


@dataclass(frozen=True, slots=True)
class Named:
    """What the caller named."""

    texts: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    by: tuple[str, ...] = ()


NOTHING_NAMED = Named()


def choose(source: str, named: Named, rows: Sequence[dict[str, Any]]) -> Columns:
    """The columns of a source whose first rows are *rows*.

    Raises:
        CorpusError: a column that was named is in none of them, or nothing looks as if it could be judged.
    """
    present = dict.fromkeys(name for row in rows for name in row)
    wanted = (*named.texts, *named.media, *named.messages)
    for name in (*wanted, *(n for n in (named.id, named.time) if n), *named.by):
        if name not in present and rows:
            msg = f"{source}: there is no column `{name}`; {did_you_mean(name, present)}"
            raise CorpusError(msg)
    inferred = not wanted
    texts, media, messages = (named.texts, named.media, named.messages) if wanted else _infer(rows, present)
    if not (texts or media or messages) and rows:
        msg = (
            f"{source}: no column looks like text, media or messages; name one with --text-column, --image-column or "
            f"--messages-column (there are: {', '.join(present)})"
        )
        raise CorpusError(msg)
    taken = {*texts, *media, *messages}
    identifier = named.id or _first(IDS, present, taken)
    time = named.time or _first(TIMES, present, taken)
    used = {*taken, identifier, time, *named.by}
    left = tuple(name for name in present if name not in used)
    return Columns(texts, media, messages, identifier, time, named.by, inferred=inferred, left=left)


def _infer(
    rows: Sequence[dict[str, Any]], present: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    texts, media, messages, strings = [], [], [], []
    for name in present:
        values = [row[name] for row in rows if row.get(name) is not None]
        if not values:
            continue
        folded = name.lower()
        if all(map(is_conversation, values)):
            messages.append(name)
        elif all(map(is_medium, values)) or (folded in MEDIA and all(isinstance(v, str) for v in values)):
            media.append(name)
        elif all(isinstance(value, str) for value in values):
            strings.append(name)
            if folded in TEXTS:
                texts.append(name)
        elif folded in TEXTS:  # a list or an object: judged leaf by leaf
            texts.append(name)
    if not texts and not messages and not media:
        texts = [name for name in strings if name.lower() not in {*IDS, *TIMES}]
    return tuple(texts), tuple(media), tuple(messages)


def _first(names: Sequence[str], present: Iterable[str], taken: set[str]) -> str | None:
    folded = {name.lower(): name for name in present if name not in taken}
    return next((folded[name] for name in names if name in folded), None)


def is_conversation(value: Any) -> bool:
    """Whether *value* is a list of messages, as chat APIs (`role`, `content`) or ShareGPT (`from`, `value`) have it."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and ("role" in one or {"from", "value"} <= one.keys()) for one in value)
    )


def is_medium(value: Any) -> bool:
    """Whether *value* is the bytes of a medium, or what `datasets` stores for one."""
    if isinstance(value, dict):
        return {"bytes", "path"} <= value.keys()
    return isinstance(value, bytes) and sniff(value) is not None
