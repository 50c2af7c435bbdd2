"""Kept connections to one address."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from guard.upstream.connection import Connection
from guard.upstream.gathering import Gathering

if TYPE_CHECKING:
    import ssl

KEPT_FOR_S = 15.0
"""Seconds that an idle connection is kept: less than most servers keep theirs."""


class Pool:
    """Connections to one address, the last used first."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._idle: deque[Connection] = deque()
        self._closed = False
        self._gathering: Gathering | None = None

    def kept(self) -> Connection | None:
        """A kept connection that still stands, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.stands and time.monotonic() - connection.idle_since < KEPT_FOR_S:
                return connection
            connection.close()
        return None

    async def connect(self) -> Connection:
        """A new connection.

        Raises:
            OSError: none can be made.
        """
        loop = asyncio.get_running_loop()
        name = self._host if self._tls is not None else None
        if self._gathering is None and self._tls is None and Gathering.is_possible():
            self._gathering = Gathering(loop)
        gathering = self._gathering
        _, connection = await loop.create_connection(
            lambda: Connection(gathering), self._host, self._port, ssl=self._tls, server_hostname=name
        )
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep *connection* for the next call, if it can be; let go of one that nobody needed for long."""
        if connection.stands and not self._closed:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
            if connection.idle_since - self._idle[0].idle_since >= KEPT_FOR_S:
                self._idle.popleft().close()
        else:
            connection.close()

    def close(self) -> None:
        """Drop every kept connection, and those given back from now on."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
