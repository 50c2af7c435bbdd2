"""The gateway inside a Python program: `Guard`, the same policy and the same decision as the proxy's.

>>> from guard import Guard
>>> g = Guard("default")
>>> g.check("write to ana@example.org").released
'write to <EMAIL_1>'
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, cast

from guard import pipeline, policy as policies, registry, values
from guard.actions import ACTIONS
from guard.audit import AuditRecord, State, summarise, timestamp
from guard.audit.sqlite import SqliteSink
from guard.config import policy_path
from guard.content import AudioPart, Content, Direction, ImagePart, Medium, Modality, VideoPart
from guard.decision import Coverage, Decision, Failure, Judged, Refusal
from guard.errors import GuardError
from guard.media.kind import sniff
from guard.pipeline import Engine, Pipeline
from guard.placement import Cluster, Keeper, Link
from guard.placement.shared import Shared
from guard.policy.loader import load_policy
from guard.protocols.contract import Each, OneOf, Walk, apply_parts, walk_unknown
from guard.protocols.native import text_content
from guard.protocols.openai_chat import MESSAGES
from guard.report import describe, released_media, released_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from guard.audit import AuditSink
    from guard.engine import Placement
    from guard.finding import Finding
    from guard.policy.model import Policy
    from guard.policy.testing import Judge

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Checked:
    """What `Guard.check` gives: the decision, and what it leaves of what was checked. Read-only."""

    __slots__ = ("judged",)

    def __init__(self, judged: Judged) -> None:
        self.judged = judged

    @property
    def decision(self) -> Decision:
        """All that was decided and why."""
        return self.judged.decision

    @property
    def id(self) -> str:
        """The decision's id, as in the audit log."""
        return self.decision.id

    @property
    def action(self) -> str:
        """The strongest action: ``allow``, ``flag``, ``label``, ``redact``, ``replace``, ``review`` or ``block``."""
        return self.decision.action

    @property
    def rules(self) -> tuple[str, ...]:
        """Every rule that fired."""
        return self.decision.rules

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was seen, weak scores included."""
        return self.decision.findings

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Classifiers that gave no answer."""
        return self.decision.failures

    @property
    def coverage(self) -> Coverage:
        """What was checked, exempt, or could not be read."""
        return self.decision.coverage

    @property
    def allowed(self) -> bool:
        """Whether something may be released, changed or not."""
        return not isinstance(self.judged.released, Refusal)

    @property
    def released(self) -> str | list[str] | bytes | None:
        """What may be used: the text (a list where several were checked), or the bytes of the one medium; else None."""
        media = released_media(self.judged)
        text = released_text(self.judged)
        return media[0].data if text is None and len(media) == 1 else text

    @property
    def changed(self) -> bool:
        """Whether a picture, sound or film that may be used is another than the one that was checked."""
        return bool(self.judged.changed)

    @property
    def refusal(self) -> Refusal | None:
        """What to say instead, if it was refused."""
        return self.judged.released if isinstance(self.judged.released, Refusal) else None

    def to_dict(self) -> dict[str, Any]:
        """The object that ``guard check --json`` prints."""
        return describe(self.judged)

    def __repr__(self) -> str:
        return f"<Checked {self.action} rules={list(self.rules)} id={self.id}>"


class Catalog(pipeline.Catalog, policies.Catalog, Protocol):
    """Everything that is asked of where classifiers come from."""


