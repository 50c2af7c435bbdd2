from __future__ import annotations

from hypothesis import given, strategies as st

from guard.text.spans import Known

KEY = ("pii.email", 0)
spans = st.tuples(st.integers(0, 2_000), st.integers(1, 100_000)).map(lambda s: (s[0], s[0] + s[1]))
seen = st.lists(st.tuples(spans | st.none(), st.floats(0, 1)), max_size=8)


@given(seen, spans, st.floats(0, 1))
def test_what_is_known_is_what_was_added(known: list, span: tuple[int, int], score: float):
    index = Known()
    for place, sure in known:
        index.add(KEY, place, sure)
    whole = [(place or (0, 10**9), sure) for place, sure in known if sure >= score]

    assert index.covers(KEY, span, score) == any(low <= span[0] and span[1] <= high for (low, high), _ in whole)
    assert index.touches(KEY, span, score) == any(low < span[1] and span[0] < high for (low, high), _ in whole)
    assert index.score(KEY) == max((sure for _, sure in known), default=-1.0)
    assert not index.touches(("pii.phone", 0), span, 0.0)
