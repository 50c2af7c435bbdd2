"""``python -m benchmarks <question> [--json]``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import audio, batching, gateway, image, pii, quality, streaming, text as text_cost, views

QUESTIONS = {
    "audio": audio,
    "batching": batching,
    "gateway": gateway,
    "image": image,
    "pii": pii,
    "quality": quality,
    "streaming": streaming,
    "text": text_cost,
    "views": views,
}


def main() -> int:
    """Answer one question. Exits 0 whatever the figures are, 1 if they could not be had."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures the gateway.")
    questions = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    for name, module in QUESTIONS.items():
        question = questions.add_parser(name, help=module.QUESTION, description=module.__doc__)
        question.add_argument("--json", action="store_true", help="print everything measured as one JSON object")
        question.add_argument("--profile", choices=sorted(module.PROFILES), default="quick", help="how long to measure")
        question.add_argument("--out", type=Path, help="also write the JSON object to this file")
        if name == "quality":
            question.add_argument("--data", type=Path, required=True, help="folder with the sets, one folder a set")
        question.add_argument("--only", help="comma-separated variants to measure, besides the baseline")
    given = parser.parse_args()
    module = QUESTIONS[given.question]
    only = frozenset(given.only.split(",")) if given.only else None
    try:
        more = {"data": given.data} if given.question == "quality" else {}
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
