"""Redact: cut what was found out of the text, character by character, or hide it in the medium; the rest stays."""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import insort
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from guard.actions._document import holds, is_document, split
from guard.actions._editing import pointed_at, rewritten, rules_of
from guard.actions._wording import refusal
from guard.content import Direction, ImagePart, MediaEdit, TextPart, VideoPart
from guard.decision import Action
from guard.errors import did_you_mean
from guard.placeholders import Mint
from guard.taxonomy import covers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from guard.content import Content, Medium
    from guard.decision import Effect, Refusal
    from guard.finding import Finding

TextStyle = Literal["mask", "pseudonym", "label", "remove"]
PictureStyle = Literal["blur", "pixelate", "paint"]
SoundStyle = Literal["beep", "mute"]
Style = Literal["mask", "pseudonym", "label", "remove", "blur", "pixelate", "paint", "beep", "mute"]
_STYLES: tuple[TextStyle, ...] = get_args(TextStyle)
_PICTURE_STYLES: tuple[PictureStyle, ...] = get_args(PictureStyle)
_SOUND_STYLES: tuple[SoundStyle, ...] = get_args(SoundStyle)
"""Each from the style that gives most away (of texts length and punctuation) to the one that gives nothing away."""
_WRITTEN = ("pii", "secret")
"""What is found in a picture by being read in it: of letters, a blur may leave enough to guess them."""
_NUMBERED = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63})_([0-9]{1,9})")
_JSON_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True)
class Redact(Action):
    """Cuts out the spans of findings, which count characters of the original text; hides boxes and times in media.

    *style* is one for texts, pictures or sounds; the other two kinds are redacted as they are without it.

    ``pseudonym`` writes ``<EMAIL_1>``, the same number for the same value all through a request, and through each text
    of an answer; ``label`` writes
    ``<EMAIL>``; ``mask`` writes ``*`` for letters and digits; ``remove`` writes nothing. A finding without a span
    redacts its whole part. Overlapping and touching spans become one: its longest finding names it, and of several
    styles the one that gives least away is used. A part that is a JSON document stays one: only what strings hold is
    cut, and a number becomes a string. Where a part cannot be written back, or its JSON would be broken, the whole
    content becomes a refusal.

    In pictures ``blur`` (the default, but for personal data and secrets), ``pixelate`` and ``paint`` (theirs) hide
    the box of a finding, or all of the picture where it has none; in sounds ``mute`` (the default) and ``beep`` the
    time of a finding. A film is hidden as both.

    With *restore*, a content that has a key gets pseudonyms such as ``<EMAIL_k3f9qa>`` (`guard.placeholders`), and the
    values they stand for in its `masked`; a place that another rule redacts too, without *restore*, does not.
    """

    name = "redact"
    strength = 30

    style: Style = "pseudonym"
    restore: bool = False

    def __post_init__(self) -> None:
        if self.style not in get_args(Style):
            msg = f"no such style of redaction: `{self.style}`; {did_you_mean(str(self.style), get_args(Style))}"
            raise ValueError(msg)
        if self.restore and self.text_style != "pseudonym":
            msg = f"`restore: true` goes with `style: pseudonym`; nothing of a `{self.style}` says what it stood for"
            raise ValueError(msg)

    @property
    def text_style(self) -> TextStyle:
        """How texts are redacted."""
        return next((style for style in _STYLES if style == self.style), "pseudonym")

    @property
    def directions(self) -> frozenset[Direction]:
        """What is restored in an answer was masked in the request before."""
        return frozenset({Direction.INPUT}) if self.restore else frozenset(Direction)

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content | Refusal:
        """Content without what was found, or a refusal where that cannot be done."""
        changed = None
        pointed = pointed_at(content, effects)
        if pointed is not None:
            parts = pointed.texts
            stretches = _stretches(parts, effects)
            shared = _Pseudonyms()
            if content.direction is Direction.INPUT:
                texts = [part.text for part in content.parts if isinstance(part, TextPart)]
                shared.mint = Mint(content.vault_key, texts) if content.vault_key is not None else None
                for text in texts:
                    shared.avoid(text)
            edits = {
                # An answer may be streamed: what a value is called in one of its texts cannot hang on another.
                pointer: _edited(
                    part, stretches[pointer], shared if content.direction is Direction.INPUT else _Pseudonyms()
                )
                for pointer, part in parts.items()
            }
            kept = {pointer: text for pointer, text in edits.items() if text is not None}
            hidden = _hidden(pointed.media, effects)
            changed = rewritten(content, kept, hidden) if len(kept) == len(edits) else None
            if changed is not None and shared.mint is not None:
                changed = replace(changed, masked=shared.mint.masked)
        return changed if changed is not None else refusal(content.locale, rules=rules_of(effects))


