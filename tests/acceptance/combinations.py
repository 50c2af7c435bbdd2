"""Promise 1: the canary in generated combinations of place, wording, split, framing and protocol, none of which leaks.

    python -m tests.acceptance.combinations --count 10000 --seed 1

Each combination is sent twice, with the canary and with its harmless twin, and the verdict is the two-sided oracle: the
canary is in no byte that the generator or the client gets (nor 8 characters of its beginning in what a client puts
together of a stream), the answer is a block of its protocol, and one record says so; the twin arrives as it was sent,
on both sides. The canary may not be in the audit log, the logs or the metrics either. The same seed gives the same
combinations; ``--only NUMBER`` repeats one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import random
import re
import socket
import sqlite3
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brotli
from backports import zstd

from guard.audit import State
from tests.acceptance import test_anthropic, test_coverage, test_ollama
from tests.acceptance.conftest import Answer, House, answer_of, house
from tests.acceptance.dialects import DIALECTS, Dialect, Event, Generate, Said, playing
from tests.acceptance.oracle import ask, deltas, escaped, forwarded, messages_of, without_empty
from tests.acceptance.test_stream_grammar import GRAMMARS, LINES
from tests.acceptance.wire import chunked, request
from tests.fakes import CANARY, HARMLESS, chunks, events

CHAT, MESSAGES, OLLAMA = DIALECTS
GENERATE = Generate()
Case = Callable[[str], Any]
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress,
}  # fmt: skip


def _roles() -> dict[str, Case]:
    """The canary as what each role says, in each of three places of a conversation."""

    def said(role: str, place: int) -> Case:
        def case(phrase: str) -> Any:
            talk = [test_coverage.said("user" if turn % 2 == 0 else "assistant", f"turn {turn}") for turn in range(12)]
            talk[place] = test_coverage.said(role, phrase)
            return ask(*talk)

        return case

    return {f"{role} at {place}": said(role, place) for role in test_coverage.ROLES for place in (0, 6, 11)}


ROLES = _roles()
REQUESTS: dict[str, tuple[Dialect, dict[str, Case]]] = {
    "chat": (
        CHAT,
        {**ROLES, **test_coverage.SPLITS, **test_coverage.ROWS, **test_coverage.TOOLS, **test_coverage.FIELDS},
    ),
    "messages": (MESSAGES, test_anthropic.REQUESTS),
    "ollama": (OLLAMA, test_ollama.CHATS),
    "generate": (GENERATE, test_ollama.PROMPTS),
}
ANSWERS: dict[str, tuple[Dialect, dict[str, Case]]] = {
    "chat": (CHAT, test_coverage.OUTPUTS),
    "messages": (MESSAGES, test_anthropic.ANSWERS),
    "ollama": (OLLAMA, test_ollama.ANSWERS),
}
FILLER = ("The weather was fine that day. ", "天气很好。", "so on, ", "1, 2; ", "«voilà» ", "हाँ ", "😀 ", "\n", "e.g. ")
WORDINGS: dict[str, Callable[[str, random.Random], str]] = {
    "alone": lambda p, _: p,
    "in a sentence": lambda p, _: f"it says: {p}.",
    "in Chinese": lambda p, _: f"他说，{p}。然后走了。",
    "quoted": lambda p, _: f"\u201c{p}\u201d",
    "in code": lambda p, _: f"```\nprint('{p}')\n```",
    "after much": lambda p, r: _filler(r, 3000) + p,
    "before much": lambda p, r: p + _filler(r, 3000),
    "amid much": lambda p, r: _filler(r, 900) + p + _filler(r, 900),
    "at the edge of a window": lambda p, r: "x " * ((2048 - r.randrange(64)) // 2) + p,
    "twice": lambda p, _: f"{p} and {p}",
}


def _letter_escaped(phrase: str, chance: random.Random) -> str:
    at = chance.randrange(len(phrase))
    return f'{{"q": "{phrase[:at]}{escaped(phrase[at])}{phrase[at + 1 :]}"}}'


SPEAKING = {
    "in JSON": lambda p, _: json.dumps({"q": [p]}),
    "in JSON, escaped": lambda p, _: f'{{"q": "{escaped(p)}"}}',
    "in JSON, a letter escaped": _letter_escaped,
}
"""Wordings for what is said in one piece, and is no JSON already: escapes are undone within a text, not over a seam."""
_SAYING = re.compile(
    r"(?!.*(two|three|over|part))(user|system|assistant|developer|tool at|prompt|text|thinking|content)"
)


def _filler(chance: random.Random, most: int) -> str:
    size, text = chance.randrange(most), ""
    while len(text) < size:
        text += chance.choice(FILLER)
    return text


def _all_escaped(document: Any) -> bytes:
    """JSON with every character of its strings as an escape, or as two."""

    def units(text: str) -> str:
        data = text.encode("utf-16-be")
        return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))

    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: f'"{units(json.loads(m[0]))}"', json.dumps(document)).encode()


DUMPS: dict[str, Callable[[Any], bytes]] = {
    "ASCII": lambda document: json.dumps(document).encode(),
    "UTF-8": lambda document: json.dumps(document, ensure_ascii=False).encode(),
    "indented": lambda document: json.dumps(document, indent=2).encode(),
    "all escaped": _all_escaped,
    "all escaped in capitals": lambda document: re.sub(
        rb"\\u([0-9a-f]{4})", lambda m: b"\\u" + m[1].upper(), _all_escaped(document)
    ),
}


@dataclass
class Combination:
    """One of them: *names* say which, *send* sends it with a phrase, *verdict* says what was wrong about it."""

    names: dict[str, str]
    send: Callable[[House, str], Answer]
    verdict: Callable[[House, str, Answer], str]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {value}" for name, value in self.names.items())


def combination(seed: int, number: int) -> Combination:
    """The combination *number* of *seed*."""
    chance = random.Random(f"{seed}/{number}")
    kind = chance.choices(("request", "answer", "stream"), weights=(4, 2, 4))[0]
    return {"request": _request, "answer": _answer, "stream": _stream}[kind](chance)


def _worded(place: str, chance: random.Random) -> tuple[str, Callable[[str], str]]:
    """A wording, the same for the canary and its twin."""
    wordings = {**WORDINGS, **SPEAKING} if _SAYING.match(place) else WORDINGS
    name = chance.choice([*wordings])
    seed = chance.random()
    return name, lambda phrase: wordings[name](phrase, random.Random(seed))


def _request(chance: random.Random) -> Combination:
    protocol = chance.choice([*REQUESTS])
    dialect, cases = REQUESTS[protocol]
    place = chance.choice([*cases])
    wording, worded = _worded(place, chance)
    stream = chance.random() < 0.5
    dump, coding = chance.choice([*DUMPS]), chance.choice(["", "", *CODINGS])
    framing = chance.choice(["length", "chunks"])
    size, cut = chance.randrange(1, 400), chance.choice([0, 0, 1, 7, 100, 1000])

    def body(phrase: str) -> dict[str, Any]:
        return {**cases[place](worded(phrase)), "stream": stream}

    def send(one: House, phrase: str) -> Answer:
        _says(one, dialect, [(0, "content", "all is well")], {})
        data = DUMPS[dump](body(phrase))
        lines = ["anthropic-version: 2023-06-01"]
        if coding:
            data = CODINGS[coding](data)
            lines.append(f"Content-Encoding: {coding}")
        told = "Transfer-Encoding: chunked" if framing == "chunks" else None
        data = chunked(data, size) if framing == "chunks" else data
        return _exchange(one, request(data, *lines, target=dialect.path, framing=told), cut)

    def verdict(one: House, phrase: str, answer: Answer) -> str:
        if phrase == CANARY:
            return _blocked(one, dialect, answer, asked=False)
        if answer.status != 200:
            return f"the twin was answered {answer.status} {answer.body[:120]!r}"
        sent, got = forwarded(body(phrase)), one.upstream.last_body
        if _but_stream(got) != _but_stream(sent):
            return "the twin reached the generator changed"
        return "" if b"well" in answer.body else "the twin's answer is another"

    names = {"kind": "request", "protocol": protocol, "place": place, "wording": wording, "stream": str(stream)}
    split = {"json": dump, "coding": coding or "none", "framing": framing, "TCP": str(cut)}
    return Combination({**names, **split}, send, verdict)


def _answer(chance: random.Random) -> Combination:
    """A document of the generator's, in one piece or as its protocol streams it."""
    protocol = chance.choice([*ANSWERS])
    dialect, cases = ANSWERS[protocol]
    place = chance.choice([*cases])
    plain = place in {"id", "model", "finish reason", "stop sequence", "reason", "usage", "duration"}
    wording, worded = ("alone", str) if plain else _worded(place, chance)
    asked = next((fields for word, fields in test_coverage.UNASKED.items() if word in place), {})
    stream = chance.random() < 0.5 and not (protocol == "messages" and place in {"model", "usage"})
    framing, coding = _framing(chance), chance.choice(["", "", "", *CODINGS])
    size = chance.randrange(1, 40)
    dump = chance.choice([*DUMPS])

    def send(one: House, phrase: str) -> Answer:
        document = cases[place](worded(phrase))
        if protocol == "chat":
            streamed = events(chunks(document, size))
        else:
            streamed = (test_anthropic.events if protocol == "messages" else test_ollama.lines)(document)
        _plays(one, dialect, streamed, DUMPS[dump](document), coding, framing)
        more = asked if stream and protocol == "chat" else {}
        return _exchange(one, _asking(dialect, stream, more), 0)

    def verdict(one: House, phrase: str, answer: Answer) -> str:
        if phrase == CANARY:
            return _blocked(one, dialect, answer, asked=True)
        document = cases[place](worded(phrase))
        if answer.status != 200:
            return f"the twin was answered {answer.status} {answer.body[:120]!r}"
        if not stream:
            return "" if answer.json == document else "the twin's answer is changed"
        if protocol == "chat":
            said = {choice["index"]: choice["message"] for choice in document["choices"]}
            same = without_empty(messages_of(deltas(answer.body))) == without_empty(said)
            return "" if same else "the twin's stream is changed"
        return "" if dialect.heard(answer).ending != "cut" else "the twin's stream has no end"

    names = {"kind": "answer", "protocol": protocol, "place": place, "wording": wording, "stream": str(stream)}
    return Combination({**names, "json": dump, "coding": coding or "none", **framing.names}, send, verdict)


