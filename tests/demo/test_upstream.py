import socket
import subprocess
import sys
import time

import httpx
import openai
import orjson
import pytest

from guard.demo import create_upstream, running
from guard.demo.generator import Generation, Generator, Page
from guard.demo.upstream import MODEL, read_request
from guard.errors import RequestError

ASK = [{"role": "user", "content": "How can I contact you?"}]


@pytest.fixture(scope="module")
def base_url():
    with running() as url:
        yield url


@pytest.fixture(scope="module")
def client(base_url):
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def post(base_url: str, body: bytes) -> httpx.Response:
    return httpx.post(f"{base_url}/v1/chat/completions", content=body, trust_env=False)


def test_a_completion_is_what_the_client_expects(client):
    answer = client.chat.completions.create(model=MODEL, messages=ASK, seed=1)

    assert answer.id.startswith("chatcmpl-")
    assert (answer.object, answer.model) == ("chat.completion", MODEL)
    assert answer.system_fingerprint.startswith("fp_")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert len(answer.choices[0].message.content) > 10
    assert answer.choices[0].logprobs is None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


@pytest.mark.parametrize("prompt", ["How can I contact you?", "怎么联系你们？"])
def test_a_stream_says_the_same_as_a_whole_answer(client, prompt):
    asked = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], "seed": 4}
    whole = client.chat.completions.create(**asked)

    chunks = list(client.chat.completions.create(**asked, stream=True))

    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks][-2:] == [None, "stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert len(chunks) == whole.usage.completion_tokens + 2


def test_usage_comes_last_in_a_stream_that_asks_for_it(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=ASK, max_tokens=6, stream=True, stream_options={"include_usage": True}
    )

    *others, last = list(stream)

    assert all(chunk.usage is None for chunk in others)
    assert last.choices == []
    assert last.usage.completion_tokens == 6


def test_tokens_leave_one_by_one_while_the_rest_is_still_being_written():
    with (
        running(app=create_upstream(pace=0.02)) as url,
        openai.OpenAI(base_url=f"{url}/v1", api_key="unused") as client,
        client.chat.completions.create(model=MODEL, messages=ASK, max_tokens=40, stream=True) as stream,
    ):
        arrivals = []
        for chunk in stream:
            arrivals.append((time.monotonic(), chunk))
            if len(arrivals) == 6:
                break

    moments = [moment for moment, _ in arrivals]
    assert moments[-1] - moments[1] > 0.04


def test_choices_differ_and_repeat_with_the_seed(client):
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "怎么退货？"}], "n": 4, "seed": 11}

    first, again = (client.chat.completions.create(**asked) for _ in range(2))

    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2, 3]
    assert len(set(texts)) > 1
    assert texts == [choice.message.content for choice in again.choices]


def test_streamed_choices_are_those_of_the_whole_answer(client):
    asked = {"model": MODEL, "messages": ASK, "n": 3, "seed": 2}
    whole = client.chat.completions.create(**asked)
    texts = ["", "", ""]

    for chunk in client.chat.completions.create(**asked, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""

    assert texts == [choice.message.content for choice in whole.choices]


def test_logprobs_spell_out_the_content(client):
    answer = client.chat.completions.create(model=MODEL, messages=ASK, logprobs=True, top_logprobs=3, seed=3)

    entries = answer.choices[0].logprobs.content
    assert b"".join(bytes(entry.bytes) for entry in entries).decode() == answer.choices[0].message.content
    assert all(1 <= len(entry.top_logprobs) <= 3 for entry in entries)


def test_max_tokens_and_stop_are_kept(client):
    short = client.chat.completions.create(model=MODEL, messages=ASK, max_completion_tokens=3, seed=1)
    stopped = client.chat.completions.create(model=MODEL, messages=ASK, stop=["example.org"], seed=1)

    assert (short.choices[0].finish_reason, short.usage.completion_tokens) == ("length", 3)
    assert stopped.choices[0].finish_reason == "stop"
    assert stopped.choices[0].message.content.endswith("@")


def test_a_conversation_with_parts_and_tool_turns_is_read(client):
    messages = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Where is my order?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "track", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "The parcel is late."},
        {"role": "user", "content": "So when does it arrive?"},
    ]

    assert client.chat.completions.create(model="any-name", messages=messages).choices[0].message.content


def test_the_models_are_listed(client):
    assert [model.id for model in client.models.list()] == [MODEL]