def _hidden(media: dict[str, Medium], effects: Sequence[Effect]) -> dict[str, list[MediaEdit]]:
    """What is to be hidden in each medium: each place once, of several styles by the one that gives least away."""
    found: dict[str, dict[tuple[object, ...], MediaEdit]] = {pointer: {} for pointer in media}
    for effect in effects:
        style = effect.action.style if isinstance(effect.action, Redact) else "remove"
        for finding in effect.findings:
            if finding.part not in media:
                continue
            for edit in _hiding(media[finding.part], finding, style):
                place = (edit.kind in _SOUND_STYLES, edit.box, edit.time)
                other = found[finding.part].get(place)
                if other is None or _secrecy(other) < _secrecy(edit):
                    found[finding.part][place] = edit
    return {pointer: list(edits.values()) for pointer, edits in found.items()}


def _hiding(part: Medium, finding: Finding, style: str) -> Iterator[MediaEdit]:
    if isinstance(part, ImagePart | VideoPart):
        written = any(covers(category, finding.category) for category in _WRITTEN)
        usual = "paint" if written else "blur"
        time = finding.time if isinstance(part, VideoPart) else None
        yield MediaEdit(style if style in _PICTURE_STYLES else usual, finding.box, time)
    if not isinstance(part, ImagePart) and finding.box is None:
        yield MediaEdit(style if style in _SOUND_STYLES else "mute", time=finding.time)


def _secrecy(edit: MediaEdit) -> int:
    return (*_PICTURE_STYLES, *_SOUND_STYLES).index(edit.kind)


class _Stretch(NamedTuple):
    start: int
    end: int
    category: str
    score: float
    style: int
    restore: bool = False
    bare: bool = False
    """Whether it stands in JSON outside of any string, so that what is written instead needs quotes."""


def _stretches(parts: dict[str, TextPart], effects: Sequence[Effect]) -> dict[str, list[_Stretch]]:
    """What to cut out of each part: in order, apart from each other, each named by its longest finding."""
    found: dict[str, list[_Stretch]] = {pointer: [] for pointer in parts}
    for effect in effects:
        action = effect.action
        style, restore = len(_STYLES) - 1, False
        if isinstance(action, Redact):
            style, restore = _STYLES.index(action.text_style), action.restore
        for finding in effect.findings:
            if finding.part not in parts:
                continue
            start, end = _bounds(finding.span, len(parts[finding.part].text))
            found[finding.part].append(_Stretch(start, end, finding.category, finding.score, style, restore))
    return {pointer: _merged(stretches) for pointer, stretches in found.items()}


def _bounds(span: tuple[int, int] | None, length: int) -> tuple[int, int]:
    """The span within the text; all of the text where a span names no character, for then nobody knows where."""
    start, end = span if span is not None else (0, length)
    start, end = max(0, start), min(length, end)
    return (start, end) if start < end else (0, length)


def _merged(stretches: Iterable[_Stretch]) -> list[_Stretch]:
    groups: list[tuple[int, list[_Stretch]]] = []
    for stretch in sorted(stretches):
        if groups and stretch.start <= groups[-1][0]:
            end, members = groups[-1]
            members.append(stretch)
            groups[-1] = (max(end, stretch.end), members)
        else:
            groups.append((stretch.end, [stretch]))
    return [_joined(end, members) for end, members in groups]


def _joined(end: int, members: list[_Stretch]) -> _Stretch:
    leader = min(members, key=lambda s: (s.start - s.end, -s.score, s.start, s.category))
    style, restore = max(member.style for member in members), all(member.restore for member in members)
    return _Stretch(members[0].start, end, leader.category, leader.score, style, restore)


def _edited(part: TextPart, stretches: list[_Stretch], names: _Pseudonyms) -> str | None:
    """The text of *part* without *stretches*, or None if a JSON document would not be left one."""
    if not is_document(part):
        return _cut(part.text, stretches, names)
    pieces = split(part.text, [(stretch.start, stretch.end) for stretch in stretches])
    if pieces is None:
        return None
    inside = [stretches[n]._replace(start=start, end=end, bare=bare) for n, start, end, bare in pieces]
    text = _cut(part.text, inside, names, _JSON_ESCAPE)
    return text if holds(part, text) else None


def _cut(text: str, stretches: list[_Stretch], names: _Pseudonyms, unit: re.Pattern[str] | None = None) -> str:
    """*text* with *stretches* replaced; *unit* is what a mask takes for one character."""
    pieces: list[str] = []
    last = 0
    for stretch in stretches:
        value = text[stretch.start : stretch.end]
        names.avoid(text[last : stretch.start])
        shown, meant = (value, value) if unit is None else (unit.sub("*", value), _meant(value, stretch))
        instead = _instead(shown, value, meant, stretch, names)
        pieces += (text[last : stretch.start], f'"{instead}"' if stretch.bare else instead)
        last = stretch.end
    return "".join(pieces) + text[last:]