def _stream(chance: random.Random) -> Combination:
    """Texts of a stream, cut anywhere, mixed with others, written in any grammar."""
    dialect = chance.choice([CHAT, MESSAGES, OLLAMA, GENERATE])
    lane = chance.choice(dialect.lanes)
    wordings = {**WORDINGS, **SPEAKING} if lane != "arguments" else WORDINGS
    wording = chance.choice([*wordings])
    seed, choices = chance.random(), chance.choice([1, 1, 2, 3]) if dialect.choices else 1
    which = chance.randrange(choices)
    most = chance.choice([1, 2, 4, 8, 16, 64, 5000])
    grammar = chance.choice([*(GRAMMARS if dialect.sse else LINES)])
    framing, coding = _framing(chance), chance.choice(["", "", "", *CODINGS])
    together = chance.random() < 0.5

    def said(phrase: str) -> list[Said]:
        again = random.Random(seed)
        text = wordings[wording](phrase, again)
        if lane == "arguments":
            text = json.dumps({"q": text}, ensure_ascii=again.random() < 0.5)
        rows = [_cut(again, text if n == which else f"This is number {n}. ", most, lane, n) for n in range(choices)]
        if together:
            rows = [[row[at] for at in range(max(map(len, rows))) for row in rows if at < len(row)]]
        before = _cut(again, "Let me think of it first. ", most, "reasoning", which) if lane == "content" else []
        return [*before, *(piece for row in rows for piece in row)]

    def send(one: House, phrase: str) -> Answer:
        found: list[Event] = [
            (name, json.dumps(json.loads(data), ensure_ascii=False).encode())
            for name, data in dialect.events(said(phrase))
        ]
        found += [("", dialect.done)] if dialect.done else []
        streamed = (GRAMMARS if dialect.sse else LINES)[grammar](found)
        _plays(one, dialect, streamed, b"{}", coding, framing)
        return _exchange(one, _asking(dialect, True, {"n": choices} if choices > 1 else {}), 0)

    def verdict(one: House, phrase: str, answer: Answer) -> str:
        if phrase == CANARY:
            return _blocked(one, dialect, answer, asked=True)
        heard = dialect.heard(answer)
        if heard.ending != "whole":
            return f"the twin ended {heard.ending}"
        return "" if heard.texts == dialect.parts(said(phrase)) else "the twin's texts are changed"

    names = {"kind": "stream", "protocol": dialect.name, "place": lane, "wording": wording, "stream": "True"}
    split = {"grammar": grammar, "coding": coding or "none", "most": str(most), "choices": f"{which} of {choices}"}
    return Combination({**names, **split, "mixed": str(together), **framing.names}, send, verdict)


