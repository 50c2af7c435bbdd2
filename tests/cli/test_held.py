"""`guard held` against a gateway that runs."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from guard.cli import ERROR, main
from tests.acceptance.conftest import House, house
from tests.acceptance.test_held import HELD
from tests.fakes import CANARY, completion


@pytest.fixture
def one(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, HELD) as gateway:
        gateway.upstream.answer = completion(f"it says {CANARY}\x1b[2J")
        yield gateway


def run(one: House, *arguments: str) -> int:
    return main(["held", *arguments, "--admin", f"127.0.0.1:{one.ports.admin}"])


def test_what_waits_is_listed_shown_and_released(
    one: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = one.chat().json["id"]
    assert run(one, "list") == 0
    listed = capsys.readouterr().out
    assert ticket in listed
    assert "look-first" in listed
    assert "1 waiting" in listed
    assert run(one, "show", ticket) == 0
    shown = capsys.readouterr().out
    assert "standing: pending" in shown
    assert CANARY in shown
    assert "\x1b" not in shown
    assert run(one, "show", ticket, "--out", str(tmp_path / "seen.json")) == 0
    assert CANARY in json.loads((tmp_path / "seen.json").read_bytes())["choices"][0]["message"]["content"]
    assert stat.S_IMODE((tmp_path / "seen.json").stat().st_mode) == 0o600
    capsys.readouterr()
    assert run(one, "release", ticket, "--by", "Ann", "--reason", "a quotation") == 0
    assert capsys.readouterr().out == f"{ticket} released by Ann\n"
    assert httpx.get(f"{one.url}/guard/v1/held/{ticket}").status_code == 200
    assert run(one, "list", "--json") == 0
    assert capsys.readouterr().out == ""


def test_what_is_refused_stays_so(one: House, capsys: pytest.CaptureFixture[str]) -> None:
    ticket = one.chat().json["id"]
    assert run(one, "refuse", ticket, "--by", "Ann", "--json") == 0
    assert json.loads(capsys.readouterr().out)["standing"] == "refused"
    assert run(one, "release", ticket, "--by", "Bo") == ERROR
    assert "the answer is refused" in capsys.readouterr().err
    assert run(one, "show", ticket) == 0
    shown = capsys.readouterr().out
    assert "standing: refused" in shown
    assert CANARY not in shown


@pytest.mark.parametrize("ticket", ["x", "../status", "0" * 31])
def test_what_is_no_ticket_is_an_error_that_says_so(
    one: House, ticket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(one, "release", ticket) == ERROR
    assert "32 hex digits" in capsys.readouterr().err


def test_without_a_gateway_the_error_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["held", "list", "--admin", "127.0.0.1:1"]) == ERROR
    assert "--admin" in capsys.readouterr().err
