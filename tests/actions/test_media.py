"""What redact and replace ask to be done to media: plain values, nothing is decoded here."""

from __future__ import annotations

import pytest

from guard.actions import enforce, unchanged
from guard.actions.redact import Redact
from guard.actions.replace import Replace
from guard.content import AudioPart, Content, Direction, ImagePart, MediaEdit, Part, TextPart, VideoPart
from guard.decision import Cause, Decision, Effect, Refusal
from guard.finding import Finding

BOX = (0.1, 0.2, 0.3, 0.4)
IMAGE = ImagePart(b"", "/0", editable=True)


def left(parts: tuple[Part, ...], *effects: Effect, locale: str = "en") -> Content | Refusal:
    strongest = max((effect.action for effect in effects), key=lambda action: action.strength)
    decision = Decision("d", strongest.name, Cause.RULES, "p", "r", Direction.OUTPUT, effects)
    return enforce(Content(Direction.OUTPUT, parts, locale=locale), decision)


def edits(part: Part, *effects: Effect, locale: str = "en") -> tuple[MediaEdit, ...]:
    content = left((part,), *effects, locale=locale)
    assert isinstance(content, Content)
    (changed,) = content.parts
    assert isinstance(changed, ImagePart | AudioPart | VideoPart)
    return changed.edits


def redact(*findings: Finding, **options: object) -> Effect:
    return Effect("hide", Redact(**options), findings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("category", "options", "kind"),
    [
        ("nsfw", {}, "blur"),
        ("pii.email", {}, "paint"),
        ("secret.api_key", {}, "paint"),
        ("pii.email", {"style": "pixelate"}, "pixelate"),
        ("nsfw", {"style": "paint"}, "paint"),
        ("nsfw", {"style": "mask"}, "blur"),
        ("nsfw", {"style": "mute"}, "blur"),
    ],
)
def test_a_place_in_a_picture_is_hidden_as_the_style_says(category: str, options: dict[str, str], kind: str) -> None:
    assert edits(IMAGE, redact(Finding(category, 0.9, box=BOX, part="/0"), **options)) == (MediaEdit(kind, BOX),)


def test_without_a_box_all_of_it_is_hidden() -> None:
    assert edits(IMAGE, redact(Finding("nsfw", 0.9, part="/0"))) == (MediaEdit("blur"),)


def test_a_place_is_hidden_once_by_what_gives_least_away() -> None:
    finding = Finding("custom.a", 0.9, box=BOX, part="/0")

    assert edits(IMAGE, redact(finding, style="blur"), redact(finding, style="paint")) == (MediaEdit("paint", BOX),)


def test_a_sound_is_silenced_for_its_time_and_a_film_is_hidden_as_both() -> None:
    finding = Finding("toxicity", 0.9, time=(1.0, 2.0), part="/0")

    assert edits(AudioPart(b"", "/0", editable=True), redact(finding)) == (MediaEdit("mute", time=(1.0, 2.0)),)
    assert edits(VideoPart(b"", "/0", editable=True), redact(finding, style="beep")) == (
        MediaEdit("blur", time=(1.0, 2.0)), MediaEdit("beep", time=(1.0, 2.0)),
    )  # fmt: skip


def test_texts_and_pictures_of_one_rule_are_redacted_each_in_its_way() -> None:
    text, image = Finding("pii.email", 1.0, span=(0, 5), part="/t"), Finding("pii.email", 1.0, box=BOX, part="/0")

    content = left((TextPart("a@b.c", "/t"), IMAGE), redact(text, image, style="blur"))

    assert isinstance(content, Content)
    assert content.parts == (
        TextPart("<EMAIL_1>", "/t"), ImagePart(b"", "/0", editable=True, edits=(MediaEdit("blur", BOX),)),
    )  # fmt: skip


def test_what_cannot_be_written_back_is_refused() -> None:
    refused = left((ImagePart(b"", "/0"),), redact(Finding("nsfw", 0.9, part="/0")))

    assert isinstance(refused, Refusal)
    assert refused.rules == ("hide",)


@pytest.mark.parametrize(
    ("action", "locale", "text"),
    [
        (Replace(), "en", "It shows nudity."),
        (Replace(), "zh-CN", "含有裸露内容。"),
        (Replace("gone"), "en", "gone"),
        (Replace({"en": "gone", "zh": "没了"}), "zh", "没了"),
    ],
)
def test_a_picture_is_replaced_by_one_that_says_why(action: Replace, locale: str, text: str) -> None:
    words = {"en": "It shows nudity.", "zh": "含有裸露内容。"}
    effect = Effect("swap", action, (Finding("nsfw", 0.9, part="/0"),), words)

    assert edits(IMAGE, effect, locale=locale) == (MediaEdit("replace", text=text),)


def test_without_a_message_it_is_the_notice() -> None:
    effect = Effect("swap", Replace(), (Finding("nsfw", 0.9, part="/0"),))

    assert edits(IMAGE, effect)[0].text == "[Removed by the content policy]"


def test_a_change_that_cannot_be_made_is_refused_in_the_words_of_its_rule_or_our_own() -> None:
    effect = redact(Finding("nsfw", 0.9, part="/0"))
    decision = Decision("d", "redact", Cause.RULES, "p", "r", Direction.OUTPUT, (effect,))

    assert unchanged(decision, "en").rules == ("hide",)
    assert "could not be" in unchanged(decision, "en").message
    assert "未能完成修改" in unchanged(decision, "zh").message
    assert unchanged(decision, "en", late=True).code == "guard_timeout"
