from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import threading
from collections import UserDict, UserString, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from PIL import Image

from guard import Guard
from guard.audit import State
from guard.audit.sqlite import read
from guard.decision import FailureKind
from guard.errors import AuditError, ConfigError, PolicyError, RequestError
from guard.library import BlockedError, Checked

POLICY = """
policy: house-rules
classifiers:
  keywords: {lists: {stop: [zorblax], note: [murmur]}, patterns: {mask: ['ticket-\\d{4}']}, builtin: []}
rules:
  - {id: stop-it, message: {en: "Not here.", zh: "此处不可。"}, when: {category: custom.stop}, then: block}
  - {id: note-it, when: {category: custom.note}, then: flag}
  - {id: mask-it, when: {category: custom.mask}, then: redact}
"""


def written(folder: Path, text: str = POLICY) -> Path:
    file = folder / "house.yaml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="module")
def guard(file: Path) -> Iterator[Guard]:
    one = Guard(file)
    yield one
    one.close()


def test_what_is_fine_is_released_as_it_is(guard: Guard) -> None:
    checked = guard.check("good morning")
    assert (checked.action, checked.rules, checked.released) == ("allow", (), "good morning")
    assert checked.allowed
    assert checked.refusal is None
    assert checked.coverage.checked == 1
    assert checked.failures == ()


def test_what_is_blocked_is_refused_with_the_rules_words(guard: Guard) -> None:
    checked = guard.check("say Zorblax", locale="zh-CN")
    assert (checked.action, checked.rules, checked.released) == ("block", ("stop-it",), None)
    assert not checked.allowed
    assert checked.refusal is not None
    assert checked.refusal.message == "此处不可。"
    assert guard.check("zorblax").refusal.message == "Not here."  # type: ignore[union-attr]


def test_what_is_masked_is_released_changed(guard: Guard) -> None:
    checked = guard.check("see ticket-1234 and ticket-9999")
    assert checked.action == "redact"
    assert checked.allowed
    assert isinstance(checked.released, str)
    assert "1234" not in checked.released
    assert checked.findings[0].span == (4, 15)


def test_what_is_noted_is_released_and_flagged(guard: Guard) -> None:
    checked = guard.check("a murmur")
    assert (checked.action, checked.rules, checked.released) == ("flag", ("note-it",), "a murmur")


def test_awaiting_gives_the_same(guard: Guard) -> None:
    async def both() -> tuple[Checked, Checked]:
        return await guard.acheck("ticket-1234"), guard.check("ticket-1234")

    awaited, checked = asyncio.run(both())
    assert awaited.to_dict() == {**checked.to_dict(), "id": awaited.id}


def test_a_check_works_inside_a_running_loop(guard: Guard) -> None:
    async def inside() -> list[str]:
        return [guard.check(text).action for text in ("fine", "zorblax")]

    assert asyncio.run(inside()) == ["allow", "block"]


def test_checks_work_on_many_threads_and_loops_at_once(guard: Guard) -> None:
    texts = ["fine", "zorblax", "ticket-1234", "murmur"] * 50
    expected = ["allow", "block", "redact", "flag"] * 50
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda text: guard.check(text).action, texts)) == expected

        def looped(text: str) -> str:
            return asyncio.run(guard.acheck(text)).action

        assert list(pool.map(looped, texts)) == expected

    async def gathered() -> list[str]:
        return [checked.action for checked in await asyncio.gather(*map(guard.acheck, texts))]

    assert asyncio.run(gathered()) == expected


def test_the_report_is_plain_json(guard: Guard) -> None:
    report = json.loads(json.dumps(guard.check("ticket-1234").to_dict()))
    assert set(report) == {
        "id", "action", "cause", "rules", "findings", "failures", "coverage", "policy", "enforced", "released",
    }  # fmt: skip
    assert report["policy"].startswith("house-rules@")
    assert "ticket" not in repr(guard.check("ticket-1234"))


def test_a_conversation_is_one_check(guard: Guard) -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "see ticket-1234."}]},
    ]
    checked = guard.check(messages=messages)
    assert checked.action == "redact"
    assert isinstance(checked.released, list)
    assert checked.findings[0].part == "/1/content/0/text"
    assert messages[1]["content"][0]["text"] == "see ticket-1234."
    assert (
        guard.check(
            messages=[*messages, {"role": "tool", "content": "zorb"}, {"role": "tool", "content": "lax"}]
        ).action
        == "block"
    )
    with pytest.raises(RequestError, match="should be one of system"):
        guard.check(messages=[{"role": "wizard", "content": "x"}])


def test_a_direction_is_said_by_name(guard: Guard) -> None:
    assert guard.check("zorblax", direction="output").decision.direction.value == "output"
    with pytest.raises(ValueError, match="sideways"):
        guard.check("zorblax", direction="sideways")


@pytest.mark.parametrize("wrong", [b"zorblax", 7, ["zorblax"], {"text": "zorblax"}, bytearray(b"x")])
def test_what_is_no_text_is_an_error_and_never_allowed(guard: Guard, wrong: Any) -> None:
    with pytest.raises(TypeError, match="it should be a str"):
        guard.check(wrong)


