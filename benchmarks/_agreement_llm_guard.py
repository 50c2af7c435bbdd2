"""What LLM Guard's scanners say, run by an interpreter that has it: ``[scanner, text]`` a line in, ``true`` if refused.

The scanners here need no model. Nothing of the gateway's is imported: the two need different versions of packages.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
from typing import Any

WORDS = ("python", "recipe", "doctor", "weather", "email", "history", "school", "music")
"""Words to ban that occur in ordinary requests."""


def main() -> int:
    """Answer every line, after one that says which version it is."""
    import structlog
    from llm_guard.input_scanners import BanSubstrings, InvisibleText, Secrets
    from llm_guard.input_scanners.ban_substrings import MatchType

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scanners: dict[str, Any] = {
        "BanSubstrings": BanSubstrings(substrings=list(WORDS), match_type=MatchType.WORD, case_sensitive=False),
        "InvisibleText": InvisibleText(),
        "Secrets": Secrets(),
    }
    print(json.dumps(importlib.metadata.version("llm-guard")), flush=True)
    for line in sys.stdin:
        scanner, text = json.loads(line)
        _, valid, _ = scanners[scanner].scan(text)
        print(json.dumps(not valid), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
