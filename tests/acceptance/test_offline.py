"""S50: an audit that is killed over and over ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.corpus.corpora import Audited, policy, start
from tests.fakes import eventually
from tests.placement.brittle import RUNS, install

POISON = (b'{"text": oops}', b'{"text": "\xff\xfe"}', b"[1]", b'{"text": null}', b'{"text": "a", "text": "b"}', b"{")
FRAGILE = """
policy: fragile
classifiers: {brittle: {}}
rules: [{id: long, when: {category: custom.length, at_least: 0.02}, then: block}]
"""


class Bench:
    """A corpus with one line in a hundred that cannot be read, and an audit of it that can be killed."""

    def __init__(self, folder: Path, records: int, chunk: int) -> None:
        draw = random.Random(records)
        self.folder, self.records, self.chunk = folder, records, chunk
        self.policy = policy(folder, FRAGILE)
        (folder / "path").mkdir()
        self._env = {**os.environ, "PYTHONPATH": install(folder / "path")}
        with (folder / "it.jsonl").open("wb") as file:
            for n in range(records):
                text = f"record {n} {'一' * draw.randrange(12)}"
                said = json.dumps({"text": text}, ensure_ascii=False).encode()
                file.write((POISON[n // 100 % len(POISON)] if n % 100 == 50 else said) + b"\n")

    def start(self, name: str, workers: int):
        """An audit into the folder *name*, which notes every text that it judges."""
        env = {**self._env, RUNS: str(self.folder / f"{name}.runs")}
        given = (str(self.folder / "it.jsonl"), "--policy", self.policy, "--chunk", str(self.chunk))
        return start(*given, "--workers", str(workers), "--resume", out=self.folder / name, env=env)

    def done(self, name: str) -> int:
        return sum(1 for _ in (self.folder / name).glob("results/*.parquet"))

    def judged(self, name: str) -> Counter[str]:
        runs = (self.folder / f"{name}.runs").read_text().splitlines()
        return Counter(text for line in runs for text in line.split(" | "))

    def disturbed(self, name: str, workers: Sequence[int], seconds: float = 120) -> None:
        """Begin it with each number of *workers*, kill it a little further on, and let the last one end."""
        for count in workers[:-1]:
            before = self.done(name)
            process = self.start(name, count)
            assert eventually(lambda: self.done(name) > before or process.poll() is not None, seconds)  # noqa: B023  at once
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert self.start(name, workers[-1]).wait(seconds * 20) == 2

    def check(self, name: str, whole: str, kills: int) -> int:
        """How many records were judged again."""
        found, reference = Audited(self.folder / name, 2), Audited(self.folder / whole, 2)
        assert found.bytes == reference.bytes
        assert len(found.rows) + len(found.quarantine) == self.records
        assert len(found.quarantine) == len(range(50, self.records, 100))
        redone = self.judged(name).total() - self.judged(whole).total()
        assert redone <= kills * self.chunk
        return redone


def test_s50_killed_and_resumed_it_ends_as_if_undisturbed_and_judges_less_than_a_chunk_again(tmp_path: Path):
    bench = Bench(tmp_path, records=1200, chunk=100)
    assert bench.start("whole", 1).wait(120) == 2

    bench.disturbed("it", workers=[1, 2, 4])

    bench.check("it", "whole", kills=2)


def main() -> None:
    """The whole of S50: ``python -m tests.acceptance.test_offline [RECORDS]``."""
    with tempfile.TemporaryDirectory() as folder:
        records = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
        bench = Bench(Path(folder), records, chunk=records // 100)
        assert bench.start("whole", 2).wait() == 2
        for workers in (1, 2, 4):
            bench.disturbed(f"it{workers}", [workers] * 11, seconds=900)
            again = bench.check(f"it{workers}", "whole", kills=10)
            sys.stdout.write(f"{workers} workers: the same; judged again: {again}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