def _meant(value: str, stretch: _Stretch) -> str:
    """What *value*, a stretch of a JSON document, says."""
    if not stretch.bare:
        try:
            return str(json.loads(f'"{value}"'))
        except ValueError:
            pass  # half of an escape: cutting it out breaks the document, and nothing will be released
    return value


def _instead(shown: str, value: str, meant: str, stretch: _Stretch, names: _Pseudonyms) -> str:
    """What is written in place of *value*, whose characters are those of *shown* and which says what is *meant*."""
    if not value:
        return ""
    style, label = _STYLES[stretch.style], _label(stretch.category)
    if style == "pseudonym":
        return names.name(label, value, meant if stretch.restore else None)
    if style == "mask":
        masked = "".join(char if _stays(char) else "*" for char in shown)
        return masked if masked != value else f"<{label}>"
    return f"<{label}>" if style == "label" else ""


def _stays(char: str) -> bool:
    # Marks and symbols beyond ASCII go too: in many scripts they carry the vowels, and an emoji is as good as a word.
    return not char.isalnum() and (char.isascii() or unicodedata.category(char)[0] in "PZ")


def _label(category: str) -> str:
    """``pii.email`` → ``EMAIL``; nothing in it could close a JSON string or look like two words."""
    return re.sub(r"\W+", "_", category.rpartition(".")[2]).upper() or "REDACTED"


@dataclass
class _Pseudonyms:
    """Numbers values in order of appearance, past every number that the texts before them already use.

    What is to be restored gets a name from the *mint* in place of a number, if there is one.
    """

    mint: Mint | None = None
    given: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: dict[str, set[int]] = field(default_factory=dict)

    def avoid(self, text: str) -> None:
        r"""Do not give a number that *text* uses. Without the brackets, which may be written &lt; or \\u003c."""
        for name, number in _NUMBERED.findall(text) if "_" in text else ():
            self.taken.setdefault(name.upper(), set()).add(int(number))

    def name(self, label: str, value: str, to_restore: str | None) -> str:
        if to_restore is not None and self.mint is not None:
            minted = self.mint.name(label, to_restore)
            if minted is not None:
                return minted
        if (label, value) not in self.given:
            used = {n for name, numbers in self.taken.items() if name.endswith(label) for n in numbers}
            number = next(number for number in count(1) if number not in used)
            self.taken.setdefault(label, set()).add(number)
            self.given[label, value] = f"<{label}_{number}>"
        return self.given[label, value]


class Cutter:
    """Redacts one text that is not whole yet, sentence by sentence, to the same text as `Redact` gives for the whole.

    Positions count characters from the beginning of the text.
    """

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []  # in their order
        self._names = _Pseudonyms()
        self._done = 0  # a stretch may have been cut out beyond the sentence that it began in

    def add(self, effects: Iterable[Effect]) -> None:
        """Take in what rules fired on; every finding has its span in this text."""
        for effect in effects:
            style = _STYLES.index(effect.action.text_style) if isinstance(effect.action, Redact) else len(_STYLES) - 1
            for finding in effect.findings:
                start, end = finding.span or (0, 0)
                insort(self._stretches, _Stretch(start, end, finding.category, finding.score, style))

    def cut(self, read: Callable[[int, int], str], start: int, end: int, known: int, *, whole: bool) -> str | None:
        """What may be released of ``start:end``; None while something in it could still grow or be joined.

        *read* gives characters of the text; everything found that begins before *known* was added; *whole* says that
        nothing else will be.
        """
        pieces: list[str] = []
        at = max(start, self._done)
        near = self._near(end)
        for stretch in _merged(self._stretches[:near]):
            if stretch.end <= at or stretch.start >= end:
                continue
            if stretch.end >= known and not whole:
                return None
            pieces.append(read(at, stretch.start))
            self._names.avoid(pieces[-1])
            value = read(stretch.start, stretch.end)
            pieces.append(_instead(value, value, value, stretch, self._names))
            at = stretch.end
        if at < end:
            pieces.append(read(at, end))
            self._names.avoid(pieces[-1])
        self._done = max(at, end)
        self._stretches[:near] = [stretch for stretch in self._stretches[:near] if stretch.end > self._done]
        return "".join(pieces)

    def _near(self, end: int) -> int:
        """How many stretches begin before *end*, or are joined to one that does."""
        number, reached = 0, end - 1
        for number, stretch in enumerate(self._stretches):
            if stretch.start > reached:
                return number
            reached = max(reached, stretch.end)
        return number + 1 if self._stretches else 0
