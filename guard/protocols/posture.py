"""What becomes of a place in a document, as the reference pages and the table of protocols say it."""

from __future__ import annotations

from typing import NamedTuple


class Posture(NamedTuple):
    """What a field kind does with a value: *words* for people, the rest for who counts.

    *kinds* are those of the parts that it makes of what it is there for (``message``, ``image``, ``opaque`` …);
    *exempt* is the rule by which it makes none while the value is in form; *tag* the field by whose word it chooses.
    """

    words: str
    kinds: tuple[str, ...] = ()
    exempt: str = ""
    tag: str = ""


def guarded(*kinds: str) -> Posture:
    """Judged as *kinds*."""
    return Posture("guarded as " + " and ".join(f"`{kind}`" for kind in kinds), kinds)


def unscannable(reason: str, *kinds: str) -> Posture:
    """Nobody here can read it: the policy's ``unscannable`` decides; what of it is text is judged as *kinds*."""
    text = "; its text " + guarded(*kinds).words if kinds else ""
    return Posture(f"unscannable: {reason}{text}", (*kinds, "opaque"))


def exempt(rule: str, form: str, otherwise: str = "") -> Posture:
    """Not judged while it is in *form*, and counted by *rule*; *otherwise* says what becomes of it if not as a name."""
    return Posture(f"exempt as `{rule}`: {form}{otherwise and f'; else {otherwise}'}", exempt=rule)
