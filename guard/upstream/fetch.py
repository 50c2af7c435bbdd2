"""Fetches media from addresses that people wrote, so that what is judged is what is forwarded. Off unless configured.

The address is looked up once, every answer has to be a public one, and the connection goes to that very answer: nothing
on the inside can be reached by a name that points there, now or a moment later. There are no redirects, no cookies, no
credentials, and bounds on size and time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httptools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.config import FetchConfig

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]")
_TUNNELS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""Addresses that hold another one: NAT64, 6to4, Teredo."""
_LARGEST_HEAD = 16_384
_CHUNK = 65_536


class FetchError(Exception):
    """Nothing was fetched; the message says why and holds nothing of the address."""


class Fetcher:
    """Fetches what addresses hold, a few at a time."""

    def __init__(self, config: FetchConfig) -> None:
        """Take the bounds; nothing is opened."""
        self._config = config
        self._networks = tuple(map(ipaddress.ip_network, config.networks))
        self._tls = ssl.create_default_context()

    async def fetch(self, url: str) -> bytes:
        """The bytes at *url*.

        Raises:
            FetchError: it is no plain public address, or it does not answer 200 within the bounds.
        """
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await self._fetch(url)
        except TimeoutError:
            raise FetchError("it took too long") from None
        except (OSError, ssl.SSLError, httptools.HttpParserError):
            raise FetchError("it cannot be reached") from None

    async def _fetch(self, url: str) -> bytes:
        scheme, host, port, target = _parts(url)
        address = await self._looked_up(host, port, usual=port == _PORTS[scheme])
        tls = self._tls if scheme == "https" else None
        name = host if tls is not None else None
        reader, writer = await asyncio.open_connection(str(address), port, ssl=tls, server_hostname=name)
        try:
            shown = f"[{host}]" if ":" in host else host
            authority = shown if port == _PORTS[scheme] else f"{shown}:{port}"
            head = f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nAccept: image/*, audio/*, video/*\r\n"
            writer.write(f"{head}Accept-Encoding: identity\r\nConnection: close\r\n\r\n".encode("ascii"))
            return await _read(reader, self._config.max_bytes)
        finally:
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _looked_up(self, host: str, port: int, *, usual: bool) -> Address:
        """The first of the addresses of *host*, all of which may be called."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # SOCK_STREAM
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        if not addresses or not all(self._may_call(address, usual=usual) for address in addresses):
            raise FetchError("its address is not a public one")
        return addresses[0]

    def _may_call(self, address: Address, *, usual: bool) -> bool:
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._networks):
            return True
        tunnelled = any(address in network for network in _TUNNELS)
        return usual and address.is_global and not address.is_multicast and not tunnelled


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and request target of *url*, if all readers would take it apart alike."""
    if _UNSEEN.search(url):
        raise FetchError("it is no plain address")
    try:
        split = urlsplit(url)
        port = split.port
        host = (split.hostname or "").encode("idna").decode("ascii") if split.hostname else ""
    except (ValueError, UnicodeError):
        raise FetchError("it is no plain address") from None
    if split.scheme not in _PORTS or "@" in split.netloc or not _HOST.fullmatch(host):
        raise FetchError("it is no plain http or https address")
    target = quote(split.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        "?" + quote(split.query, safe="/%:@!$&'()*+,;=~-._?") if split.query else ""
    )
    return split.scheme, host, _PORTS[split.scheme] if port is None else port, target


class _Answer:
    """What has come of an answer; its methods are the parser's callbacks."""

    def __init__(self, most: int) -> None:
        self.body = bytearray()
        self.most = most
        self.headed = self.complete = False
        self.encoded = self.bounded = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note what says how the body is written."""
        name = name.lower()
        self.encoded |= name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}
        self.bounded |= name in {b"content-length", b"transfer-encoding"}

    def on_headers_complete(self) -> None:
        """The head is there."""
        self.headed = True

    def on_body(self, data: bytes) -> None:
        """Take a piece, as far as there is room: one byte too many tells that there is none."""
        self.body += data[: self.most + 1 - len(self.body)]

    def on_message_complete(self) -> None:
        """All of it is there."""
        self.complete = True


async def _read(reader: asyncio.StreamReader, most: int) -> bytes:
    answer = _Answer(most)
    parser: Any = httptools.HttpResponseParser(answer)
    seen = 0
    while not answer.complete:
        data = await reader.read(_CHUNK)
        if not data:
            break
        seen += len(data)
        parser.feed_data(data)
        if not answer.headed and seen > _LARGEST_HEAD:
            raise FetchError("its answer has no end to its head")
        if answer.headed and parser.get_status_code() != 200:
            raise FetchError("it does not answer 200")
        if answer.encoded:
            raise FetchError("its answer is compressed")
        if len(answer.body) > most:
            raise FetchError(f"it holds more than {most} bytes")
    if not answer.headed or (answer.bounded and not answer.complete):
        raise FetchError("its answer is cut short")
    return bytes(answer.body)


async def fetched(fetcher: Fetcher, urls: Sequence[str], at_once: int = 8) -> list[bytes | str]:
    """What each of *urls* holds, or why it was not fetched."""
    free = asyncio.Semaphore(at_once)

    async def one(url: str) -> bytes | str:
        async with free:
            try:
                return await fetcher.fetch(url)
            except FetchError as error:
                return str(error)

    return list(await asyncio.gather(*map(one, urls)))