def _cut(chance: random.Random, text: str, most: int, lane: str, choice: int) -> list[Said]:
    found: list[Said] = []
    while text:
        size = chance.randint(1, most)
        found.append((choice, lane, text[:size]))
        text = text[size:]
    return found


@dataclass(frozen=True)
class Framing:
    """How an answer comes: in chunks or with its length, and in which slices."""

    chunked: bool
    slices: int | None

    @property
    def names(self) -> dict[str, str]:
        return {"framing": "chunks" if self.chunked else "length", "TCP": str(self.slices or 0)}


def _framing(chance: random.Random) -> Framing:
    return Framing(chance.random() < 0.6, chance.choice([None, None, 7, 50, 333, 4096]))


def _but_stream(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "stream"}


def _asking(dialect: Dialect, stream: bool, more: dict[str, Any]) -> bytes:
    body = json.dumps(dialect.ask(stream=stream, **more)).encode()
    return request(body, "anthropic-version: 2023-06-01", target=dialect.path)


def _says(one: House, dialect: Dialect, said: Sequence[Said], _: dict[str, Any]) -> None:
    streamed, whole = b"".join(dialect.frames(said)), json.dumps(dialect.whole(said)).encode()
    _plays(one, dialect, streamed, whole, "", Framing(True, None))