BAD = [
    (b"{", "invalid_json", None),
    (b'{"model": NaN}', "invalid_json", None),
    (b"[" * 100_000, "invalid_json", None),
    (b"[]", "invalid_type", None),
    (b'{"messages": []}', "invalid_type", "model"),
    (b'{"model": "m"}', "invalid_type", "messages"),
    (b'{"model": "m", "messages": []}', "invalid_type", "messages"),
    (b'{"model": "m", "messages": ["hi"]}', "invalid_value", "messages.0.role"),
    (b'{"model": "m", "messages": [{"role": ["user"], "content": "hi"}]}', "invalid_value", "messages.0.role"),
    (b'{"model": "m", "messages": [{"role": "user"}]}', "invalid_value", "messages.0.content"),
    (
        b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
        "invalid_value",
        "messages.0.content",
    ),
]


@pytest.mark.parametrize(("body", "code", "param"), BAD)
def test_a_bad_body_is_refused_with_its_code_and_field(body, code, param):
    with pytest.raises(RequestError) as caught:
        read_request(body)

    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.1),
        ("temperature", "1"),
        ("temperature", True),
        ("top_p", -0.1),
        ("n", 0),
        ("n", 1.5),
        ("n", 9),
        ("max_tokens", 0),
        ("max_completion_tokens", 5_000),
        ("seed", 2**63),
        ("stop", [1]),
        ("stop", ""),
        ("stop", list("abcde")),
        ("stream", "yes"),
        ("stream_options", "usage"),
        ("logprobs", 1),
        ("top_logprobs", 21),
    ],
)
def test_a_field_out_of_range_is_refused_by_name(name, value):
    body = orjson.dumps({"model": "m", "messages": ASK, name: value})

    with pytest.raises(RequestError) as caught:
        read_request(body)

    assert caught.value.param == name


def test_a_null_field_means_its_default():
    fields = dict.fromkeys(["temperature", "n", "stop", "seed", "max_tokens", "stream", "stream_options", "logprobs"])

    assert read_request(orjson.dumps({"model": "m", "messages": ASK, **fields})) == read_request(
        orjson.dumps({"model": "m", "messages": ASK})
    )


def test_a_negative_seed_is_a_seed(client):
    asked = {"model": MODEL, "messages": ASK, "seed": -5}

    first, again = (client.chat.completions.create(**asked) for _ in range(2))

    assert first.choices[0].message.content == again.choices[0].message.content


def test_the_client_raises_bad_request_with_the_message_of_the_server(client):
    with pytest.raises(openai.BadRequestError, match="`temperature` should be a number from 0 to 2") as caught:
        client.chat.completions.create(model=MODEL, messages=ASK, temperature=3)

    assert (caught.value.code, caught.value.param) == ("invalid_value", "temperature")
    assert caught.value.body["type"] == "invalid_request_error"


def test_a_prompt_beyond_the_context_is_refused(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "book " * 9_000}])

    assert caught.value.code == "context_length_exceeded"


def test_a_body_over_the_limit_is_413(base_url):
    response = post(base_url, b" " * (1 << 20) + b"{}")

    assert response.status_code == 413
    assert "1048576 bytes" in response.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/chat/completions", 405), ("POST", "/v1/x", 404)])
def test_other_routes_and_methods_answer_with_error_json(base_url, method, path, status):
    response = httpx.request(method, base_url + path, trust_env=False)

    assert response.status_code == status
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_after_the_block_nothing_listens_any_more():
    with running() as url:
        port = int(url.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port)).close()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_taken_port_is_an_os_error(base_url):
    with pytest.raises(OSError, match="in use"), running(port=int(base_url.rpartition(":")[2])):
        pass


def test_serve_announces_where_it_listens_and_ends_on_sigterm():
    program = "from guard.demo import serve; serve(port=0, announce=lambda url: print(url, flush=True))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            models = httpx.get(f"{url}/v1/models", trust_env=False, timeout=10).json()
        finally:
            process.terminate()

    assert models["data"][0]["id"] == MODEL
    assert process.returncode in {0, -15}


def test_a_client_that_leaves_a_stream_stops_the_writing():
    generator = CountingGenerator()
    with running(app=create_upstream(pace=0.01, generator=generator)) as url:
        with httpx.stream(
            "POST",
            f"{url}/v1/chat/completions",
            json={"model": MODEL, "messages": ASK, "temperature": 2, "max_tokens": 4_000, "stream": True},
            trust_env=False,
        ) as response:
            next(response.iter_raw())
        time.sleep(0.2)
        count = generator.made[0].count
        time.sleep(0.2)

    assert generator.made[0].finish_reason == "length"
    assert generator.made[0].count == count


class CountingGenerator(Generator):
    """Writes "and" for a very long time, and remembers what it was asked to write."""

    def __init__(self) -> None:
        super().__init__([Page("q", "and " * 5_000)], [Page("q", "和" * 10)])
        self.made: list[Generation] = []

    def generate(self, turns, sampling=None):
        self.made.append(super().generate(turns, sampling))
        return self.made[-1]