def test_exactly_one_thing_is_checked_at_once(guard: Guard) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        guard.check()
    with pytest.raises(TypeError, match="exactly one"):
        guard.check("x", image=b"x")


def picture() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8)).save(data, "PNG")
    return data.getvalue()


def test_a_picture_that_no_rule_reads_is_unscannable(guard: Guard, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(picture())
    for image in (picture(), file, str(file)):
        checked = guard.check(image=image)
        assert checked.coverage.unscannable == (("", "no classifier of the policy reads image"),)
        assert not checked.allowed
    with pytest.raises(FileNotFoundError):
        guard.check(image=tmp_path / "nowhere.png")


def test_modalities_that_were_not_loaded_are_never_allowed(file: Path) -> None:
    guard = Guard(file, modalities=["image"])
    checked = guard.check("zorblax")
    assert not checked.allowed
    assert checked.coverage.unscannable == (("", "the classifiers that read text are not loaded"),)
    guard.close()


def test_a_record_is_written_before_a_check_returns(tmp_path: Path) -> None:
    guard = Guard(written(tmp_path), audit=tmp_path / "audit.db")
    for text, state in [("fine", State.ALLOWED), ("zorblax", State.BLOCKED), ("ticket-1234", State.REDACTED),
                        ("murmur", State.FLAGGED)]:  # fmt: skip
        checked = guard.check(text, direction="output")
        (record,) = read(tmp_path / "audit.db", limit=1)
        assert (record.id, record.state, record.source) == (checked.id, state, "library")
        assert record.input is None
        assert record.output is not None
    guard.close()
    assert b"zorblax" not in b"".join(path.read_bytes() for path in tmp_path.glob("audit.db*"))


def test_what_cannot_be_recorded_is_not_released(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    guard = Guard(written(tmp_path), audit=folder / "audit.db")
    guard.check("fine")
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(AuditError):
        guard.check("fine")
    guard.close()


def test_a_guard_that_is_closed_allows_nothing(file: Path) -> None:
    guard = Guard(file)
    guard.close()
    checked = guard.check("fine")
    assert not checked.allowed
    assert [failure.kind for failure in checked.failures] == [FailureKind.ERROR]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (POLICY.replace("category: custom.stop", "catgory: custom.stop"), PolicyError),
        (POLICY.replace("keywords:", "keyword:"), PolicyError),
        (POLICY.replace("'ticket-", "'ticket-("), PolicyError),
    ],
)
def test_a_policy_that_cannot_be_meant_is_an_error_at_once(tmp_path: Path, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Guard(written(tmp_path, text))


def test_a_policy_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match="ca-sb942, cn-gb45438, default, eu-cop-2026, minors, quality, strict"):
        Guard("nowhere")


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(PolicyError):
        Guard(tmp_path)


FORKED = """
import os, sys, threading
from guard import Guard

guard = Guard(sys.argv[1], audit=sys.argv[2])
texts = {"fine": "allow", "say zorblax": "block", "fine words " * 3000: "allow"}

def check():
    for text, action in texts.items():
        assert guard.check(text).action == action

check()
busy = [threading.Thread(target=lambda: [check() for _ in range(20)]) for _ in range(4)]
for thread in busy:
    thread.start()
children = []
for _ in range(3):
    child = os.fork()
    if not child:
        check()
        guard.close()
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
for thread in busy:
    thread.join()
check()
guard.close()
"""


def test_a_guard_works_in_forked_children_and_records_there_too(tmp_path: Path) -> None:
    log = tmp_path / "audit.db"
    command = [sys.executable, "-c", FORKED, str(written(tmp_path)), str(log)]
    subprocess.run(command, check=True, timeout=60)
    assert len(list(read(log))) == 3 * (1 + 4 * 20 + 3 + 1)


# Guarded functions


def test_a_guarded_function_sees_and_gives_only_what_is_released(guard: Guard) -> None:
    seen = []

    @guard.guarded
    def reply(question: str, *, tone: str = "calm") -> str:
        """Answers."""
        seen.append((question, tone))
        return f"you asked: {question}; see ticket-5678"

    answer = reply("what of ticket-1234?", tone="murmur")
    assert "1234" not in seen[0][0]
    assert seen[0][1] == "murmur"
    assert "5678" not in answer
    assert (reply.__name__, reply.__doc__) == ("reply", "Answers.")


def test_a_guarded_function_is_not_run_with_what_is_refused(guard: Guard) -> None:
    calls = []

    @guard.guarded
    def reply(*texts: str, **named: str) -> str:
        calls.append(texts)
        return "fine"

    for wrong in (lambda: reply("zorblax"), lambda: reply("x", y="zorblax"), lambda: reply(zorblax="x")):
        with pytest.raises(BlockedError, match=r"^Not here\.$") as raised:
            wrong()
        assert raised.value.checked.rules == ("stop-it",)
    assert calls == []
    assert reply("a", y="b") == "fine"


def test_what_a_guarded_function_returns_is_not_given_away_if_refused(guard: Guard) -> None:
    @guard.guarded
    def reply() -> dict[str, Any]:
        return {"choices": [{"text": "fine"}, {"text": "zorblax"}]}

    with pytest.raises(BlockedError):
        reply()


