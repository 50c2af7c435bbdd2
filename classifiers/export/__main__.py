"""``python -m classifiers.export MODEL OUT``: see the package."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from classifiers.export import export
from guard.errors import GuardError


def main() -> int:
    """Export as the command line says. 0, or 2 with what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m classifiers.export", description=__doc__)
    parser.add_argument("model", help="a folder, or a name on the hub, with config.json, a tokenizer and safetensors")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--task", choices=["text", "tokens"], default="text", help="as `hf` has it")
    parser.add_argument("--revision", default="main", help="a commit, tag or branch on the hub")
    parser.add_argument("--checkpoint", default="", help="a file in detoxify's format; MODEL has its tokenizer")
    parser.add_argument("--int8", action="store_true", help="also write model_int8.onnx: a fraction of the time")
    parser.add_argument("--texts", type=Path, help="a text a line, to compare scores on; some are built in")
    options = parser.parse_args()
    try:
        texts = options.texts.read_text("utf-8").splitlines() if options.texts else []
        given = {name: getattr(options, name) for name in ("task", "revision", "checkpoint")}
        for one in export(
            options.model, options.out, integers=options.int8, **given, texts=[text for text in texts if text.strip()]
        ):
            sys.stdout.write(f"{one.file}: scores of {one.texts} texts within {one.apart:.2g} of the network's own\n")
    except (GuardError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
