"""Alerts on their way out: a POST of JSON, again and again until somebody has it, within bounds. Blocks."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from guard.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TIMEOUT_S = 5.0
ATTEMPTS = 4
"""With pauses of 1, 2 and 4 seconds between them."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Nowhere but where the operator said."""


class Webhook:
    """Where alerts are posted to.

    Raises:
        GuardError: *url* is none of http or https.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, pause: Callable[[float], None] = time.sleep) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            _refuse()
        self._url = url
        self._timeout_s = timeout_s
        self._pause = pause
        self._opener = urllib.request.build_opener(_NoRedirects)

    def post(self, alert: Mapping[str, Any]) -> str:
        """Send *alert*; gives why it could not be, or nothing. Never the address, which may hold a secret."""
        request = urllib.request.Request(  # noqa: S310  http and https only, above
            self._url, orjson.dumps(alert), {"content-type": "application/json", "user-agent": "guard-monitor"}
        )
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(2.0 ** (attempt - 1))
            try:
                with self._opener.open(request, timeout=self._timeout_s):
                    return ""
            except urllib.error.HTTPError as error:
                why = f"it answered {error.code}"
                error.close()
                if error.code < 500 and error.code not in {408, 425, 429}:
                    return why
            except (OSError, http.client.HTTPException) as error:
                why = f"it cannot be reached ({type(getattr(error, 'reason', error)).__name__})"
        return f"{why}, {ATTEMPTS} times"


def _refuse() -> NoReturn:
    raise GuardError("a webhook is an http:// or https:// URL")
