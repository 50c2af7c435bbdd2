"""Label: say of an answer that a machine made it, in its text and in media.

GB 45438-2025 asks for it at the beginning or the end of a text.
What is written into media is left as an edit: `guard.media.stamps` makes it and proves it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from guard import watermark
from guard.actions._document import is_document
from guard.actions._editing import rules_of
from guard.actions._wording import in_english_or_chinese, in_locale, refusal
from guard.content import RAW_SAMPLES, Direction, MediaEdit, OpaquePart, Path, TextPart
from guard.decision import Action
from guard.errors import did_you_mean
from guard.placeholders import SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content, Part
    from guard.decision import Effect, Refusal

Place = Literal["end", "start"]
_PLACES: tuple[Place, ...] = get_args(Place)
MarkName = Literal[
    "text_notice",
    "visible_label",
    "audio_rhythm",
    "pixel_mark",
    "audio_mark",
    "aigc_label",
    "iptc",
    "text_c2pa",
    "c2pa",
]
_NOTICE: MarkName = "text_notice"
_SIGNATURE: MarkName = "text_c2pa"
_HEARD: frozenset[MarkName] = frozenset({"audio_rhythm", "audio_mark"})
"""Marks that are in the sound itself."""
Corner = Literal["bottom_right", "bottom_left", "top_right", "top_left"]
_LABEL = {"en": "AI-generated", "zh": "AI生成"}
_COLUMNS = frozenset({"choices", "output"})
"""Lists in which answers stand side by side; each gets the label."""
_SAID = frozenset({"content", "text", "response"})
"""Keys under which a message says what it says; titles of what it cites are messages, too, to the protocol."""
_JSON_BEGINS = re.compile(r"""\s*(?:\{\s*["}]|\[\s*[{"\]])""")


@dataclass(frozen=True)
class Label(Action):
    """Adds a line to the message of each choice. *text* is the label, one for all or by locale.

    It goes to what the assistant says to people: not to tool arguments, reasoning or refusals, not to an empty message,
    not where it stands already. A message that is JSON (for a label at the start: one that begins like an object or a
    list of them) is left alone, for a label would break it: then the decision, its header and its record say so, and
    nothing else. Labels of several rules stand below each other, each once.

    With *marks*, the label goes into the text only if ``text_notice`` is among them; the others are written into every
    medium that the rule looks at: ``visible_label`` draws the text into a *corner*, ``audio_rhythm`` puts "AI" in Morse
    code before a sound, ``pixel_mark`` hides the *message* (text, ``0x…`` or bits) in pixels, ``audio_mark`` writes a
    mark that nobody hears, with the key that *audio_key* names (a file, or ``env:NAME``), ``aigc_label`` is China's
    implicit label with the *producer*'s code, ``iptc`` the source type and the *system* (``NAME/VERSION``), ``c2pa`` a
    manifest signed with the files *certificate* and *key*. What cannot be marked so is refused. ``text_c2pa`` is such a
    manifest behind each text that people are told, its notice included; JSON is left alone.
    """

    name = "label"
    strength = 20
    late = True

    text: Mapping[str, str] | str = field(default_factory=lambda: dict(_LABEL), hash=False)
    place: Place = "end"
    marks: tuple[MarkName, ...] = ()
    producer: str = ""
    system: str = ""
    corner: Corner = "bottom_right"
    certificate: str = ""
    key: str = ""
    audio_key: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        if self.place not in _PLACES:
            msg = f"a label cannot stand at the `{self.place}`; {did_you_mean(str(self.place), _PLACES)}"
            raise ValueError(msg)
        if not all(text.strip() for text in ([self.text] if isinstance(self.text, str) else self.text.values())):
            msg = "`text` is empty; write what is to stand in the answer"
            raise ValueError(msg)
        if "aigc_label" in self.marks and not (self.producer and all("!" <= c <= "~" for c in self.producer)):
            msg = "`aigc_label` needs `producer`, the code of whoever offers the service: ASCII, no spaces"
            raise ValueError(msg)
        if "pixel_mark" in self.marks:
            try:
                watermark.own(self.message)
            except ValueError as error:
                msg = f"`message`, what `pixel_mark` says, {error}"
                raise ValueError(msg) from error
        if "audio_mark" in self.marks and not self.audio_key.removeprefix("env:"):
            msg = "`audio_mark` needs `audio_key`: a file with 16 bytes or more drawn by chance, or `env:NAME`"
            raise ValueError(msg)
        signature = next((mark for mark in self.marks if mark in {"c2pa", _SIGNATURE}), None)
        if signature and not (self.certificate and self.key):
            keys = "a PEM file, pkcs11:… or signer:…"
            msg = f"`{signature}` needs `certificate`, the chain's PEM file, and `key`: {keys}"
            raise ValueError(msg)

    @property
    def directions(self) -> frozenset[Direction]:
        """What people wrote is not labelled."""
        return frozenset({Direction.OUTPUT})

    @property
    def labels_text(self) -> bool:
        """Whether texts get the label."""
        return not self.marks or _NOTICE in self.marks

    @property
    def marks_media(self) -> tuple[MarkName, ...]:
        """What is to be written into media."""
        return tuple(mark for mark in self.marks if mark not in {_NOTICE, _SIGNATURE})

    @property
    def signs_text(self) -> bool:
        """Whether texts are signed: not before all of one is known."""
        return _SIGNATURE in self.marks

    def in_words(self, locale: str) -> str:
        """The label in the language of *locale*."""
        label = self.text if isinstance(self.text, str) else in_locale(self.text, locale)
        return label or in_english_or_chinese(_LABEL, locale)

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content | Refusal:
        """Content with labels in it, or a refusal where a medium cannot be written back."""
        stamps = [effect for effect in effects if isinstance(effect.action, Label) and effect.action.marks_media]
        parts: list[Part] = []
        for part in content.parts:
            marked = _stamped(part, stamps, content.locale)
            if marked is None:
                return refusal(content.locale, rules=rules_of(stamps))
            parts.append(marked)
        first: dict[Path, int] = {}
        last: dict[Path, int] = {}
        for number, part in enumerate(content.parts):
            if isinstance(part, TextPart) and _is_said(part):
                first.setdefault(_column(part), number)
                last[_column(part)] = number
        for numbers, add in ((first, heading), (last, closing)):
            for number in numbers.values():
                part = parts[number]
                if isinstance(part, TextPart):
                    added = add(part, effects, content.locale)
                    text = added + part.text if add is heading else part.text + added
                    parts[number] = replace(part, text=text) if added else part
        signing = [effect for effect in effects if isinstance(effect.action, Label) and effect.action.signs_text]
        if signing and any(isinstance(part, TextPart) and _is_spoken(part) and not part.editable for part in parts):
            return refusal(content.locale, rules=rules_of(signing))
        parts = [_signed(part, signing) for part in parts]
        return replace(content, parts=tuple(parts)) if parts != list(content.parts) else content


def heading(part: TextPart, effects: Sequence[Effect], locale: str = "en") -> str:
    """What is to be put before *part*, the first text of its choice.

    Of a stream its beginning is enough to know, if it is as long as the label.
    """
    if not _is_said(part) or _JSON_BEGINS.match(part.text):
        return ""
    return "".join(
        f"{label}\n" for label in _labels("start", effects, locale) if not part.text.lstrip().startswith(label)
    )


def closing(part: TextPart, effects: Sequence[Effect], locale: str = "en") -> str:
    """What is to be put after *part*, the last text of its choice, all of which is known; of a stream, at its end."""
    if not _is_said(part) or is_document(part):
        return ""
    text = SIGNATURE.sub("", part.text) if "\ufeff" in part.text else part.text
    return "".join(f"\n{label}" for label in _labels("end", effects, locale) if not text.rstrip().endswith(label))


def _is_said(part: TextPart) -> bool:
    """Whether the assistant says *part* to people, and something can be added to it."""
    return part.editable and _is_spoken(part)


def _is_spoken(part: TextPart) -> bool:
    said = not part.path or part.path[-1] in _SAID
    return said and part.kind == "message" and part.role in (None, "assistant") and bool(part.text)


def _signed(part: Part, effects: Sequence[Effect]) -> Part:
    """*part* with the signature that *effects* ask for still to be made, if the assistant says it to people."""
    if not isinstance(part, TextPart) or not _is_said(part) or is_document(part):
        return part
    edits = dict.fromkeys(
        MediaEdit("stamp", options=(("marks", _SIGNATURE), ("system", label.system), ("certificate", label.certificate),
                                    ("key", label.key)))
        for effect in effects
        if isinstance(label := effect.action, Label)
    )  # fmt: skip
    return replace(part, edits=part.edits + tuple(edits)) if edits else part


def _column(part: TextPart) -> Path:
    return part.path[:2] if part.path and part.path[0] in _COLUMNS else ()


def _labels(place: Place, effects: Sequence[Effect], locale: str) -> dict[str, None]:
    """The labels for *place*, in the order of their rules, each once."""
    found: dict[str, None] = {}
    for effect in effects:
        if isinstance(effect.action, Label) and effect.action.place == place and effect.action.labels_text:
            found[effect.action.in_words(locale)] = None
    return found


def _stamped(part: Part, effects: Sequence[Effect], locale: str) -> Part | None:
    """*part* with the marks still to be written that *effects* ask for; None where it cannot be written back."""
    asked = [effect for effect in effects if part.modality in effect.modalities]
    if not asked or isinstance(part, TextPart):
        return part
    if isinstance(part, OpaquePart) or not part.editable:
        return None
    beside = {mark for one in asked if isinstance(one.action, Label) for mark in one.action.marks_media} - _HEARD
    if beside and part.media_type == RAW_SAMPLES:
        return None
    edits = tuple(dict.fromkeys(_edit(effect.action, locale) for effect in asked if isinstance(effect.action, Label)))
    return replace(part, edits=part.edits + edits)


def _edit(label: Label, locale: str) -> MediaEdit:
    options = {
        "marks": ",".join(label.marks_media), "producer": label.producer, "system": label.system,
        "corner": label.corner, "certificate": label.certificate, "key": label.key,
        "audio_key": label.audio_key, "message": label.message,
    }  # fmt: skip
    return MediaEdit("stamp", text=label.in_words(locale), options=tuple(options.items()))