class BlockedError(GuardError):
    """A guarded function was given, or gave, something that the policy refuses."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        refusal = checked.refusal
        super().__init__(refusal.message if refusal else "refused")


class Guard:
    """One policy, ready to judge. Thread-safe; its classifiers are loaded here, unless another guard has them already.

    *policy* is a file or the name of a bundled policy. *audit* is the path of a SQLite log; without one nothing is
    recorded. *timeout_s* is how long classifiers may take before the policy's ``on_timeout`` speaks. *modalities*, if
    given, loads only what those need; whatever else is checked is then unscannable. *placement* says where models run:
    ``in-process``; ``process``, a server of their own, so that what crashes one does not crash the program; or ``ray``,
    the Ray cluster that this machine belongs to. A *catalog* of one's own has classifiers that are installed nowhere.
    """

    def __init__(
        self,
        policy: str | Path = "default",
        *,
        audit: str | Path | None = None,
        timeout_s: float = 10.0,
        modalities: Sequence[str] | None = None,
        placement: Literal["in-process", "process", "ray"] = "in-process",
        catalog: Catalog = registry,
    ) -> None:
        self.policy: Policy = load_policy(policy_path(policy), actions=ACTIONS, catalog=catalog)
        self._keeper = Keeper().start() if placement == "process" else None
        wanted = frozenset(Modality(name) for name in modalities) if modalities is not None else None
        if wanted is not None and Modality.VIDEO in wanted:
            wanted |= frozenset(Modality)  # a film holds all of them
        if wanted is not None and any(registry.find(name).reader for name in self.policy.needs):
            wanted |= {Modality.TEXT}  # what is said in media is judged as text
        if self._keeper is not None:
            where: Placement = Link(self._keeper.path)
        else:
            where = Cluster() if placement == "ray" else Shared(catalog)
        self._engine = Engine(catalog, placement=where)
        self._engine.ensure([self.policy], modalities=wanted)
        self._pipeline = Pipeline(self._engine).within(self.policy, None)
        self._timeout_s = timeout_s
        self._sink = SqliteSink(audit) if audit is not None else None

    @property
    def pipeline(self) -> Pipeline:
        """What judges contents under the policy; for hooks."""
        return self._pipeline

    @property
    def sink(self) -> AuditSink | None:
        """Where decisions are recorded, if anywhere; for hooks."""
        return self._sink

    @property
    def timeout_s(self) -> float:
        """How long classifiers may take."""
        return self._timeout_s

    def check(
        self,
        text: str | None = None,
        *,
        image: bytes | str | Path | None = None,
        audio: bytes | str | Path | None = None,
        video: bytes | str | Path | None = None,
        messages: Sequence[dict[str, Any]] | None = None,
        direction: str = "input",
        locale: str = "en",
    ) -> Checked:
        """Judge one text, picture, sound or film (bytes or a path), or one conversation.

        Works inside a running loop too.
        """
        media = {"image": image, "audio": audio, "video": video}
        return waited(self.acheck(text, **media, messages=messages, direction=direction, locale=locale))

    async def acheck(
        self,
        text: str | None = None,
        *,
        image: bytes | str | Path | None = None,
        audio: bytes | str | Path | None = None,
        video: bytes | str | Path | None = None,
        messages: Sequence[dict[str, Any]] | None = None,
        direction: str = "input",
        locale: str = "en",
    ) -> Checked:
        """`check`, to await."""
        media = {Modality.IMAGE: image, Modality.AUDIO: audio, Modality.VIDEO: video}
        content = await _content(text, media, messages, Direction(direction))
        return await self._judge(replace(content, locale=locale))

    def guarded(self, function: Callable[P, R]) -> Callable[P, R]:
        """Check every text in a function's arguments before it runs, and in what it returns before anyone sees it.

        Works on functions and coroutine functions. Texts are looked for in strings, paths, mappings, sequences, sets,
        views of them and dataclasses; where one was masked, they are passed on as plain lists and dicts, dataclasses as
        copies. Other arguments, and a method's ``self`` or ``cls``, are passed on as they are, unread: numbers,
        clients, functions, objects of classes of one's own.

        Raises:
            BlockedError: when the wrapped function is called, if the policy refuses.
            TypeError: the function is given or returns bytes, an iterator (so generators, open files) or something else
                whose texts cannot be found.
        """
        own = 1 if _is_method(function) else 0

        if inspect.iscoroutinefunction(function):
            run = cast("Callable[..., Awaitable[Any]]", function)

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                positional, named = await self._pass([list(args[own:]), kwargs], Direction.INPUT)
                return await self._pass(await run(*args[:own], *positional, **named), Direction.OUTPUT)

            return cast("Callable[P, R]", awaited)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            positional, named = waited(self._pass([list(args[own:]), kwargs], Direction.INPUT))
            returned = cast("Callable[..., Any]", function)(*args[:own], *positional, **named)
            return cast("R", waited(self._pass(returned, Direction.OUTPUT)))

        return called

    def close(self) -> None:
        """Stop the classifiers, unless others in this process use them too, and close the audit log."""
        self._engine.close()
        if self._keeper is not None:
            self._keeper.close()
        if self._sink is not None:
            self._sink.close()

    async def _pass(self, value: Any, direction: Direction) -> Any:
        """*value* as the policy releases it."""
        document = values.document(value, returned=direction is Direction.OUTPUT)
        walk = Walk()
        walk_unknown(document, walk, (), "", "user" if direction is Direction.INPUT else "assistant", "message")
        content = walk.content(direction)
        checked = await self._judge(content)
        released = checked.judged.released
        if isinstance(released, Refusal):
            raise BlockedError(checked)
        if released.parts == content.parts:
            return value
        return values.restored(value, apply_parts(document, content.parts, released.parts))

    async def _judge(self, content: Content) -> Checked:
        identifier = uuid.uuid4().hex
        began = time.monotonic()
        judged = await self._pipeline.judge(
            content, self.policy, decision_id=identifier, deadline=began + self._timeout_s
        )
        if self._sink is not None:
            await self._sink.append(_record(judged, self.policy, (time.monotonic() - began) * 1000))
        return Checked(judged)


_PARTS: dict[Modality, type[Medium]] = {
    Modality.IMAGE: ImagePart,
    Modality.AUDIO: AudioPart,
    Modality.VIDEO: VideoPart,
}


async def _content(
    text: object,
    media: Mapping[Modality, bytes | str | Path | None],
    messages: Sequence[dict[str, Any]] | None,
    direction: Direction,
) -> Content:
    given = [value for value in (text, *media.values(), messages) if value is not None]
    if len(given) != 1:
        msg = "check exactly one of a text, image=…, audio=…, video=… or messages=…"
        raise TypeError(msg)
    if text is not None:
        if not isinstance(text, str):  # bytes have no text to look at, and would be let through as such
            msg = f"the text is a {type(text).__name__}; it should be a str"
            raise TypeError(msg)
        return text_content(text, direction, "")
    if messages is not None:
        walk = Walk()
        Each(OneOf(MESSAGES, tag="role"), nullable=False).walk(list(messages), walk, (), "", None)
        return walk.content(direction)
    (modality, source) = next((kind, one) for kind, one in media.items() if one is not None)
    data = source if isinstance(source, bytes) else await asyncio.to_thread(Path(cast("str", source)).read_bytes)
    return Content(direction, (_PARTS[modality](data, media_type=sniff(data), editable=True),))


def _is_method(function: Callable[..., Any]) -> bool:
    """Whether the first argument is the object or class that it belongs to, which nobody typed."""
    try:
        return next(iter(inspect.signature(function).parameters), "") in {"self", "cls"}
    except ValueError:  # some functions written in C do not tell
        return False


def _record(judged: Judged, policy: Policy, total_ms: float) -> AuditRecord:
    decision = judged.decision
    if isinstance(judged.released, Refusal):
        states = {"content_filter": State.BLOCKED, "held": State.HELD}
        state = states.get(judged.released.code, State.ERROR_CLOSED)
    elif decision.failures:
        state = State.ERROR_OPEN
    else:
        states = {"allow": State.ALLOWED, "flag": State.FLAGGED, "label": State.FLAGGED}
        state = states.get(decision.action, State.REDACTED)
    summary = summarise(decision)
    return AuditRecord(
        id=decision.id,
        time=timestamp(),
        state=state,
        status=0,
        source="library",
        policy=policy.name,
        revision=policy.revision,
        mode=policy.mode.value,
        action=decision.action,
        rules=decision.rules,
        input=summary if decision.direction is Direction.INPUT else None,
        output=summary if decision.direction is Direction.OUTPUT else None,
        timings={"total": round(total_ms, 3)},
    )


@functools.cache
def shared_loop() -> asyncio.AbstractEventLoop:
    """The event loop, on a thread of its own, that synchronous checks of this process share."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="guard-checks", daemon=True).start()
    return loop


def _leave_loop() -> None:
    """Forget the loop in a forked child, where its thread does not run."""
    if shared_loop.cache_info().currsize:
        _LEFT.append(shared_loop())
        shared_loop.cache_clear()


_LEFT: list[asyncio.AbstractEventLoop] = []
"""Loops of parent processes, kept from the collector: closing one here would reach into the parent's, for the file
that it waits on is shared."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_loop)


def waited(work: Coroutine[Any, Any, T]) -> T:
    """What *work* gives, done on the loop of synchronous checks. Blocks."""
    return asyncio.run_coroutine_threadsafe(work, shared_loop()).result()


@functools.cache
def policy_judge() -> Judge:
    """The judge for policy tests with ``text``: the real classifiers, loaded once per process and set of options."""
    engine = Engine()
    pipeline = Pipeline(engine)

    def judge(policy: Policy, text: str, direction: Direction, locale: str) -> Judged:
        engine.ensure([policy], modalities=frozenset({Modality.TEXT}))
        content = replace(text_content(text, direction, ""), locale=locale)
        work = pipeline.judge(content, policy, decision_id=uuid.uuid4().hex, deadline=time.monotonic() + 60)
        return waited(work)

    return judge