def test_a_guarded_coroutine_function_is_awaited(guard: Guard) -> None:
    @guard.guarded
    async def reply(question: str) -> str:
        await asyncio.sleep(0)
        return f"{question} ticket-5678"

    assert asyncio.iscoroutinefunction(reply)
    answer = asyncio.run(reply("fine"))
    assert answer.startswith("fine ")
    assert "5678" not in answer
    with pytest.raises(BlockedError):
        asyncio.run(reply("zorblax"))


def test_what_is_not_changed_is_passed_on_as_it_was(guard: Guard) -> None:
    given = {"texts": ("a", "b"), "n": 1}

    @guard.guarded
    def same(value: Any, client: object) -> Any:
        return value

    assert same(given, object()) is given


def test_lists_and_mappings_are_masked_in_their_places_and_left_alone_by_it(guard: Guard) -> None:
    given = {"texts": ["see ticket-1234", "fine"], "n": 3}

    @guard.guarded
    def same(value: dict[str, Any]) -> dict[str, Any]:
        return value

    got = same(given)
    assert "1234" not in got["texts"][0]
    assert (got["texts"][1], got["n"]) == ("fine", 3)
    assert given == {"texts": ["see ticket-1234", "fine"], "n": 3}


def test_methods_can_be_guarded(guard: Guard) -> None:
    class Bot:
        name = "zorblax"

        @guard.guarded
        def reply(self, text: str) -> str:
            return text

    assert Bot().reply("fine") == "fine"
    with pytest.raises(BlockedError):
        Bot().reply("zorblax")


@pytest.mark.parametrize("odd", [object(), b"zorblax", {1: "zorblax"}, [{2: "x"}], iter(["zorblax"])])
def test_what_texts_cannot_be_found_in_is_not_returned(guard: Guard, odd: Any) -> None:
    with pytest.raises(TypeError, match="guarded function"):
        guard.guarded(lambda: odd)()


def test_a_mapping_with_odd_keys_is_not_passed_in_unread(guard: Guard) -> None:
    with pytest.raises(TypeError, match="keys are not all text"):
        guard.guarded(lambda value: "fine")({1: "zorblax"})


@dataclass
class Letter:
    text: str


HIDING = [
    {"zorblax"}, frozenset({"zorblax"}), MappingProxyType({"a": "zorblax"}), UserDict({"a": "zorblax"}),
    deque(["zorblax"]), UserString("zorblax"), {"zorblax": 1}.keys(), {"a": "zorblax"}.values(), Letter("zorblax"),
    Path("zorblax"),
]  # fmt: skip


@pytest.mark.parametrize("hiding", HIDING, ids=lambda value: type(value).__name__)
def test_text_is_found_in_every_kind_of_container(guard: Guard, hiding: Any) -> None:
    with pytest.raises(BlockedError):
        guard.guarded(lambda value: "fine")([hiding])
    with pytest.raises(BlockedError):
        guard.guarded(lambda: hiding)()


@pytest.mark.parametrize("unread", [b"zorblax", bytearray(b"zorblax"), iter(["zorblax"]), (x for x in ["zorblax"])])
def test_what_cannot_be_read_is_not_passed_in(guard: Guard, unread: Any) -> None:
    with pytest.raises(TypeError, match="a guarded function was given"):
        guard.guarded(lambda value: "fine")(unread)


def test_a_dataclass_is_masked_as_such_and_is_left_alone_as_self(guard: Guard) -> None:
    @dataclass
    class Bot:
        name: str = "zorblax"
        picture: bytes = b""

        @guard.guarded
        def reply(self, letter: Letter) -> Letter:
            assert self is bot
            return letter

    bot = Bot()
    given = Letter("see ticket-1234")
    got = bot.reply(given)
    assert isinstance(got, Letter)
    assert "1234" not in got.text
    assert given.text == "see ticket-1234"


def test_a_function_that_tells_no_signature_can_be_guarded(guard: Guard) -> None:
    assert guard.guarded(max)("a", "b") == "b"


def test_an_error_of_the_function_is_its_own(guard: Guard) -> None:
    @guard.guarded
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()


def test_guarded_functions_may_call_each_other_on_any_thread(guard: Guard) -> None:
    @guard.guarded
    def inner(text: str) -> str:
        return text

    @guard.guarded
    def outer(text: str) -> str:
        return inner(text)

    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(outer("fine")))
    thread.start()
    thread.join(5)
    assert results == ["fine"]


@pytest.mark.model
def test_a_model_server_of_its_own_gives_the_same_decision() -> None:
    here, there = Guard("default", modalities=["text"]), Guard("default", modalities=["text"], placement="process")
    for text in ("hello", "You are a disgusting, worthless idiot and I will kill you.", "write to ana@example.org"):
        one, other = here.check(text), there.check(text)
        assert (one.action, one.rules, one.findings, one.released) == (
            other.action,
            other.rules,
            other.findings,
            other.released,
        )
    here.close()
    there.close()
    assert there.check("hello").failures
