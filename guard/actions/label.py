"""Label: say in the text of an answer that a machine wrote it (GB 45438-2025: at its beginning or its end)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from guard.actions._document import is_document
from guard.actions._wording import in_english_or_chinese, in_locale
from guard.content import Direction, Path, TextPart
from guard.decision import Action
from guard.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.content import Content
    from guard.decision import Effect

Place = Literal["end", "start"]
_PLACES: tuple[Place, ...] = get_args(Place)
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
    """

    name = "label"
    strength = 20
    late = True

    text: Mapping[str, str] | str = field(default_factory=lambda: dict(_LABEL), hash=False)
    place: Place = "end"

    def __post_init__(self) -> None:
        if self.place not in _PLACES:
            msg = f"a label cannot stand at the `{self.place}`; {did_you_mean(str(self.place), _PLACES)}"
            raise ValueError(msg)
        if not all(text.strip() for text in ([self.text] if isinstance(self.text, str) else self.text.values())):
            msg = "`text` is empty; write what is to stand in the answer"
            raise ValueError(msg)

    @property
    def directions(self) -> frozenset[Direction]:
        """What people wrote is not labelled."""
        return frozenset({Direction.OUTPUT})

    @classmethod
    def apply(cls, content: Content, effects: Sequence[Effect]) -> Content:
        """Content with labels in it."""
        first: dict[Path, int] = {}
        last: dict[Path, int] = {}
        for number, part in enumerate(content.parts):
            if isinstance(part, TextPart) and _is_said(part):
                first.setdefault(_column(part), number)
                last[_column(part)] = number
        parts = list(content.parts)
        for numbers, add in ((first, heading), (last, closing)):
            for number in numbers.values():
                part = parts[number]
                if isinstance(part, TextPart):
                    added = add(part, effects, content.locale)
                    text = added + part.text if add is heading else part.text + added
                    parts[number] = replace(part, text=text) if added else part
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
    return "".join(f"\n{label}" for label in _labels("end", effects, locale) if not part.text.rstrip().endswith(label))


def _is_said(part: TextPart) -> bool:
    """Whether the assistant says *part* to people."""
    said = not part.path or part.path[-1] in _SAID
    return said and part.kind == "message" and part.role in (None, "assistant") and part.editable and bool(part.text)


def _column(part: TextPart) -> Path:
    return part.path[:2] if part.path and part.path[0] in _COLUMNS else ()


def _labels(place: Place, effects: Sequence[Effect], locale: str) -> dict[str, None]:
    """The labels for *place*, in the order of their rules, each once."""
    found: dict[str, None] = {}
    for effect in effects:
        if isinstance(effect.action, Label) and effect.action.place == place:
            text = effect.action.text
            label = text if isinstance(text, str) else in_locale(text, locale)
            found[label or in_english_or_chinese(_LABEL, locale)] = None
    return found
