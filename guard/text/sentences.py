"""Cuts text that grows into sentences, English and Chinese: by the text alone, never by how it arrived.

What is cut once stays cut, whatever follows, so a stream and the whole text have the same sentences. These are units
for reading and releasing, not grammar: a full stop after an abbreviation ends one too, and a very short sentence goes
with the next. The space behind a sentence belongs to it: it shows that its last word is whole.
"""

from __future__ import annotations

import re

from guard.text.escapes import LONGEST_ESCAPE, uncut

LONGEST = 190
"""Characters after which a sentence is cut at its last clause or word."""
SHORTEST = 12
"""What a sentence weighs at least: a letter counts one, a Chinese character says as much as four."""

_STOPS = "。！？；…｡"
_CLOSERS = "\"'”’»›)]}）】〕」』》〉"
_CLOSING = f"[{re.escape(_CLOSERS)}]*"
_END = re.compile(rf"\n|[{_STOPS}]+[{_STOPS}.!?]*{_CLOSING}|(?<![.!?])[.!?]++{_CLOSING}+\s")  # linear
_MARKS = _STOPS + ".!?" + _CLOSERS
"""What may stand in the end of a sentence and still be followed by more of it."""
_BEGINS_END = re.compile(rf"[\n{_STOPS}.!?]")
_CLAUSE = re.compile(r"[，、,;:：](?=\D)|\s")
_DENSE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_GAP = re.compile(r"\s+|[，。、！？；：…,;:]")
_PLACEHOLDER = re.compile(r"(?:<|&lt;|\\u003[cC])[A-Za-z0-9_]{0,64}\Z")


def boundary(text: str, start: int = 0, *, whole: bool = False, seen: int = 0) -> int | None:
    """Where the sentence that begins at *start* ends; None while what follows *text* could still decide that.

    *whole* says that nothing follows. Linear in the sentence; never cuts a JSON escape or a placeholder in two.
    *seen* is the length of *text* when this was None for it: only what came since is gone through then.

    >>> boundary("It rains. So we stay in.  Or do we", 0)
    25
    >>> boundary("他走了。我们也走吧", 0)
    4
    """
    limit = start + LONGEST
    escaped = "\\" in text[max(start, limit - LONGEST_ESCAPE) : limit]  # one that has not come is not seen to be cut
    known = whole or len(text) > limit + (LONGEST_ESCAPE if escaped else 1)
    # An end that was none stays none, but for one that what follows may have gone on with.
    after = len(text[start:seen].rstrip(_MARKS)) if seen > start else 0
    for match in _END.finditer(text[start : limit + 1], after):  # a piece: what stands before it decides nothing
        end = start + match.end()
        if end > limit:
            break
        if end == len(text) and not whole and not match[0][-1].isspace():
            return None  # a closing mark or another full stop may follow
        if _weight(text, start, end) >= SHORTEST:
            return end
    if not known:
        return None
    if len(text) <= limit:
        return len(text) if len(text) > start else None
    return _forced(text, start, limit)


def is_amid(before: str, text: str) -> bool:
    """Whether no sentence can end in *text*, which follows the character *before*; however long it is by then."""
    return before not in _MARKS and _BEGINS_END.search(text) is None


def _weight(text: str, start: int, end: int) -> int:
    if end - start >= 2 * SHORTEST:
        return SHORTEST
    piece = text[start:end].strip()
    return len(piece) + 3 * len(_DENSE.findall(piece))


def _forced(text: str, start: int, limit: int) -> int:
    """The last end of a clause or word in the second half of what may be one sentence; *limit* if there is none."""
    middle = start + LONGEST // 2
    marks = [match.end() for match in _CLAUSE.finditer(text, middle, limit)]
    clauses = [at for at in marks if not text[at - 1].isspace()]
    at = clauses[-1] if clauses else marks[-1] if marks else limit
    at = uncut(text, at, at)[0][0]
    open_ = _PLACEHOLDER.search(text, max(middle, at - 80), at)
    return open_.start() if open_ is not None and open_.start() > middle else at


def context(text: str, at: int, reach: int) -> int:
    """Where the context of what stands at *at* begins: up to *reach* characters before it, half of them at least.

    At the start of a word, if one begins in the first half.

    >>> context("one two three", 8, 6)
    4
    """
    low = max(0, at - reach)
    if low == 0:
        return 0
    match = _GAP.search(text, low, at - reach // 2)
    low = match.end() if match is not None else low
    return uncut(text, low, low)[0][1]
