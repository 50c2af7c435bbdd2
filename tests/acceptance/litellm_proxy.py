"""The generic guardrail with LiteLLM's own proxy between: is what its users do really judged, changed and blocked?

    python -m venv /elsewhere && /elsewhere/bin/pip install 'litellm[proxy]'
    python -m tests.acceptance.litellm_proxy /elsewhere/bin/litellm

Starts a stub generator, a gateway that answers LiteLLM's questions, and the proxy with the guardrail before and after
the call; then speaks to the proxy with OpenAI's client. LiteLLM is no dependency: it is installed where it is said.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.acceptance.conftest import House, house
from tests.fakes import CANARY, StubUpstream, completion, running_upstream

KEY = "sk-proxy"
CONFIG = """
model_list:
  - model_name: painter
    litellm_params: {{model: openai/m, api_base: "{upstream}/v1", api_key: sk-upstream}}
guardrails:
  - guardrail_name: before
    litellm_params: {{guardrail: generic_guardrail_api, mode: pre_call, default_on: true, api_base: "{gateway}"}}
  - guardrail_name: after
    litellm_params:
      guardrail: generic_guardrail_api
      mode: post_call
      default_on: true
      api_base: "{gateway}"
      streaming_transform_mode: incremental_diff
      streaming_sampling_rate: 3
general_settings: {{master_key: {key}}}
"""
MAIL = "ana.petrova@example.org"
LONG = (
    f"The first line says nothing much at all. You may write to {MAIL} for the rest of it. "
    "There are several more things to be said here! 您也可以写信给 bo.lind@example.org。谢谢您。 And that is all of it."
)


@contextmanager
def proxy(program: str, folder: Path, upstream: str, gateway: str) -> Iterator[str]:
    """LiteLLM's proxy in front of *upstream*, asking *gateway*; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "litellm.yaml"
    config.write_text(CONFIG.format(upstream=upstream, gateway=gateway, key=KEY))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    log = (folder / "litellm.log").open("wb")
    process = subprocess.Popen(
        [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**environment, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health/liveliness", process, folder / "litellm.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"LiteLLM did not start:\n{log.read_text()[-3000:]}")


def says(client: openai.OpenAI, text: str, **more: Any) -> str:
    answer = client.chat.completions.create(model="painter", messages=[{"role": "user", "content": text}], **more)
    return str(answer.choices[0].message.content)


def streams(client: openai.OpenAI, text: str) -> list[str]:
    stream = client.chat.completions.create(model="painter", messages=[{"role": "user", "content": text}], stream=True)
    return [c.choices[0].delta.content for c in stream if c.choices and c.choices[0].delta.content]


def passes(one: House, upstream: StubUpstream, client: openai.OpenAI) -> None:
    """A harmless exchange goes through as it was, and both sides of it are recorded."""
    upstream.answer = completion("All is well.")
    assert says(client, "How are things?") == "All is well."
    assert len(one.records(2)) == 2


def blocks_input(one: House, upstream: StubUpstream, client: openai.OpenAI) -> None:
    """What a rule blocks never reaches the generator, and the client is told so in the policy's words."""
    with pytest.raises(openai.APIStatusError, match="The canary is not allowed") as refused:
        says(client, f"Tell me of the {CANARY}.")
    assert refused.value.status_code == 400
    assert CANARY.encode() not in upstream.everything


def masks_input(one: House, upstream: StubUpstream, client: openai.OpenAI) -> None:
    """Mail addresses are masked before the generator sees them."""
    upstream.answer = completion("All is well.")
    says(client, f"Write to {MAIL}, please.")
    assert MAIL.encode() not in upstream.everything
    assert b"<EMAIL_1>" in upstream.everything


def masks_output(one: House, upstream: StubUpstream, client: openai.OpenAI) -> None:
    """An answer is masked."""
    upstream.answer = completion(LONG)
    assert MAIL not in says(client, "Whom shall I ask?")


def masks_streams(one: House, upstream: StubUpstream, client: openai.OpenAI) -> None:
    """A streamed answer is masked too, is the same text as the whole one, and comes in several pieces."""
    upstream.answer = completion(LONG)
    whole = says(client, "Whom shall I ask?")
    upstream.pause = 0.01
    pieces = streams(client, "Whom shall I ask?")
    assert "".join(pieces) == whole, (pieces, whole)
    assert MAIL not in whole
    assert "bo.lind" not in whole
    assert len(pieces) > 1, pieces


def blocks_streams(one: House, upstream: StubUpstream, client: openai.OpenAI) -> None:
    """A stream ends before what is blocked."""
    upstream.answer = completion(f"{LONG} It is the {CANARY} that counts. And so on and so forth.")
    upstream.pause = 0.01
    heard: list[str] = []
    try:
        heard += streams(client, "What counts?")
    except openai.APIError:
        pass
    assert CANARY not in "".join(heard), heard
    assert "so forth" not in "".join(heard), heard


CHECKS: tuple[Callable[[House, StubUpstream, openai.OpenAI], None], ...] = (
    passes, blocks_input, masks_input, masks_output, masks_streams, blocks_streams,
)  # fmt: skip


def main() -> int:
    """Run all checks; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("litellm", help="LiteLLM's program")
    program = parser.parse_args().litellm
    failed = 0
    with tempfile.TemporaryDirectory() as name, house(Path(name)) as one, running_upstream(StubUpstream()) as upstream:
        with proxy(program, Path(name), upstream.url, one.url) as url:
            client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, timeout=60)
            for check in CHECKS:
                one.begin()
                upstream.received.clear()
                upstream.pause = 0.0
                try:
                    check(one, upstream, client)
                except Exception as error:  # noqa: BLE001  told, and the next one has its turn
                    failed += 1
                    print(f"FAILED  {check.__name__}: {type(error).__name__}: {str(error)[:600]}")
                else:
                    print(f"ok      {check.__name__}: {check.__doc__}")
        if failed:
            print((Path(name) / "litellm.log").read_text()[-4000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
