"""Libraries that only might use torch do not get it; whoever asks for it does."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def torch(tmp_path: Path) -> dict[str, str]:
    """An environment in which a module `torch` says so when it is imported."""
    (tmp_path / "torch.py").write_text("print('torch imported')\n__version__ = '0'\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}


def _said(program: str, environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_presidio_and_spacy_do_without_torch_in_the_gateways_processes(torch: dict[str, str]) -> None:
    """Here a library is imported that would import it, and said so without `spare_the_unused`."""
    loaded = "import spacy, presidio_analyzer; print(spacy.blank('en')('a word')[1])"
    assert "torch imported" in _said("import thinc.compat", torch)
    assert _said(f"from guard.imports import spare_the_unused; spare_the_unused(); {loaded}", torch) == "word\n"


def test_whoever_asks_for_torch_gets_it(torch: dict[str, str]) -> None:
    asked = "from guard.imports import spare_the_unused; spare_the_unused(); import spacy; import torch"
    assert _said(asked, torch) == "torch imported\n"


def test_a_command_spares_it(torch: dict[str, str]) -> None:
    said = _said("from guard.cli import main; main(['check', 'Write to ana@example.org.'])", torch)
    assert "EMAIL_1" in said
    assert "torch imported" not in said
