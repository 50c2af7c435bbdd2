from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import ollama
import openai
import pytest

from guard import Guard
from guard.audit import State
from guard.errors import HookError
from guard.hooks import anthropic as anthropic_hook, openai as openai_hook
from guard.hooks.httpx import AsyncGuardedTransport, GuardedTransport, guarded
from tests.fakes import StubUpstream, completion, eventually
from tests.hooks.conftest import POLICY, Records

CHAT = "/v1/chat/completions"
SAID = "It is well so far. See ticket-1234. And then zorblax, as they say. So on."
RELEASED = "It is well so far. See <MASK_1>. "
libraries = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])


def ask(text: str = "good morning", **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def told(lines: Iterator[str]) -> str:
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


@libraries
def test_what_is_blocked_never_reaches_the_network(
    guard: Guard, stub: StubUpstream, records: Records, library: Any
) -> None:
    with guarded(library.Client(base_url=stub.url), guard) as client:
        for text in ("say zorblax", "说佐布拉", "z\u200borblax"):
            answer = client.post(CHAT, json=ask(text), headers={"accept-language": "zh"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")
            assert answer.json()["error"]["message"] == "此处不可。"
            assert answer.headers["x-should-retry"] == "false"
    assert stub.received == []
    assert [(one.state, one.status, one.source, one.route) for one in records()] == [
        (State.BLOCKED, 400, "library", CHAT)
    ] * 3


@libraries
def test_what_comes_back_is_judged_before_the_client_sees_it(
    guard: Guard, stub: StubUpstream, records: Records, library: Any
) -> None:
    with guarded(library.Client(base_url=stub.url), guard) as client:
        stub.answer = completion("it is zorblax")
        refused = client.post(CHAT, json=ask())
        stub.answer = completion("see ticket-1234")
        masked = client.post(CHAT, json=ask())
    assert (refused.status_code, "zorblax" in refused.text) == (400, False)
    assert masked.json()["choices"][0]["message"]["content"] == "see <MASK_1>"
    assert masked.headers["x-guard-decision"] == "redact"
    assert [one.state for one in records()] == [State.BLOCKED, State.REDACTED]


@libraries
def test_a_stream_is_released_sentence_by_sentence_and_ends_before_what_is_blocked(
    guard: Guard, stub: StubUpstream, records: Records, library: Any
) -> None:
    stub.answer = completion(SAID)
    client = guarded(library.Client(base_url=stub.url), guard)
    with client, client.stream("POST", CHAT, json=ask(stream=True)) as answer:
        lines = list(answer.iter_lines())
    assert told(iter(lines)) == RELEASED
    assert '"content_filter"' in "".join(lines)
    (record,) = records()
    assert (record.state, record.stream) == (State.BLOCKED, True)


@libraries
def test_an_asynchronous_client_gets_the_same(guard: Guard, stub: StubUpstream, records: Records, library: Any) -> None:
    async def main() -> None:
        async with guarded(library.AsyncClient(base_url=stub.url), guard) as client:
            answer = await client.post(CHAT, json=ask("say zorblax"))
            assert answer.status_code == 400
            assert stub.received == []
            stub.answer = completion(SAID)
            async with client.stream("POST", CHAT, json=ask(stream=True)) as streamed:
                assert told(iter([line async for line in streamed.aiter_lines()])) == RELEASED
            stub.answer = completion("see ticket-1234")
            answers = await asyncio.gather(*(client.post(CHAT, json=ask(f"hello {n}")) for n in range(20)))
            assert {one.json()["choices"][0]["message"]["content"] for one in answers} == {"see <MASK_1>"}

    asyncio.run(main())
    assert len(records()) == 22


def test_values_that_are_masked_in_a_request_come_back_in_the_answer(guard: Guard, stub: StubUpstream) -> None:
    stub.script = lambda body: {"answer": completion(json.loads(body)["messages"][0]["content"])}
    with guarded(httpx.Client(base_url=stub.url), guard) as client:
        answer = client.post(CHAT, json=ask("about ticket-1234"))
    assert b"1234" not in stub.everything.partition(b"\r\n\r\n")[2]
    assert answer.json()["choices"][0]["message"]["content"] == "about ticket-1234"


def test_a_synchronous_client_works_inside_of_a_running_loop_and_in_many_threads(
    guard: Guard, stub: StubUpstream, records: Records
) -> None:
    with guarded(httpx.Client(base_url=stub.url), guard) as client:

        async def main() -> int:
            return client.post(CHAT, json=ask("say zorblax")).status_code

        assert asyncio.run(main()) == 400
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: client.post(CHAT, json=ask(f"hello {n}")).status_code, range(40)))
    assert set(statuses) == {200}
    assert len(records()) == 41


def test_what_the_network_raises_is_raised_to_whoever_called_and_recorded(guard: Guard, records: Records) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    with guarded(httpx.Client(base_url="http://127.0.0.1:9"), guard) as client, pytest.raises(httpx.ConnectError):
        client.post(CHAT, json=ask())
    other = httpx.Client(transport=GuardedTransport(httpx.MockTransport(silent), guard))
    with other, pytest.raises(httpx.ReadTimeout):
        other.post("http://x" + CHAT, json=ask())

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncGuardedTransport(httpx.MockTransport(silent), guard)) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post("http://x" + CHAT, json=ask())

    asyncio.run(main())
    found = [(one.state, one.error) for one in records()]
    assert found == [(State.UPSTREAM_ERROR, f"upstream_{code}") for code in ("unreachable", "timeout", "timeout")]


