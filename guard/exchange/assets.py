"""Whether a file that was generated may be served: asked for by its path, answered from what is in the file.

path ─`Shelf.read`→ bytes ─judge→ served as it is (204) | not (403) | held for a person (403, with its ticket)

For a web server that serves the files itself and asks before it does, such as nginx with ``auth_request``. Only files
below one folder are read, never an address. A decision is on bytes: another file under the same path is judged anew.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from guard.audit import State, summarise
from guard.content import AudioPart, Content, Direction, ImagePart, Medium, Modality, OpaquePart, Part, VideoPart
from guard.decision import Cause, Decision, Held, Refusal
from guard.errors import GuardError
from guard.exchange.http import REFUSAL_STATUS, Reply
from guard.held import HeldAnswer, Standing
from guard.media import kind
from guard.policy.model import Remember
from guard.protocols.native import text_content

if TYPE_CHECKING:
    from collections.abc import Hashable

    from guard.config import AssetsConfig
    from guard.exchange.draft import Draft
    from guard.held import HeldStore
    from guard.pipeline import Pipeline
    from guard.policy.model import Policy

ROUTE = "/guard/v1/asset"
WANTED = b"x-original-uri"
"""The header that says what the client asked the web server for."""
_STANDING = b"x-guard-asset"
_TICKET = b"x-guard-held"
_KEPT_S = 3650 * 86_400.0
"""For how long a file stays released that a person has released."""
_MOST_KNOWN = 4096
"""Files of which the decision is remembered."""
_PARTS: dict[Modality, type[Medium]] = {
    Modality.IMAGE: ImagePart,
    Modality.AUDIO: AudioPart,
    Modality.VIDEO: VideoPart,
}


class AssetError(GuardError):
    """A path under which no file is that could be looked at; *code* says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Asset(NamedTuple):
    """One file: its bytes as they were read, and their sha256 in hex."""

    data: bytes
    digest: str


class _Known(NamedTuple):
    """A decision on a file, and what is said instead of it, if anything. Nothing of the file itself."""

    decision: Decision
    refusal: Refusal | None


