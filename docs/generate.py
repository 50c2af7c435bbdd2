"""Writes the reference pages that follow from the code: `python docs/generate.py`. A test keeps them from drifting."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.quality import table as quality_table
from docs import contracts
from guard import registry
from guard.actions import ACTIONS
from guard.cli import build_parser
from guard.policy import json_schema
from guard.taxonomy import CATEGORIES

HERE = Path(__file__).parent / "reference"
PROTOCOLS = Path(__file__).parent / "protocols.md"
QUALITY = Path(__file__).parent / "quality.md"
MEASURED = Path(__file__).parent.parent / "benchmarks" / "results" / "quality.json"
BEGIN, END = "<!-- begin of what docs/generate.py writes -->", "<!-- end of what docs/generate.py writes -->"


def categories() -> str:
    """The taxonomy as a table."""
    rows = [
        f"| `{c.name}` | {c.en} | {c.zh} | {c.openai or ''} | {c.mlcommons or ''} | {c.gbt45654 or ''} |"
        for c in CATEGORIES.values()
    ]
    return "\n".join(
        [
            "# Categories",
            "",
            "A rule on a category fires on its children too: `pii` covers `pii.email`.",
            "Below `custom`, `mark` and `quality` names are free.",
            "",
            "| name | English | 中文 | OpenAI moderation | MLCommons | GB/T 45654 |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def command_line() -> str:
    """Every command's help."""
    pages = [("guard", build_parser())]
    blocks = ["# Command line", ""]
    while pages:
        name, parser = pages.pop(0)
        blocks += [f"## `{name}`", "", "```text", parser.format_help().rstrip(), "```", ""]
        for action in parser._actions:  # noqa: SLF001  argparse shows its subcommands nowhere else
            if isinstance(action.choices, dict):
                pages += [(f"{name} {command}", one) for command, one in action.choices.items()]
    return "\n".join(blocks)


def protocols() -> str:
    """The page about protocols, with the table of what is enforced as the contracts say it now."""
    return filled(PROTOCOLS, contracts.table(contracts.described()))


def quality() -> str:
    """The page about quality, with the tables of what was measured last."""
    return filled(QUALITY, quality_table(json.loads(MEASURED.read_text(encoding="utf-8"))).rstrip())


def filled(page: Path, table: str) -> str:
    """*page* with *table* in its place."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the table")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    return {
        HERE / "categories.md": categories(),
        HERE / "command-line.md": command_line(),
        HERE / "fields.md": contracts.fields(contracts.described()),
        PROTOCOLS: protocols(),
        QUALITY: quality(),
        HERE / "policy.schema.json": json.dumps(json_schema(ACTIONS, registry), indent=2, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
