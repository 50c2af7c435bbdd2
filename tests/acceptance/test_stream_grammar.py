"""S24 and S25: a stream is read as any client would read it, whatever its grammar, and what is broken ends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from guard.audit import State
from tests.acceptance.conftest import House, house
from tests.acceptance.dialects import DIALECTS, Dialect, Event, Said, cut, ending, gated, playing
from tests.fakes import CANARY, ENTITY, HARMLESS

Writer = Callable[[Sequence[Event]], bytes]
SSE = [one for one in DIALECTS if one.sse]
SLICES = [None, 1, 7]
TEXT = "All is well, é 中 😀. It is called {}, as everybody knows. And so on."


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("grammar"), timeout_s=20) as one:
        yield one


@pytest.fixture
def one(one_house: House) -> House:
    one_house.begin()
    return one_house


def written(event: Event, *, end: str = "\n", space: str = " ", before: Sequence[str] = ()) -> bytes:
    """One event with lines that end in *end*, other lines *before* its data."""
    name, data = event
    lines = [*before, *([f"event:{space}{name}"] if name else []), f"data:{space}{data.decode()}", "", ""]
    return end.join(lines).encode()


def in_lines(event: Event) -> bytes:
    """Its data over several lines: a client joins them by line feeds, which JSON takes for spaces."""
    name, data = event
    if data == b"[DONE]":
        return written(event)
    spread = json.dumps(json.loads(data), ensure_ascii=False, indent=1).splitlines()
    return (f"event: {name}\n" if name else "").encode() + "".join(f"data:{line}\n" for line in spread).encode() + b"\n"


GRAMMARS: dict[str, Writer] = {
    "LF": lambda events: b"".join(written(one) for one in events),
    "CRLF": lambda events: b"".join(written(one, end="\r\n") for one in events),
    "CR": lambda events: b"".join(written(one, end="\r") for one in events),
    "all three": lambda events: b"".join(written(one, end=("\n", "\r\n", "\r")[n % 3]) for n, one in enumerate(events)),
    "no space": lambda events: b"".join(written(one, space="") for one in events),
    "two spaces": lambda events: b"".join(written(one, space="  ") for one in events),
    "data over lines": lambda events: b"".join(map(in_lines, events)),
    "comments": lambda events: (
        b": begin\n\n:\n" + b"".join(written(one, before=[": data: {}", ":" + "x" * 300]) for one in events)
    ),
    "ids and retries": lambda events: b"".join(
        written(one, before=[f"id: {n}", "retry: 3000", "unknown: y", "data"]) for n, one in enumerate(events)
    ),
    "a byte order mark": lambda events: b"\xef\xbb\xbf" + b"".join(written(one) for one in events),
    "empty events": lambda events: b"\n\n\n" + b"".join(written(one) + b"event: x\n\n\n" for one in events),
    "no names": lambda events: b"".join(written(("", data)) for _, data in events),
}


def raw(dialect: Dialect, said: Sequence[Said]) -> list[Event]:
    """The events of *said*, letters as they are, so that they can be cut in the middle."""
    found = [(name, json.dumps(json.loads(data), ensure_ascii=False).encode()) for name, data in dialect.events(said)]
    return [*found, ("", dialect.done)] if dialect.done else found


def decided_alike(one: House, dialect: Dialect, body: Callable[[Sequence[Event]], bytes], size: int | None) -> None:
    """The canary is stopped, data is masked, and everything else comes as it was said."""
    for word, shown, state in (
        (CANARY, None, State.BLOCKED),
        (HARMLESS, HARMLESS, State.ALLOWED),
        (ENTITY, "<ENTITY_1>", State.REDACTED),
    ):
        one.begin()
        stream = body(raw(dialect, cut(TEXT.format(word), 4)))
        one.upstream.play = playing(dialect.media_type, [stream], size=size)
        answer = dialect.send(one)
        heard = dialect.heard(answer)  # which fails for what is not canonical
        if shown is None:
            assert (heard.ending, heard.text) == ("filtered", "All is well, é 中 😀. ")
            assert one.leaks(answer) == []
        else:
            assert (heard.ending, heard.text) == ("whole", TEXT.format(shown))
        (record,) = one.records()
        assert record.state is state


@pytest.mark.parametrize("size", SLICES)
@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("dialect", SSE, ids=str)
def test_s24_every_way_to_write_events_is_read_alike(
    one: House, dialect: Dialect, grammar: str, size: int | None
) -> None:
    decided_alike(one, dialect, GRAMMARS[grammar], size)


@pytest.mark.parametrize("dialect", SSE, ids=str)
def test_s24_the_names_of_events_say_nothing_to_a_chat_and_little_to_a_message(one: House, dialect: Dialect) -> None:
    names = ["message", "delta", "x" * 80, "done", ""]

    def body(events: Sequence[Event]) -> bytes:
        return b"".join(written((names[n % 5], data)) for n, (_, data) in enumerate(events))

    decided_alike(one, dialect, body, 7)


LINES: dict[str, Writer] = {
    "LF": lambda events: b"".join(data + b"\n" for _, data in events),
    "CRLF": lambda events: b"".join(data + b"\r\n" for _, data in events),
    "empty lines": lambda events: b"\n\r\n" + b"".join(data + b"\n \n\n" for _, data in events),
    "spaces around": lambda events: b"".join(b"  " + data + b"\t\n" for _, data in events),
    "no end of the last line": lambda events: b"\n".join(data for _, data in events),
}


@pytest.mark.parametrize("size", SLICES)
@pytest.mark.parametrize("grammar", LINES)
def test_s24_every_way_to_write_lines_is_read_alike(one: House, grammar: str, size: int | None) -> None:
    decided_alike(one, DIALECTS[-1], LINES[grammar], size)


@pytest.mark.parametrize("framing", ["length", "chunks", "the end of the connection"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s24_however_the_upstream_frames_it_the_stream_is_the_same(one: House, dialect: Dialect, framing: str) -> None:
    frames = dialect.frames(cut(TEXT.format(HARMLESS), 4))
    one.upstream.play = playing(dialect.media_type, frames, chunked=framing == "chunks")
    if framing.startswith("the end"):
        one.upstream.raw = f"HTTP/1.1 200 OK\r\nContent-Type: {dialect.media_type}\r\n\r\n".encode() + b"".join(frames)
        one.upstream.play = None
    heard = dialect.heard(dialect.send(one))
    assert (heard.ending, heard.text) == ("whole", TEXT.format(HARMLESS))


BEGINNING = "It is well so far. And "
"""Of which the first sentence can be sent, and the rest cannot yet."""
MORE = f"then {CANARY}. "


def broken(dialect: Dialect, event: Event | bytes) -> tuple[list[bytes], list[bytes]]:
    """A stream that begins well, and then goes on with *event* before it comes to its end."""
    frames = dialect.frames([*cut(BEGINNING, 4), (0, "content", MORE)])
    at = next(n for n, frame in enumerate(frames) if CANARY.encode() in frame)
    given = event if isinstance(event, bytes) else dialect.frame(event)
    return frames[:at], [given, *frames[at:]]


def bad(data: bytes) -> Callable[[Dialect], tuple[list[bytes], list[bytes]]]:
    """An event with *data* in the middle."""
    return lambda dialect: broken(dialect, ("", data))


def unended(dialect: Dialect) -> tuple[list[bytes], list[bytes]]:
    frames = dialect.frames(cut(BEGINNING, 4))
    return frames[: -3 if dialect.name == "messages" else -1 - bool(dialect.done)], []


def half(dialect: Dialect) -> tuple[list[bytes], list[bytes]]:
    frames, _ = unended(dialect)
    return frames, [dialect.frame(dialect.events(cut("more", 4))[-2])[:-9]]


CUT_OFF: dict[str, Callable[[Dialect], tuple[list[bytes], list[bytes]]]] = {
    "text that is no JSON": bad(b"Internal error: " + CANARY.encode()),
    "half a JSON": bad(b'{"choices": [{"delta": {"content": "' + CANARY.encode()),
    "a list": bad(json.dumps([CANARY]).encode()),
    "a word": bad(json.dumps(CANARY).encode()),
    "a key twice": bad(b'{"a": 1, "a": 2}'),
    "not a number": bad(b'{"choices": [], "x": NaN}'),
    "half a letter": bad(b'{"choices": [{"index": 0, "delta": {"content": "\xe4\xb8"}}]}'),
    "half a pair": bad(b'{"choices": [{"index": 0, "delta": {"content": "\\ud83d"}}]}'),
    "nothing of its end": unended,
    "an end within an event": half,
}


@pytest.mark.parametrize("fault", CUT_OFF)
@pytest.mark.parametrize("begun", [True, False], ids=["begun", "nothing sent"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s25_a_stream_that_breaks_ends_in_an_error_and_nothing_unjudged_is_sent(
    one: House, dialect: Dialect, begun: bool, fault: str
) -> None:
    before, after = CUT_OFF[fault](dialect)
    if begun:
        answer = gated(one, dialect, before, ending(after), b"so far")
    else:
        one.upstream.play = playing(dialect.media_type, [*before, *after])
        answer = dialect.send(one)
    heard = dialect.heard(answer)
    assert one.leaks(answer) == []
    (record,) = one.records()
    assert (record.state, record.error) == (State.UPSTREAM_ERROR, "upstream_protocol")
    assert len(one.upstream.received) == 1
    if begun:
        assert (heard.ending, heard.text, record.status) == ("failed", "It is well so far. ", 200)
    else:  # how much of it arrived at once is up to the network
        assert heard.text in {"", "It is well so far. "}
        assert heard.ending == ("failed" if record.status == 200 else "502")
    assert b"[DONE]" not in answer.body


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s25_what_comes_after_the_end_is_not_read(one: House, dialect: Dialect) -> None:
    more = dialect.frames([(0, "content", f" And {CANARY}.")])
    one.upstream.play = playing(dialect.media_type, [*dialect.frames(cut("It is well. So it is.", 4)), *more, b"\xff"])
    answer = dialect.send(one)
    heard = dialect.heard(answer)
    assert (heard.ending, heard.text) == ("whole", "It is well. So it is.")
    assert one.leaks(answer) == []
    (record,) = one.records()
    assert record.state is State.ALLOWED


@pytest.mark.parametrize("kept", [-1, -2])
def test_s25_a_chat_whose_choices_are_all_finished_is_whole_without_its_last_words(one: House, kept: int) -> None:
    """``[DONE]`` says no more than the reasons to be finished did; openai-python does not ask for it either."""
    (chat, *_) = DIALECTS
    frames = [*chat.frames(cut("It is well. So it is.", 4))]
    one.upstream.play = playing(chat.media_type, [*frames[:-1], frames[-1][:kept] if kept == -2 else b""])
    heard = chat.heard(chat.send(one))
    assert (heard.ending, heard.text) == ("whole", "It is well. So it is.")
    (record,) = one.records()
    assert record.state is State.ALLOWED


def test_s25_a_chat_with_a_choice_that_is_not_finished_is_not_whole(one: House) -> None:
    (chat, *_) = DIALECTS
    said = [*cut("It is well. So it is. ", 4), *cut("It is fine. Or", 4, choice=1)]
    frames = chat.frames(said)
    finished = [frame for frame in frames if b'"index": 1' not in frame or b'"stop"' not in frame]
    one.upstream.play = playing(chat.media_type, finished[:-1])
    assert chat.heard(chat.send(one, n=2)).ending == "failed"
    one.upstream.play = playing(chat.media_type, finished)  # `[DONE]` is the generator's word that it is
    assert chat.heard(chat.send(one, n=2)).texts == chat.parts(said)


HTML = f"<html><body>{HARMLESS} {CANARY}</body></html>".encode()
PAGES = {
    "a page": ("text/html", HTML),
    "a page that calls itself a stream": (None, HTML),
    "a page in an event": (None, b"data: " + HTML + b"\n\n"),
    "a stream that calls itself text": ("text/plain", b"?"),
    "a stream that calls itself JSON": ("application/json", b"?"),
    "a stream that calls itself nothing": ("", b"?"),
    "nothing": (None, b""),
    "comments alone": (None, b": nothing\n\n: yet\n\n"),
    "an empty line": (None, b"\n"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s25_what_is_no_stream_of_the_protocol_is_a_bad_gateway(one: House, dialect: Dialect, page: str) -> None:
    media_type, body = PAGES[page]
    if body == b"?":
        body = b"".join(dialect.frames(cut(TEXT.format(CANARY), 4)))
    kind = dialect.media_type if media_type is None else media_type
    one.upstream.play = playing(kind, [body], chunked=False)
    answer = dialect.send(one)
    assert answer.status == 502, answer.body
    assert one.leaks(answer) == []
    (record,) = one.records()
    assert (record.state, record.error) == (State.UPSTREAM_ERROR, "upstream_protocol")


def error_of(dialect: Dialect, message: str) -> Event:
    """An error as the generator itself streams it."""
    if dialect.name == "messages":
        told: Any = {"type": "error", "error": {"type": "overloaded_error", "message": message}}
    else:
        told = {"error": message if dialect.name == "ollama" else {"message": message, "code": 500}}
    return ("error" if dialect.name == "messages" else "", json.dumps(told).encode())


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "nothing sent"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s25_an_error_that_the_generator_reports_is_passed_on_and_recorded(
    one: House, dialect: Dialect, begun: bool
) -> None:
    told = error_of(dialect, "too much to do, é")
    if begun:
        before, after = broken(dialect, told)
        answer = gated(one, dialect, before, ending(after), b"so far")
    else:
        one.upstream.play = playing(dialect.media_type, [dialect.frame(told)])
        answer = dialect.send(one)
    heard = dialect.heard(answer)
    assert heard.ending == "failed"
    assert heard.text == (BEGINNING if begun else "")
    assert "too much to do, é".encode() in answer.body
    assert one.leaks(answer) == []
    (record,) = one.records()
    assert record.state is State.UPSTREAM_ERROR
    one.upstream.play = playing(dialect.media_type, [dialect.frame(told)])
    assert dialect.by_client(one).ending == "failed"


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "nothing sent"])
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_s25_the_words_of_a_generators_error_are_judged_too(one: House, dialect: Dialect, begun: bool) -> None:
    told = error_of(dialect, CANARY)
    if begun:
        before, after = broken(dialect, told)
        answer = gated(one, dialect, before, ending(after), b"so far")
    else:
        one.upstream.play = playing(dialect.media_type, [dialect.frame(told)])
        answer = dialect.send(one)
    heard = dialect.heard(answer)
    assert heard.ending == ("filtered" if begun else "refused")
    assert one.leaks(answer) == []
    (record,) = one.records()
    assert record.state is State.BLOCKED