class _Recent:
    """The decisions that were asked for last, up to so many."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()

    def get(self, key: Hashable) -> _Known | None:
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def put(self, key: Hashable, value: _Known) -> None:
        self._known[key] = value
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)


class Shelf:
    """The files below one folder, by the paths that a web server serves them under. Blocking."""

    def __init__(self, config: AssetsConfig) -> None:
        self._root = config.root
        self._prefix = config.prefix
        self._most = config.max_bytes

    def read(self, uri: bytes) -> Asset:
        """The file that *uri*, a request's target as the client wrote it, stands for. Links are not followed.

        Raises:
            AssetError: it stands for none, or for one that is too large to be looked at.
        """
        names = steps(uri, self._prefix)
        try:
            with os.fdopen(self._opened(names), "rb") as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode):
                    raise AssetError("unknown_asset", "There is no file under that path.")
                if about.st_size > self._most:
                    raise AssetError("asset_too_large", f"The file is larger than {self._most} bytes.")
                data = file.read(self._most + 1)
        except (OSError, ValueError):
            raise AssetError("unknown_asset", "There is no file under that path.") from None
        if len(data) > self._most:
            raise AssetError("asset_too_large", f"The file is larger than {self._most} bytes.")
        return Asset(data, hashlib.sha256(data).hexdigest())

    def _opened(self, names: list[bytes]) -> int:
        """A descriptor of the file, come to step by step, so that no link leads out of the folder."""
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in names[:-1]:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = below
            return os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        finally:
            os.close(at)


def steps(uri: bytes, prefix: str) -> list[bytes]:
    """The names that lead from the folder to the file that *uri* stands for; its query says nothing.

    Only a path that everybody reads alike is one: a web server resolves dots, double slashes and escaped slashes in
    ways of its own.

    Raises:
        AssetError: it is none, or does not begin with *prefix*.

    >>> steps(b"/assets/a%20b/c.png?v=2", "/assets/")
    [b'a b', b'c.png']
    """
    written = uri.partition(b"?")[0].partition(b"#")[0]
    path = unquote_to_bytes(written)
    wanted = prefix.encode()
    if b"%2f" in written.lower() or b"\\" in path or any(byte < 0x20 or byte == 0x7F for byte in path):
        raise AssetError("invalid_path", "The path has escaped slashes, backslashes or control characters.")
    if not path.startswith(wanted):
        raise AssetError("unknown_asset", "The path is outside of what this gateway judges files of.")
    names = path.removeprefix(wanted).split(b"/")
    if any(name in {b"", b".", b".."} for name in names):
        raise AssetError("invalid_path", "The path has empty steps or dots, or names a folder.")
    return names


class Assets:
    """Says of files whether they may be served."""

    def __init__(self, config: AssetsConfig, held: HeldStore | None) -> None:
        self.shelf = Shelf(config)
        self._held = held
        self._decided = _Recent()

    async def answer(self, asset: Asset, pipeline: Pipeline, policy: Policy, draft: Draft, *, deadline: float) -> Reply:
        """204 if *asset* may be served as it is, 403 if not, 503 if that could not be found out.

        Raises:
            HeldError: it should wait for a person and cannot.
        """
        key = (policy.remember.scope(draft.tenant), policy.name, policy.revision, asset.digest)
        known = self._decided.get(key)
        if known is None:
            known = await self._judged(asset, pipeline, policy, draft, deadline)
            lasts = known.decision.cause in {Cause.NONE, Cause.RULES} and not known.decision.failures
            if lasts and policy.remember is not Remember.NONE:
                self._decided.put(key, known)
        draft.output = known.decision
        refusal = known.refusal
        if refusal is None:
            draft.state = draft.answered()
            return _yes()
        if isinstance(refusal, Held):
            return await self._hold(asset, refusal, pipeline, draft)
        status, draft.state = REFUSAL_STATUS[refusal.code]
        draft.error = refusal.code
        return _no(b"refused", status=403 if status < 500 else status)

    async def _judged(self, asset: Asset, pipeline: Pipeline, policy: Policy, draft: Draft, deadline: float) -> _Known:
        content = await pipeline.engine.aside(content_of, asset)
        judged = await pipeline.judge(content, policy, decision_id=draft.id, deadline=deadline)
        left = judged.released
        may_be = left.content if isinstance(left, Held) else left
        if isinstance(may_be, Content) and may_be.parts != content.parts:
            # What is served is the file, and it cannot be changed on its way.
            return _Known(judged.decision, Refusal("content_filter", "", judged.decision.rules))
        if isinstance(left, Held):
            return _Known(judged.decision, replace(left, content=None))
        return _Known(judged.decision, left if isinstance(left, Refusal) else None)

    async def _hold(self, asset: Asset, held: Held, pipeline: Pipeline, draft: Draft) -> Reply:
        """What a person said of *asset*, if anything; else it waits for one."""
        draft.error = "content_filter"
        if self._held is None:
            draft.state = State.BLOCKED
            return _no(b"refused")
        answer = await pipeline.engine.aside(_kept, self._held, asset, held, draft)
        draft.held = answer.id
        if answer.standing is Standing.RELEASED:
            draft.state, draft.error = State.ALLOWED, ""
            return _yes()
        draft.state = State.HELD if answer.standing is Standing.PENDING else State.BLOCKED
        return _no(answer.standing.value.encode(), answer.id)


def ticket_of(tenant: str | None, digest: str) -> str:
    """The ticket under which a file with that sha256 waits for a person."""
    whose = "" if tenant is None else f"={tenant}"
    return hashlib.sha256(f"guard asset 1\n{digest}\n{whose}".encode()).hexdigest()[:32]


def content_of(asset: Asset) -> Content:
    """What is judged of *asset*. Nothing of it can be changed: the file itself is what would be served."""
    media_type = kind.sniff(asset.data)
    modality = kind.modality(media_type) if media_type else None
    if modality is not None:
        part: Part = _PARTS[modality](asset.data, media_type=media_type)
        return Content(Direction.OUTPUT, (part,))
    if media_type is None and not asset.data.lstrip().startswith(b"<"):  # markup shows more than its letters say
        with suppress(UnicodeDecodeError):
            return text_content(asset.data.decode(), Direction.OUTPUT, "")
    return Content(Direction.OUTPUT, (OpaquePart("it is no picture, sound, film or plain text that is known"),))


def _kept(store: HeldStore, asset: Asset, held: Held, draft: Draft) -> HeldAnswer:
    """What is known of *asset* in *store*, where it is put if it was not there. Blocking."""
    ticket = ticket_of(draft.tenant, asset.digest)
    known = store.find(ticket)
    if known is not None:
        return known
    now = datetime.now(UTC).timestamp()
    answer = HeldAnswer(
        id=ticket,
        created=now,
        expires=now + held.expires_s,
        keeps=_KEPT_S,
        tenant=draft.tenant,
        media_type=kind.sniff(asset.data) or "text/plain; charset=utf-8",
        route=draft.route,
        policy=draft.policy.name if draft.policy else "",
        revision=draft.policy.revision if draft.policy else "",
        message=held.message,
        summary=summarise(draft.output) if draft.output is not None else None,
        asset=asset.digest,
    )
    store.keep(answer, asset.data)
    return answer


def _yes() -> Reply:
    return Reply(204, b"", headers=((_STANDING, b"released"),))


def _no(standing: bytes, ticket: str = "", status: int = 403) -> Reply:
    named = ((_TICKET, ticket.encode()),) if ticket else ()
    return Reply(status, b"", headers=((_STANDING, standing), *named))


def not_there(error: AssetError) -> Reply:
    """What is answered where there is nothing to judge."""
    return _no(error.code.encode())