def _plays(one: House, dialect: Dialect, streamed: bytes, whole: bytes, coding: str, framing: Framing) -> None:
    """Have the stub answer with the one or the other, as it is asked."""

    async def play(reader: Any, writer: Any) -> None:
        stream = one.upstream.last_body.get("stream")
        kind, body = (dialect.media_type, streamed) if stream else ("application/json", whole)
        lines = [f"Content-Encoding: {coding}"] if coding else []
        packed = CODINGS[coding](body) if coding else body
        await playing(kind, [packed], *lines, size=framing.slices, chunked=framing.chunked)(reader, writer)

    one.upstream.play = play


def _exchange(one: House, sent: bytes, cut: int) -> Answer:
    """Send *sent*, *cut* bytes at a time if it is not 0."""
    with socket.create_connection(("127.0.0.1", one.ports.data), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for start in range(0, min(len(sent), 64 * cut) if cut else 0, cut or 1):
                connection.sendall(sent[start : start + cut])
            connection.sendall(sent[64 * cut :] if cut else sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        found = []
        try:
            while data := connection.recv(65536):
                found.append(data)
        except ConnectionResetError:
            pass
    return answer_of(b"".join(found))


def _blocked(one: House, dialect: Dialect, answer: Answer, *, asked: bool) -> str:
    """What is wrong with the block that *answer* should be."""
    canary = CANARY.encode()
    if not asked and one.upstream.received:
        return "the generator was asked"
    if canary in answer.raw or canary in one.upstream.everything:
        return "LEAK: the canary is in the bytes"
    heard = dialect.heard(answer)
    if CANARY[:8] in heard.everything():
        return "LEAK: a beginning of the canary was put together"
    if heard.ending not in ({"refused", "filtered"} if asked else {"refused"}):
        return f"it ended {heard.ending} {heard.code}: {answer.body[:120]!r}"
    if heard.ending == "refused" and answer.headers.get("x-should-retry") != "false":
        return "a client would try again"
    return ""


@dataclass
class Result:
    """What came of a run."""

    count: int = 0
    failures: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    exchanges: int = 0
    seconds: float = 0.0


class _Kept(logging.Handler):
    """Everything that was logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _logged() -> Iterator[list[str]]:
    kept, log = _Kept(), logging.getLogger()
    log.addHandler(kept)
    try:
        yield kept.lines
    finally:
        log.removeHandler(kept)


def run(one: House, numbers: Sequence[int], seed: int, *, seconds: float = float("inf")) -> Result:
    """Send the combinations *numbers* of *seed*, for as many *seconds* at the most."""
    result, began = Result(), time.monotonic()
    with _logged() as logged, closing(sqlite3.connect(one.log)) as log:
        before = _last(log)[0]
        for number in numbers:
            if time.monotonic() - began > seconds:
                break
            made = combination(seed, number)
            result.count += 1
            result.seen.update(f"{name}={value}" for name, value in made.names.items() if name in _COUNTED)
            for phrase in (CANARY, HARMLESS):
                one.upstream.received.clear()
                answer = made.send(one, phrase)
                result.exchanges += 1
                try:
                    wrong = made.verdict(one, phrase, answer)
                except Exception as error:  # noqa: BLE001  whatever cannot be read is wrong
                    wrong = f"cannot be read: {type(error).__name__} {error}"[:300]
                sequence, state = _last(log)
                wanted = {State.BLOCKED.value} if phrase == CANARY else {State.ALLOWED.value}
                if sequence != before + 1:
                    wrong = wrong or f"{sequence - before} records"
                elif state not in wanted:
                    wrong = wrong or f"the record says {state}"
                before = sequence
                if wrong:
                    result.failures.append(f"{number} [{made}]: {phrase}: {wrong}")
    result.seconds = time.monotonic() - began
    canary = CANARY.encode()
    for path in one.log.parent.glob(one.log.name + "*"):
        if canary in path.read_bytes():
            result.failures.append(f"LEAK: the canary is in {path.name}")
    if CANARY in "\n".join(logged) or CANARY in one.admin("/metrics"):
        result.failures.append("LEAK: the canary is in logs or metrics")
    return result


_COUNTED = ("kind", "protocol", "wording", "stream", "coding", "framing", "grammar")


def _last(log: sqlite3.Connection) -> tuple[int, str]:
    row = log.execute("SELECT seq, state FROM records ORDER BY seq DESC LIMIT 1").fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="combinations", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="repeat one")
    parser.add_argument("--json", type=Path, help="write the result there")
    given = parser.parse_args(arguments)
    numbers: Sequence[int] = range(given.count) if given.only is None else [given.only]
    with tempfile.TemporaryDirectory() as folder, house(Path(folder), timeout_s=20) as one:
        result = run(one, numbers, given.seed)
    print(f"{result.count} combinations, {result.exchanges} exchanges, {result.seconds:.0f} s, seed {given.seed}")
    print(", ".join(f"{name} {count}" for name, count in sorted(result.seen.items())))
    for failure in result.failures[:50]:
        print(failure)
    leaks = sum("LEAK" in failure for failure in result.failures)
    print(f"{len(result.failures)} failures, {leaks} leaks")
    if given.json is not None:
        told = {"seed": given.seed, "combinations": result.count, "exchanges": result.exchanges,
                "failures": result.failures, "leaks": leaks, "seconds": round(result.seconds, 1),
                "seen": dict(sorted(result.seen.items()))}  # fmt: skip
        given.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
