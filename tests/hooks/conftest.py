"""A guard with a log, and a generator that keeps what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard import Guard
from guard.audit import AuditRecord
from guard.audit.sqlite import read
from tests.fakes import StubUpstream, running_upstream

POLICY = """
policy: house-rules
classifiers:
  keywords: {lists: {stop: [zorblax, 佐布拉]}, patterns: {mask: ['ticket-[0-9]{4}']}, builtin: []}
rules:
  - {id: stop-it, message: {en: "Not here.", zh: "此处不可。"}, when: {category: custom.stop}, then: block}
  - id: mask-questions
    directions: [input]
    when: {category: custom.mask}
    then: {redact: {style: pseudonym, restore: true}}
  - {id: mask-answers, directions: [output], when: {category: custom.mask}, then: redact}
"""

Records = Callable[[], list[AuditRecord]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.db"


@pytest.fixture
def guard(tmp_path: Path, log: Path) -> Iterator[Guard]:
    file = tmp_path / "house.yaml"
    file.write_text(POLICY)
    one = Guard(file, audit=log)
    yield one
    one.close()


@pytest.fixture
def records(log: Path) -> Records:
    """All records so far, oldest first."""
    return lambda: list(read(log))[::-1] if log.exists() else []


@pytest.fixture
def stub() -> Iterator[StubUpstream]:
    with running_upstream(StubUpstream()) as one:
        yield one
