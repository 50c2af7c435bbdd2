"""``python -m benchmarks <question> [--json]``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import benchmarks
from benchmarks import _page as page

_RESULTS = Path(__file__).parent / "results"


def questions() -> dict[str, Any]:
    """Every module of this package that answers a question, by its name."""
    found = {}
    for one in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda one: one.name):
        if not one.name.startswith("_"):
            module = importlib.import_module(f"benchmarks.{one.name}")
            if hasattr(module, "QUESTION"):
                found[one.name] = module
    return found


def main() -> int:
    """Answer one question. Exits 0 whatever the figures are, 1 if they could not be had."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the gateway.")
    known = questions()
    commands = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    page_of = commands.add_parser("page", help="one HTML page of all results", description=page.__doc__)
    page_of.add_argument("--results", type=Path, default=_RESULTS, help="folder of the JSON files")
    page_of.add_argument("--out", type=Path, default=_RESULTS / "index.html", help="the page")
    for name, module in known.items():
        question = commands.add_parser(name, help=module.QUESTION, description=module.__doc__)
        question.add_argument("--json", action="store_true", help="print everything measured as one JSON object")
        question.add_argument("--profile", choices=sorted(module.PROFILES), default="quick", help="how long to measure")
        question.add_argument("--out", type=Path, help="also write the JSON object to this file")
        if "data" in inspect.signature(module.measure).parameters:
            question.add_argument("--data", type=Path, required=True, help="folder with the sets, one folder a set")
        question.add_argument("--only", help="comma-separated variants to measure, besides the baseline")
    given = parser.parse_args()
    if given.question == "page":
        given.out.write_text(page.page(page.load(given.results), known))
        print(given.out)
        return 0
    module = known[given.question]
    only = frozenset(given.only.split(",")) if given.only else None
    try:
        more = {"data": given.data} if "data" in given else {}
        report = module.measure(given.profile, only=only, **more)
    except (RuntimeError, OSError) as error:
        print(f"benchmark failed: {error}", file=sys.stderr)
        return 1
    report["command"] = f"python -m benchmarks {' '.join(sys.argv[1:])}"
    text = json.dumps(report, indent=1)
    if given.out is not None:
        given.out.write_text(text + "\n")
    print(text if given.json else module.table(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
