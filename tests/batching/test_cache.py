from __future__ import annotations

from hypothesis import given, strategies as st

from guard.batching.cache import QUARANTINED, Known, Memory, Suspects, digest
from guard.classifier import Readable
from guard.content import AudioPart, ImagePart, View
from guard.decision import Failure, FailureKind
from guard.finding import Finding

KEY = bytes(32)


def finding(score: float = 0.5) -> Finding:
    return Finding("toxicity", score)


SOURCES: list[Readable] = [
    View.of("a"),
    View.of("b"),
    View.of(""),
    View.of("a\ud800"),
    ImagePart(b"a", media_type="image/png"),
    ImagePart(b"a", media_type="image/gif"),
    ImagePart(b"b", media_type="image/png"),
    AudioPart(b"a", media_type="image/png"),
]


def test_whatever_differs_in_what_a_classifier_reads_has_another_digest():
    assert len({digest(source, KEY) for source in SOURCES}) == len(SOURCES)


def test_the_same_content_has_the_same_digest_wherever_it_stands_and_another_under_another_key():
    assert digest(View.of("a", 3, 17), KEY) == digest(View.of("a"), KEY)
    assert digest(ImagePart(b"a", pointer="/x"), KEY) == digest(ImagePart(b"a", role="user"), KEY)
    assert digest(View.of("a"), KEY) != digest(View.of("a"), bytes([1]) * 32)


def test_a_memory_gives_back_what_was_put_in_under_that_key_alone():
    memory = Memory()
    memory.put(("t", b"1"), [finding()])
    memory.put(("t", b"2"), [])

    assert memory.get(("t", b"1")) == [finding()]
    assert memory.get(("t", b"2")) == []
    assert memory.get(("u", b"1")) is None


def test_who_changes_what_was_given_does_not_change_what_is_remembered():
    memory = Memory()
    given_findings = [finding()]
    memory.put(("t", b"1"), given_findings)
    given_findings.clear()
    (memory.get(("t", b"1")) or []).clear()

    assert memory.get(("t", b"1")) == [finding()]


def test_what_was_asked_for_last_is_kept_longest():
    memory = Memory(4)
    for name in (b"1", b"2"):
        memory.put(("", name), [finding()])
    memory.get(("", b"1"))
    memory.put(("", b"3"), [finding()])

    assert [memory.get(("", name)) is not None for name in (b"1", b"2", b"3")] == [True, False, True]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 90)), max_size=60), st.integers(1, 100))
def test_a_memory_never_holds_more_than_its_bound(puts: list[tuple[int, int]], most: int):
    memory = Memory(most)
    for name, count in puts:
        memory.put(("", bytes([name])), [finding()] * count)

    held = [memory.get(("", bytes([name]))) for name in range(21)]
    assert sum(1 + len(one) for one in held if one is not None) <= most
    assert len(memory) == sum(one is not None for one in held)


def test_an_item_that_did_harm_once_goes_alone_and_twice_is_not_run():
    suspects = Suspects(for_s=60)
    suspects.strike(b"1", now=0)
    assert (suspects.goes_alone(b"1", 1), suspects.is_refused(b"1", 1)) == (True, False)
    suspects.strike(b"1", now=10)
    assert suspects.is_refused(b"1", 69)
    assert not suspects.goes_alone(b"2", 1)


def test_an_item_is_not_refused_for_what_its_neighbours_may_have_done():
    suspects = Suspects()
    for now in range(5):
        suspects.strike(b"1", now, alone=False)
    assert suspects.goes_alone(b"1", 5)
    assert not suspects.is_refused(b"1", 5)


def test_a_strike_lapses_with_time_or_when_the_item_is_judged_after_all():
    suspects = Suspects(for_s=60)
    suspects.strike(b"1", now=0)
    assert not suspects.goes_alone(b"1", 60)
    suspects.strike(b"1", now=60)
    assert not suspects.is_refused(b"1", 61)
    suspects.clear(b"1")
    assert not suspects.goes_alone(b"1", 61)


def test_suspects_are_bounded():
    suspects = Suspects()
    for number in range(5000):
        suspects.strike(str(number).encode(), now=0)

    assert len(suspects._struck) <= 1024
    assert suspects.goes_alone(b"4999", 1)


def test_an_item_is_blamed_where_others_were_judged_and_not_where_all_failed():
    known = Known()
    known.blame([b"1"], of=8, now=0)
    known.blame([b"2", b"3"], of=2, now=0)

    assert [known.goes_alone(name, 1) for name in (b"1", b"2", b"3")] == [True, False, False]
    known.blame([b"1"], of=1, now=1)
    assert known.recall([b"1", b"2"], None, 2, "fake") == {0: Failure("fake", FailureKind.ERROR, QUARANTINED)}
