"""``guard held``: what waits for a person, over the admin port of a gateway that runs."""

from __future__ import annotations

import getpass
import http.client
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from guard.audit import timestamp
from guard.cli.serve import parse_address
from guard.errors import GuardError

if TYPE_CHECKING:
    import argparse

_TICKET = re.compile(r"[0-9a-f]{32}")
_TIMEOUT_S = 30.0
_SHOWN = 2000
"""Characters of an answer that are printed."""


def held(options: argparse.Namespace) -> int:
    """List, show, or decide; 0 if that was done."""
    desk = _Desk(options.admin)
    if options.tool == "list":
        _list(desk, options)
        return 0
    if not _TICKET.fullmatch(options.ticket):
        raise GuardError("a ticket is 32 hex digits; `guard held list` shows those of what waits")
    if options.tool == "show":
        _show(desk, options)
        return 0
    said = {"by": options.by or getpass.getuser(), "reason": options.reason}
    answer = desk.told("POST", f"/held/{options.ticket}/{options.tool}", said)
    print(orjson.dumps(answer).decode() if options.json else f"{answer['id']} {answer['standing']} by {answer['by']}")
    return 0


def _list(desk: _Desk, options: argparse.Namespace) -> None:
    answers = desk.told("GET", "/held")["held"]
    if options.json:
        for answer in answers:
            print(orjson.dumps(answer).decode())
        return
    for answer in answers:
        rules = ", ".join((answer["summary"] or {}).get("rules", ()))
        print(f"{answer['id']}  until {_moment(answer['expires'])}  {answer['route']}  {rules}")
    print(f"{len(answers):,} waiting")


def _show(desk: _Desk, options: argparse.Namespace) -> None:
    answer = desk.told("GET", f"/held/{options.ticket}")
    waits = answer["standing"] in {"pending", "released"}
    status, data = desk.asked("GET", f"/held/{options.ticket}/body") if waits else (404, b"")
    if options.out and status == 200:
        with os.fdopen(os.open(options.out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
    if options.json:
        print(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    else:
        for name in ("standing", "tenant", "route", "model", "policy", "media_type", "size", "asset", "by", "reason"):
            if answer[name] not in {None, ""}:
                print(f"{name}: {_clean(str(answer[name]))}")
        print(f"expires: {_moment(answer['expires'])}")
        for finding in (answer["summary"] or {}).get("findings", ()):
            print(f"finding: {finding['category']} {finding['score']} at {finding['part'] or '/'}")
    if options.out:
        print(f"written: {options.out}" if status == 200 else "nothing is kept of it")
    elif status == 200 and not options.json:
        print(_printable(data))


def _printable(data: bytes) -> str:
    """*data* as a terminal may show it: what a generator wrote could steer one."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"{len(data):,} bytes that are no text; write them to a file with --out"
    shown = _clean(text[:_SHOWN])
    return shown if len(text) <= _SHOWN else f"{shown}…\n{len(text):,} characters; all of them with --out"


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text)


def _moment(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))


class _Desk:
    """The admin port of a gateway."""

    def __init__(self, address: str) -> None:
        self._address = parse_address("--admin", address)

    def asked(self, method: str, path: str, said: dict[str, Any] | None = None) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises:
            GuardError: there is none.
        """
        connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=_TIMEOUT_S)
        try:
            body = orjson.dumps(said) if said is not None else None
            connection.request(method, path, body, {"content-type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            msg = f"no gateway answers on {self._address}; name its admin port with --admin"
            raise GuardError(msg) from error
        finally:
            connection.close()

    def told(self, method: str, path: str, said: dict[str, Any] | None = None) -> dict[str, Any]:
        """The object that is answered.

        Raises:
            GuardError: what the gateway says instead.
        """
        status, body = self.asked(method, path, said)
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if status == 200 and isinstance(answer, dict):
            return answer
        problem = answer.get("error") if isinstance(answer, dict) else None
        raise GuardError(problem["message"] if isinstance(problem, dict) else f"{self._address} answered {status}")
