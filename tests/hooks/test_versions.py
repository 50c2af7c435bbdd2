from __future__ import annotations

import subprocess
import sys

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


@pytest.mark.parametrize(("least", "below"), [("0.1", "0.2"), ("99", "100")])
def test_a_version_that_is_not_known_is_an_error_that_names_those_that_are(least: str, below: str) -> None:
    with pytest.raises(HookError, match=f"openai >= {least}, < {below}; version .* is installed"):
        framework("openai", "openai", least, below)
    with pytest.raises(HookError, match="which is not installed"):
        framework("nowhere", "nowhere", least, below)


def test_versions_are_compared_as_numbers() -> None:
    assert numbers("0.9") < numbers("0.28.1") < numbers("1") <= numbers("1.0.0rc2") < numbers("3.57.0+local.9")


def test_no_framework_is_imported_but_by_its_own_hook() -> None:
    code = (
        "import sys, guard.library, guard.hooks.httpx, guard.hooks.openai, guard.hooks.anthropic, guard.hooks.asgi\n"
        "import guard.hooks.transformers, guard.hooks.diffusers, guard.hooks.mcp\n"
        f"print([name for name in {FRAMEWORKS!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
