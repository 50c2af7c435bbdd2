from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, strategies as st

from guard.placement.keeper import Strikes
from guard.placement.recorder import SLOTS, Recorder

A, B = b"a" * 16, b"b" * 16
digests = st.lists(st.binary(min_size=16, max_size=16).filter(any), max_size=1000)


@given(st.dictionaries(st.integers(0, SLOTS - 1), digests, max_size=4))
def test_what_was_running_is_known_to_whoever_opens_the_file_next(running: dict[int, list[bytes]]):
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"recorder-{os.getpid()}"
    one = Recorder(path)
    one.wipe()
    for slot, some in running.items():
        one.run(slot, bytes([slot + 1]) * 16, some)
    other = Recorder(path)

    assert other.running() == {bytes([slot + 1]) * 16: some for slot, some in running.items() if some}
    for slot in running:
        one.run(slot, A, [])
    assert other.running() == {}
    one.close()
    other.close()
    path.unlink()


def test_what_has_no_digest_or_no_slot_is_not_noted(tmp_path: Path):
    one = Recorder(tmp_path / "running")
    one.run(0, A, [b"", b""])
    one.run(SLOTS, A, [B])

    assert one.running() == {}
    one.close()


def lines(strikes: Strikes, now: float) -> list[tuple[str, str]]:
    return sorted(strikes.lines(now))


def test_all_that_ran_when_a_server_died_is_judged_alone_from_then_on():
    strikes = Strikes()
    strikes.died({A: [A, B]}, now=0)

    assert lines(strikes, 1) == [(A.hex(), A.hex()), (A.hex(), B.hex())]


def test_what_ran_alone_and_had_a_strike_has_two():
    strikes = Strikes()
    strikes.died({A: [A, B], B: [A]}, now=0)
    strikes.died({A: [B], B: [A, B]}, now=1)

    assert lines(strikes, 2) == sorted(
        [(A.hex(), A.hex()), *[(A.hex(), B.hex())] * 2, (B.hex(), A.hex()), (B.hex(), B.hex())]
    )


def test_strikes_lapse_a_minute_after_the_last():
    strikes = Strikes()
    strikes.died({A: [A]}, now=0)
    strikes.died({A: [A]}, now=60)
    assert lines(strikes, 61) == [(A.hex(), A.hex())]
    assert lines(strikes, 120) == []
