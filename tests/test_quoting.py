"""guard.quoting and the pipeline: what is said in media is judged as text, and found in the medium, at its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, ClassVar

import pytest

from guard.actions import ACTIONS
from guard.classifier import Classifier, Readable, Reader, Unreadable
from guard.content import AudioPart, Content, Direction, ImagePart, Modality, Part, TextPart, View
from guard.decision import Cause, Decision, Refusal
from guard.finding import READ, Finding, Quote
from guard.pipeline import Engine, Pipeline
from guard.placement import wire
from guard.policy.loader import parse_policy
from guard.quoting import placed, quoted

RULES = "rules: [{id: stop-bad, when: {category: custom.bad}, then: block}]"
TOP, LOW = (0.1, 0.1, 0.9, 0.2), (0.1, 0.3, 0.9, 0.4)


class Words(Classifier[str]):
    """Sees "bad day" in texts, at its place, and whether there is a comma anywhere."""

    automatic = False
    categories = frozenset({"custom.bad", "custom.comma"})
    window: int | None = 1000
    horizon = 16

    def prepare(self, part: Readable) -> str:
        assert isinstance(part, View)
        return part.text

    def cost(self, item: str) -> int:
        return max(1, len(item))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        return [[*self._bad(item), Finding("custom.comma", 0.9 if "," in item else 0.0)] for item in items]

    def _bad(self, item: str) -> list[Finding]:
        at = item.replace("\n", " ").find("bad day")
        return [Finding("custom.bad", 1.0, span=(at, at + 7))] if at >= 0 else []


class Lines(Reader[bytes]):
    """Reads the bytes of a picture as if they were drawn in it, a line each."""

    modalities = frozenset({Modality.IMAGE})

    def prepare(self, part: Readable) -> bytes:
        if not isinstance(part, ImagePart) or part.data == b"unreadable":
            raise Unreadable("not a picture")
        return part.data

    def cost(self, item: bytes) -> int:
        return len(item) + 1

    def classify(self, items: Sequence[bytes]) -> list[list[Finding]]:
        if b"broken" in items:
            raise RuntimeError
        return [
            [
                Quote(READ, 0.9, box=(0.1, n / 5 + 0.1, 0.9, n / 5 + 0.2), evidence="read in the picture", text=line)
                for n, line in enumerate(item.decode().splitlines())
            ]
            for item in items
        ]


class Shelf:
    classes: ClassVar[dict[str, type[Classifier[Any]]]] = {"words": Words, "lines": Lines}

    def names(self) -> tuple[str, ...]:
        return tuple(self.classes)

    def find(self, name: str) -> type[Classifier[Any]]:
        return self.classes[name]

    def provides(self, name: str, options: Any = None) -> frozenset[str]:
        return self.classes[name].categories

    def create(self, name: str, options: Any = None) -> Classifier[Any]:
        return self.classes[name]()


def judged(*parts: Part, rules: str = RULES, direction: Direction = Direction.INPUT, **options: Any) -> Any:
    shelf = Shelf()
    text = f"policy: bench\nclassifiers: {{words: {{}}, lines: {{}}}}\n{rules}"
    policy = parse_policy(text, path="bench.yaml", actions=ACTIONS, catalog=shelf)
    engine = Engine(shelf)
    with closing(engine):
        engine.ensure([policy], **options)
        work = Pipeline(engine).judge(Content(direction, parts), policy, decision_id="d", deadline=time.monotonic() + 9)
        return asyncio.run(work)


def decided(*parts: Part, **options: Any) -> Decision:
    decision: Decision = judged(*parts, **options).decision
    return decision


@pytest.mark.parametrize("direction", list(Direction))
def test_what_is_written_in_a_picture_is_judged_as_text_and_found_in_the_picture(direction: Direction) -> None:
    decision = decided(TextPart("hello", "/0"), ImagePart(b"hello\nno bad day", "/1"), direction=direction)

    assert decision.action == "block"
    (found,) = [finding for finding in decision.findings if finding.category == "custom.bad"]
    assert (found.part, found.modality, found.span) == ("/1", Modality.IMAGE, None)
    assert found.box == (0.1, 0.30000000000000004, 0.9, 0.4)
    assert found.evidence == "read in the picture"
    assert (decision.coverage.checked, decision.coverage.unscannable, decision.failures) == (2, (), ())


def test_a_picture_is_judged_alone_too() -> None:
    assert decided(ImagePart(b"a bad day", "/0")).action == "block"
    assert decided(ImagePart(b"a fine day", "/0")).action == "allow"
    assert decided(ImagePart(b"", "/0")).action == "allow"


def test_what_goes_over_two_lines_is_found_on_both() -> None:
    decision = decided(ImagePart(b"a bad\nday", "/0"))

    assert [f.box for f in decision.findings if f.category == "custom.bad"] == [
        (0.1, 0.1, 0.9, 0.2), (0.1, 0.30000000000000004, 0.9, 0.4),
    ]  # fmt: skip


def test_what_is_begun_in_a_text_and_ended_in_a_picture_is_found() -> None:
    assert decided(TextPart("a bad", "/0", role="user"), ImagePart(b"day", "/1", role="user")).action == "block"


def test_nothing_that_was_read_is_among_the_findings() -> None:
    decision = decided(ImagePart(b"hello", "/0"))

    assert not any(isinstance(finding, Quote) or finding.category == READ for finding in decision.findings)


def test_a_reader_that_fails_lets_nothing_pass() -> None:
    decision = decided(ImagePart(b"broken", "/0"))

    assert (decision.action, decision.cause) == ("block", Cause.ERROR)


def test_a_picture_that_cannot_be_read_is_unscannable() -> None:
    decision = decided(ImagePart(b"unreadable", "/0"))

    assert (decision.action, decision.cause) == ("block", Cause.UNSCANNABLE)


def test_without_the_classifiers_of_texts_what_was_read_is_unscannable() -> None:
    decision = decided(ImagePart(b"a bad day", "/0"), modalities=frozenset({Modality.IMAGE}))

    assert (decision.action, decision.cause) == ("block", Cause.UNSCANNABLE)


def test_the_line_is_what_is_hidden() -> None:
    rules = "rules: [{id: hide-bad, when: {category: custom.bad}, then: {redact: {style: paint}}}]"
    # The bytes are no real picture, so the edit cannot be made; what was asked for is seen in the refusal.
    left = judged(ImagePart(b"a bad day", "/0", editable=True), rules=rules).released

    assert isinstance(left, Refusal)
    assert left.rules == ("hide-bad",)


def test_media_that_say_nothing_add_nothing() -> None:
    content = Content(Direction.INPUT, (ImagePart(b"", "/0"),))

    assert quoted(content, {0: []}).content is content
    assert quoted(content, {0: [Quote(READ, 1.0, text="")]}).content is content


def test_a_finding_about_all_of_it_is_around_all_lines_or_nowhere_if_one_has_no_place() -> None:
    content = Content(Direction.INPUT, (ImagePart(b"", "/0"),))
    for boxes, expected in (((TOP, LOW), (0.1, 0.1, 0.9, 0.4)), ((TOP, None), None)):
        about = quoted(content, {0: [Quote(READ, 1.0, box=box, text="x") for box in boxes]})
        (found,) = placed(about, [Finding("toxicity", 0.7, part=about.content.parts[1].pointer)])

        assert (found.box, found.part) == (expected, "/0")


def test_what_is_heard_has_its_time() -> None:
    content = Content(Direction.INPUT, (AudioPart(b"", "/0"),))
    quotes = [Quote(READ, 1.0, time=(0.0, 2.0), text="good"), Quote(READ, 1.0, time=(2.0, 3.5), text="bad")]
    about = quoted(content, {0: quotes})
    part = about.content.parts[1]

    assert isinstance(part, TextPart)
    assert part.text == "good bad"
    (found,) = placed(about, [Finding("toxicity", 0.7, span=(5, 8), part=part.pointer)])
    assert (found.time, found.modality) == ((2.0, 3.5), Modality.AUDIO)


def test_a_quote_goes_over_the_wire_to_the_model_server_and_back() -> None:
    quote = Quote(READ, 0.9, box=TOP, modality=Modality.IMAGE, evidence="read", text="说什么")

    assert wire.answers_in(wire.answers_out([[quote], [Finding("nsfw", 0.5)]]), "ocr") == [
        [quote], [Finding("nsfw", 0.5)],
    ]  # fmt: skip


def test_no_record_and_no_message_holds_what_was_read() -> None:
    assert "secret" not in repr(Quote(READ, 0.9, text="secret"))