def test_other_paths_are_refused_unless_they_are_exempt(guard: Guard, stub: StubUpstream, records: Records) -> None:
    with guarded(httpx.Client(base_url=stub.url), guard) as client:
        for path in ("/v1/models", "/v1/files", "/V1/chat/completionz", "/v1%2Fchat/completions"):
            assert client.post(path, json=ask("say zorblax")).status_code in {400, 404}
        assert client.get(CHAT).status_code == 405
        assert client.post(CHAT, params={"q": "say zorblax"}, json=ask()).status_code == 400
        assert client.post(CHAT, content=b"zorblax").status_code == 415
        assert stub.received == []
    with guarded(httpx.Client(base_url=stub.url), guard, exempt=["/v1/models", "*"]) as client:
        assert client.get("/v1/models").status_code == 200
        assert client.post(CHAT, json=ask("say zorblax")).status_code == 400
    assert len(stub.received) == 1
    assert len(records()) == 8


@pytest.mark.parametrize("prefix", ["/api/paas/v4", "/openai/deployments/a", "/compatible-mode/v1", ""])
def test_a_protocol_is_known_by_how_the_path_ends(guard: Guard, stub: StubUpstream, prefix: str) -> None:
    with guarded(httpx.Client(base_url=stub.url + prefix), guard) as client:
        assert client.post("/chat/completions?api-version=2024-10-21", json=ask("say zorblax")).status_code == 400
        assert stub.received == []
        assert client.post("/chat/completions?api-version=2024-10-21", json=ask()).status_code == 200
    assert stub.received[0].startswith(f"POST {prefix}/chat/completions?api-version=2024-10-21 ".encode())


@pytest.mark.parametrize("closing", ["closed", "forgotten"])
def test_a_client_that_leaves_a_stream_has_the_call_taken_back_and_recorded(
    guard: Guard, stub: StubUpstream, records: Records, closing: str
) -> None:
    stub.answer, stub.pause = completion("This goes on and on. " * 400), 0.01
    client = guarded(httpx.Client(base_url=stub.url), guard)
    answer = client.send(client.build_request("POST", CHAT, json=ask(stream=True)), stream=True)
    lines = answer.iter_lines()
    assert next(lines)
    if closing == "closed":
        lines.close()  # type: ignore[attr-defined]  # it is a generator
        answer.close()
        assert [one.state for one in records()] == [State.CLIENT_GONE]
    else:
        del answer, lines
        gc.collect()
        assert eventually(lambda: [one.state for one in records()] == [State.CLIENT_GONE], 10)
    assert eventually(lambda: stub.cancelled == 1, 10)
    client.close()


def test_a_task_that_is_cancelled_has_its_call_taken_back_and_recorded(
    guard: Guard, stub: StubUpstream, records: Records
) -> None:
    stub.delay = 30

    async def main() -> None:
        async with guarded(httpx.AsyncClient(base_url=stub.url), guard) as client:
            work = asyncio.ensure_future(client.post(CHAT, json=ask()))
            assert await asyncio.to_thread(eventually, lambda: bool(stub.received))
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    asyncio.run(main())
    assert [one.state for one in records()] == [State.CLIENT_GONE]
    assert eventually(lambda: stub.cancelled == 1)


