"""A whole answer read sentence by sentence, exactly as it would be while it is streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from guard.content import Lane, TextPart
from guard.reading import PROSE, thread_of
from guard.stream.scan import Scan, Window, placed
from guard.stream.thread import Sentence, Thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guard.classifier import Classifier
    from guard.content import Content, Path
    from guard.finding import Finding
    from guard.reading import Reading


class Passage(NamedTuple):
    """One window of a thread, and the scan that it belongs to."""

    thread: Thread
    scan: Scan
    window: Window


def passages(content: Content, classifier: Classifier[Any], incomplete: dict[int, str]) -> list[Passage]:
    """Everything that *classifier*, which reads sentences, reads of the texts of *content*, thread by thread.

    Readings name the parts of *content* by their numbers there. *incomplete* takes in why some could not.
    """
    threads: dict[Path, tuple[Thread, list[int], list[Sentence]]] = {}
    found: list[Passage] = []
    for number, part in enumerate(content.parts):
        if not isinstance(part, TextPart) or not part.text:
            continue
        key = thread_of(part) if part.kind in PROSE else (number,)
        thread, numbers, sentences = threads.setdefault(key, (Thread(whole=True), [], []))
        numbers.append(number)
        sentences += thread.grow(Lane((number,), part.pointer, part.kind, part.role), part.text)
    for thread, numbers, sentences in threads.values():
        scan = Scan()
        for sentence in [*sentences, *thread.close(), thread.final()]:
            if sentence.end <= min(scan.known, sentence.start):  # nothing but the end of what was judged
                continue
            window = scan.window(thread, classifier, [sentence])
            own = tuple(number for number in numbers if content.parts[number].pointer in window.pointers)
            for reading in window.readings:
                reading.parts = own
            incomplete |= {own[part]: why for part, why in window.incomplete.items()}
            found.append(Passage(thread, scan, window))
    return found


def found_in(
    passages: Sequence[Passage], name: str, read: Sequence[Reading], said: Sequence[Sequence[Finding]]
) -> list[Finding]:
    """The findings of *said*, one list for each of the readings *read* of *passages*, on the parts of their content."""
    answers = {id(reading): findings for reading, findings in zip(read, said, strict=True)}
    found: list[Finding] = []
    for thread, scan, window in passages:
        heard = [reading for reading in window.readings if id(reading) in answers]
        spots = scan.found(window.only(heard), name, [answers[id(reading)] for reading in heard])
        found += (finding for spot in spots for finding in placed(spot, thread))
    return found
