"""The two-sided oracle: what must hold where the canary is sent, and where its harmless twin is."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guard.audit import AuditRecord, State
from guard.audit.sqlite import read
from tests.fakes import CANARY, HARMLESS, completion

if TYPE_CHECKING:
    from tests.acceptance.conftest import Answer, House

CHAT = "/v1/chat/completions"
BLOCKED = {"type": "invalid_request_error", "param": None, "code": "content_filter"}
Case = Callable[[str], dict[str, Any]]
"""From a phrase to the body that holds it somewhere."""


def ask(*messages: Any, **more: Any) -> dict[str, Any]:
    """A chat request of *messages*; a plain string or list of parts is a user's."""
    said = [{"role": "user", "content": one} if isinstance(one, str | list) else one for one in messages]
    return {"model": "m", "messages": said, **more}


def escaped(text: str) -> str:
    """*text* with every character as a JSON escape."""
    return "".join(f"\\u{ord(char):04x}" for char in text)


def deltas(raw: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream, which ends as the protocol says."""
    frames = raw.decode().split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]


def messages_of(chunks: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """What a client puts together from *chunks*: the message of each choice, by its index."""
    whole: dict[int, dict[str, Any]] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        _add(whole.setdefault(choice["index"], {}), choice["delta"])
    return whole


def _add(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if isinstance(value, dict):
            _add(whole.setdefault(key, {}), value)
        elif isinstance(value, list) and all(isinstance(item, dict) and "index" in item for item in value):
            known = whole.setdefault(key, [])
            for item in value:
                known += [{}] * (item["index"] + 1 - len(known))
                known[item["index"]] = dict(known[item["index"]])
                _add(known[item["index"]], {name: inner for name, inner in item.items() if name != "index"})
        elif isinstance(value, str) and key not in ("type", "id"):
            whole[key] = whole.get(key, "") + value
        else:
            whole[key] = value


@dataclass
class Bench:
    """Sends requests to one gateway and holds what happens against what should."""

    house: House
    before: int = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        self.house.upstream.answer = completion("all is well")
        self.house.upstream.received.clear()
        self.before = self._records()

    def _records(self) -> int:
        with sqlite3.connect(self.house.log) as connection:
            return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])

    def record(self) -> AuditRecord:
        """The record of the last request, which is the only one more."""
        assert self._records() == self.before + self.sent, "one record per request"
        return next(read(self.house.log, limit=1))

    def send(self, body: Any, path: str = CHAT, headers: dict[str, str] | None = None) -> Answer:
        """One request, to an upstream that has heard nothing yet."""
        self.house.upstream.received.clear()
        self.sent += 1
        return self.house.post(path, body, headers)

    def blocks(self, body: Any, path: str = CHAT, *, asked: bool = False, action: str = "block") -> Answer:
        """*body* is answered by a block; *asked* says that the generator was, since only its answer was at fault.

        *action* is what the policy decided: a redaction that cannot be written back is a block too.
        """
        answer = self.send(body, path)
        if asked and answer.status == 200:
            assert isinstance(body, dict)
            assert body["stream"]
            self._ends_filtered(answer)
        else:
            assert (answer.status, answer.headers["x-should-retry"]) == (400, "false"), answer.body
            assert answer.json["error"] | {"message": ""} == BLOCKED | {"message": ""}
            assert answer.headers["content-type"] == "application/json"
        assert len(self.house.upstream.received) == asked
        assert self.house.leaks(answer) == []
        record = self.record()
        assert (record.state, record.status, record.action) == (State.BLOCKED, answer.status, action)
        return answer

    def _ends_filtered(self, answer: Answer) -> None:
        """The stream ends as its protocol ends one that was filtered, and holds no beginning of the canary."""
        chunks = deltas(answer.body)
        assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"
        said = "".join(json.dumps(message, ensure_ascii=False) for message in messages_of(chunks).values())
        assert CANARY[:8] not in said

    def refuses(self, body: Any, code: str, path: str = CHAT, status: int = 400) -> Answer:
        """*body* is refused before anything is judged, with a message that says why."""
        answer = self.send(body, path)
        assert (answer.status, answer.json["error"]["code"]) == (status, code), answer.body
        assert len(answer.json["error"]["message"]) > 20
        assert self.house.upstream.received == []
        assert self.house.leaks(answer) == []
        record = self.record()
        assert (record.state, record.status, record.error) == (State.REJECTED_PROTOCOL, status, code)
        return answer

    def passes(self, body: dict[str, Any]) -> Answer:
        """*body* reaches the generator field for field, and its answer comes back."""
        answer = self.send(body)
        assert answer.status == 200, answer.body
        assert self.house.upstream.last_body == forwarded(body)
        record = self.record()
        assert (record.state, record.status, record.attempts) == (State.ALLOWED, 200, 1)
        return answer

    def guards_request(self, case: Case) -> None:
        """The canary in *case* is stopped, its twin passes; the same for a stream."""
        for stream in (False, True):
            self.blocks(case(CANARY) | {"stream": stream})
            self.passes(case(HARMLESS) | {"stream": stream})

    def guards_answer(self, case: Case, **asked: Any) -> None:
        """The canary in an answer is stopped, its twin comes back field by field; the same for a stream.

        *asked* are fields of a request for a stream that has to ask for what *case* answers.
        """
        for stream in (False, True):
            body = ask("hello", stream=stream, **(asked if stream else {}))
            self.house.upstream.answer = case(CANARY)
            self.blocks(body, asked=True)
            self.house.upstream.answer = benign = case(HARMLESS)
            answer = self.passes(body)
            if not stream:
                assert answer.json == benign
                continue
            said = {choice["index"]: choice["message"] for choice in benign["choices"]}
            assert without_empty(messages_of(deltas(answer.body))) == without_empty(said)


def without_empty(messages: dict[int, Any]) -> dict[int, Any]:
    """*messages* without the fields that add nothing; a list of texts is what they say together."""
    return {
        index: {
            key: "".join(part["text"] for part in value) if key == "content" and isinstance(value, list) else value
            for key, value in message.items()
            if value is not None and value != ""
        }
        for index, message in messages.items()
    }


def forwarded(body: dict[str, Any]) -> dict[str, Any]:
    """What the generator should be asked: the same; in one piece where its tokens or sounds are asked for too."""
    wanted = copy.deepcopy(body)
    if wanted.get("stream") and (wanted.get("logprobs") or wanted.get("audio")):
        wanted["stream"] = False
        wanted.pop("stream_options", None)
    return wanted