def test_an_interrupt_while_the_network_is_waited_for_leaves_nothing_behind(guard: Guard, records: Records) -> None:
    def interrupted(request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    client = httpx.Client(transport=GuardedTransport(httpx.MockTransport(interrupted), guard), base_url="http://x")
    with client, pytest.raises(KeyboardInterrupt):
        client.post(CHAT, json=ask())
    assert len(records()) == 1


def test_bodies_that_are_empty_broken_or_huge_go_nowhere(guard: Guard, stub: StubUpstream, records: Records) -> None:
    kind = {"content-type": "application/json"}
    with guarded(httpx.Client(base_url=stub.url), guard) as client:
        for body, status in ((b"", 400), (b"{", 400), (b'{"model": 1, "model": 2}', 400), (b" " * 11 * 2**20, 413)):
            assert client.post(CHAT, content=body, headers=kind).status_code == status
        pieces = client.post(CHAT, content=iter([json.dumps(ask("zor")).encode()[:-4], b'blax"}]}']), headers=kind)
    assert pieces.status_code == 400
    assert stub.received == []
    assert {one.state for one in records()} <= {State.REJECTED_PROTOCOL, State.BLOCKED}
    assert len(records()) == 5


def test_what_cannot_be_recorded_is_not_released(tmp_path: Path, stub: StubUpstream) -> None:
    (tmp_path / "house.yaml").write_text(POLICY)
    folder = tmp_path / "log"
    folder.mkdir()
    guard = Guard(tmp_path / "house.yaml", audit=folder / "audit.db")
    with guarded(httpx.Client(base_url=stub.url), guard) as client:
        assert client.post(CHAT, json=ask()).status_code == 200
        folder.rename(tmp_path / "elsewhere")
        answer = client.post(CHAT, json=ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "audit_unavailable")
    guard.close()


def test_a_client_that_is_none_is_an_error_that_says_what_is_known(guard: Guard) -> None:
    for other in (object(), httpx.Response(200)):
        with pytest.raises(HookError, match=r"httpx >= 0\.27"):
            guarded(other, guard)
    for hook in (openai_hook, anthropic_hook):
        with pytest.raises(HookError, match="works with"):
            hook.guarded(object(), guard)


def test_openais_client_is_guarded_in_all_it_does(guard: Guard, stub: StubUpstream, records: Records) -> None:
    with openai_hook.guarded(openai.OpenAI(base_url=f"{stub.url}/v1", api_key="k"), guard) as client:
        with pytest.raises(openai.BadRequestError) as blocked:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "say zorblax"}])
        assert blocked.value.code == "content_filter"
        with pytest.raises(openai.BadRequestError):
            client.with_options(timeout=3).embeddings.create(model="m", input="say zorblax")
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model="m", input="say zorblax")
        assert stub.received == []
        stub.answer = completion(SAID)
        stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}], stream=True)
        chunks = [chunk.choices[0] for chunk in stream if chunk.choices]
    assert "".join(one.delta.content or "" for one in chunks) == RELEASED
    assert chunks[-1].finish_reason == "content_filter"
    assert b"Authorization: Bearer k" in stub.everything or b"authorization: Bearer k" in stub.everything
    assert len(records()) == 4

    async def main() -> None:
        async with openai_hook.guarded(openai.AsyncOpenAI(base_url=f"{stub.url}/v1", api_key="k"), guard) as other:
            with pytest.raises(openai.BadRequestError):
                await other.chat.completions.create(model="m", messages=[{"role": "user", "content": "zorblax"}])

    asyncio.run(main())


def test_anthropics_and_ollamas_clients_are_guarded_too(guard: Guard, stub: StubUpstream) -> None:
    client = anthropic_hook.guarded(anthropic.Anthropic(base_url=stub.url, api_key="k"), guard)
    with client, pytest.raises(anthropic.BadRequestError, match="Not here"):
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "say zorblax"}])
    other = ollama.Client(host=stub.url)
    guarded(other._client, guard)
    with pytest.raises(ollama.ResponseError, match="Not here"):
        other.chat(model="m", messages=[{"role": "user", "content": "say zorblax"}])
    assert stub.received == []
    other._client.close()


FORKED = """
import os, sys
import httpx
from guard import Guard
from guard.hooks.httpx import guarded

guard = Guard(sys.argv[1], audit=sys.argv[2])
ask = {"model": "m", "messages": [{"role": "user", "content": "say zorblax"}]}

def check():
    with guarded(httpx.Client(base_url="http://127.0.0.1:9"), guard) as client:
        assert client.post("/v1/chat/completions", json=ask).status_code == 400

check()
children = []
for _ in range(2):
    child = os.fork()
    if not child:
        check()
        guard.close()
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
check()
guard.close()
"""


def test_a_guarded_client_works_in_forked_children(tmp_path: Path, log: Path, records: Records) -> None:
    (tmp_path / "house.yaml").write_text(POLICY)
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path / "house.yaml"), str(log)], check=True, timeout=60)
    assert len(records()) == 4


def test_two_guards_of_one_process_load_their_models_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(POLICY)
    (tmp_path / "two.yaml").write_text(POLICY.replace("house-rules", "other-rules"))
    guards: list[Guard] = []
    threads = [
        threading.Thread(target=lambda n=n: guards.append(Guard(tmp_path / n))) for n in ("one.yaml", "two.yaml")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = ({id(s.classifier) for s in one.pipeline.engine.stations()} for one in guards)
    assert first == second
    guards[0].close()
    assert not guards[0].check("fine").allowed
    assert guards[1].check("fine").allowed
    assert not guards[1].check("zorblax").allowed
    guards[1].close()
