from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard.errors import HookError
from guard.hooks._versions import framework, numbers

FRAMEWORKS = (
    "httpx",
    "httpx2",
    "openai",
    "anthropic",
    "langchain_core",
    "llama_index",
    "transformers",
    "diffusers",
    "mcp",
)
HEAVY = (*FRAMEWORKS, "numpy")


@pytest.mark.parametrize(("least", "below"), [("0.1", "0.2"), ("99", "100")])
def test_a_version_that_is_not_known_is_an_error_that_names_those_that_are(least: str, below: str) -> None:
    with pytest.raises(HookError, match=f"openai >= {least}, < {below}; version .* is installed"):
        framework("openai", "openai", least, below)
    with pytest.raises(HookError, match="which is not installed"):
        framework("nowhere", "nowhere", least, below)


@pytest.mark.parametrize(
    ("package", "version", "use", "known"),
    [
        ("openai", "4.0.0", "from guard.hooks.openai import guarded; guarded(None)", "openai >= 1.60, < 4"),
        ("anthropic", "0.39.0", "from guard.hooks.anthropic import guarded; guarded(None)", "anthropic >= 0.40, < 3"),
        ("langchain-core", "2.0.0", "import guard.hooks.langchain", "langchain-core >= 0.3, < 2"),
        ("llama-index-core", "0.11.9", "import guard.hooks.llamaindex", "llama-index-core >= 0.12, < 1"),
        ("mcp", "3.0.0", "from guard.hooks.mcp import guarded; guarded(None)", "mcp >= 1.0, < 3"),
        ("mcp", "1.9.0", "from guard.hooks.mcp import GuardMiddleware; GuardMiddleware()", "mcp >= 2.0, < 3"),
    ],
)
def test_every_hook_names_the_versions_it_knows_where_another_is_installed(
    tmp_path: Path, package: str, version: str, use: str, known: str
) -> None:
    installed = tmp_path / f"{package.replace('-', '_')}-{version}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    module = tmp_path / package.replace("-", "_")  # with other things in it
    module.mkdir()
    (module / "__init__.py").touch()
    assert f"HookError: This hook works with {known}; version {version} is installed." in _said(use, tmp_path)


@pytest.mark.parametrize("version", ["0.26.0", "1.0.0"])
def test_clients_of_an_httpx_that_is_not_known_are_an_error_that_names_those_that_are(
    tmp_path: Path, version: str
) -> None:
    (tmp_path / "httpx.py").write_text(f"__version__ = '{version}'\nclass Client:\n    _transport, _mounts = 1, {{}}\n")
    said = _said("import httpx; from guard.hooks.httpx import guarded; guarded(httpx.Client())", tmp_path)
    assert "HookError: This hook works with clients of httpx >= 0.27, < 1 and httpx2 >= 2, < 3." in said


def test_a_known_version_that_cannot_be_imported_says_why() -> None:
    with pytest.raises(HookError, match=r"openai >= 1, < 99; version .* cannot be imported: No module"):
        framework("openai.nowhere", "openai", "1", "99")


def _said(code: str, path: Path) -> str:
    """The last line that a program says that fails, with *path* before all else that is installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(path), *sys.path))}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


def test_versions_are_compared_as_numbers() -> None:
    assert numbers("0.9") < numbers("0.28.1") < numbers("1") <= numbers("1.0.0rc2") < numbers("3.57.0+local.9")


def test_no_framework_is_imported_but_by_its_own_hook_and_numpy_by_none() -> None:
    code = (
        "import sys, guard.library, guard.hooks.httpx, guard.hooks.openai, guard.hooks.anthropic, guard.hooks.asgi\n"
        "import guard.hooks.transformers, guard.hooks.diffusers, guard.hooks.mcp\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
