"""``guard``: the command line. Each command is one function in one module here, imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from guard.errors import GuardError
from guard.imports import spare_the_unused

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR = 3
"""Exit code of anything that could not be done; 0 to 2 are decisions: released, changed, refused."""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are errors, not refusals: argparse's own exit code 2 means something else here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ERROR, f"{self.prog}: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = _Parser(prog="guard", description="Content safety gateway in front of any generative model.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    serve = commands.add_parser("serve", help="run the gateway", description="Run the gateway in front of a generator.")
    serve.add_argument("--config", metavar="FILE", help="gateway.yaml; options below override it")
    serve.add_argument("--upstream", metavar="URL", help="base URL of the generator, such as http://127.0.0.1:9000/v1")
    serve.add_argument("--policy", metavar="FILE|DIR", help="policy file, folder of them, or the name of a bundled one")
    serve.add_argument("--listen", metavar="HOST:PORT", help="data port (default 127.0.0.1:8080)")
    serve.add_argument("--admin", metavar="HOST:PORT", help="admin port (default 127.0.0.1:8081)")
    serve.add_argument("--workers", type=int, metavar="N", help="processes that answer requests (default 1)")
    serve.add_argument(
        "--placement",
        choices=("in-process", "process", "ray"),
        help="where models run: here, in one server for all, or on a Ray cluster",
    )
    serve.add_argument("--audit", metavar="FILE", help="SQLite audit log (default guard-audit.db)")
    _log_level(serve)

    check = commands.add_parser(
        "check",
        help="judge texts or files",
        description="Judge texts or files. Exit code: 0 released, 1 changed, 2 refused, 3 error; the worst of several.",
    )
    check.add_argument("text", nargs="?", metavar="TEXT", help="the text, or - for standard input")
    check.add_argument(
        "--file", nargs="+", metavar="F", default=[], help="files to judge: UTF-8 texts, pictures, sounds, films"
    )
    check.add_argument("--out", metavar="DIR", help="write what may be used, changed or not, into this folder")
    check.add_argument("--policy", default="default", metavar="P", help="policy file or name (default: default)")
    check.add_argument("--direction", choices=("input", "output"), default="input", help="to the generator, or from it")
    check.add_argument("--locale", default="en", metavar="TAG", help="language of messages, such as zh")
    check.add_argument("--json", action="store_true", help="one JSON object per input")
    _log_level(check)

    _audit(commands)
    inspect = commands.add_parser(
        "inspect",
        help="report on watermarks, provenance and AI labels in files",
        description="Report on watermarks, provenance and AI labels in files. Exit code: 0 marks or none, "
        "1 marks that are not sound, 2 cannot be told, 3 error; the worst of several.",
    )
    inspect.add_argument(
        "files", nargs="+", metavar="FILE", help="pictures, sound, film, documents, texts; - for stdin"
    )
    inspect.add_argument("--trust", nargs="+", metavar="PEM", default=[], help="certificates to trust besides C2PA's")
    inspect.add_argument("--policy", metavar="P", help="policy whose classifier options hold (keys, lists, trust)")
    inspect.add_argument("--locale", default="en", metavar="TAG", help="en or zh")
    inspect.add_argument("--json", action="store_true", help="one JSON object per file")
    _log_level(inspect)

    _mark(commands)
    policy = commands.add_parser("policy", help="lint, test and explain policies")
    tools = policy.add_subparsers(dest="tool", required=True, metavar="TOOL", parser_class=_Parser)
    for name, text in (
        ("lint", "find what is wrong or cannot be meant"),
        ("test", "run the tests beside policies, through the real classifiers where they hold text"),
        ("explain", "say in plain words what a policy does"),
    ):
        tool = tools.add_parser(name, help=text, description=f"{text.capitalize()}.")
        tool.add_argument("paths", nargs="*", metavar="PATH", help="files or folders (default: the bundled policies)")
        if name == "explain":
            tool.add_argument("--locale", default="en", metavar="TAG", help="en or zh")
    tools.add_parser("schema", help="print the JSON Schema of policy files, for editors")
    _policy_diff(tools)
    _policy_tune(tools)
    _policy_replay(tools)
    _policy_agree(tools)

    _monitor(commands)
    _held(commands)
    classifiers = commands.add_parser("classifiers", help="list classifiers: version, licence, categories, speed")
    classifiers.add_argument("--json", action="store_true", help="one JSON object per classifier")
    classifiers.add_argument("--no-speed", action="store_true", help="do not load and time them")

    demo = commands.add_parser(
        "demo",
        help="a small real generator behind the gateway, with requests sent and decisions shown",
        description="Start a small real generator behind the gateway, send it requests, show the decisions.",
    )
    demo.add_argument("--list", action="store_true", help="the generators that can be shown")
    demo.add_argument("--generator", metavar="NAME", help="one of the examples of a clone (see --list) instead")
    demo.add_argument("--serve", action="store_true", help="keep serving afterwards, until Ctrl-C")
    demo.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="data port (default: a free one)")
    demo.add_argument("--admin", metavar="HOST:PORT", default="127.0.0.1:0", help="admin port (default: a free one)")
    demo.add_argument("--policy", default="default", metavar="P", help="policy file or name (default: default)")
    _log_level(demo)
    return parser


def _monitor(commands: argparse._SubParsersAction[_Parser]) -> None:
    monitor = commands.add_parser(
        "monitor",
        help="alert when there is more negative content in an audit log than usual",
        description=(
            "Watch the rates of categories in an audit log, over all and by tenant and model, against their own "
            "history. Exit code: 0 nothing was raised, 1 something was, 3 error or an alert that was not delivered."
        ),
    )
    monitor.add_argument("log", metavar="LOG", help="audit log: SQLite or JSON lines")
    monitor.add_argument("--follow", action="store_true", help="go on as records come, until Ctrl-C")
    monitor.add_argument("--window", default="5m", metavar="T", help="length of a window: 90s, 5m, 1h (default: 5m)")
    monitor.add_argument("--webhook", metavar="URL", help="POST alerts there; with --follow new ones only")
    monitor.add_argument(
        "--odds", type=float, default=2.0, metavar="X", help="rise of the odds looked for (default: 2)"
    )
    monitor.add_argument("--bound", type=float, default=10.0, metavar="H", help="how sure to be (default: 10)")
    monitor.add_argument(
        "--least", type=int, default=10, metavar="N", help="fewest negatives to alert on (default: 10)"
    )
    monitor.add_argument("--json", action="store_true", help="one JSON object per alert")
    _log_level(monitor)


def _held(commands: argparse._SubParsersAction[_Parser]) -> None:
    held = commands.add_parser("held", help="what waits for a person: list, show, release, refuse")
    tools = held.add_subparsers(dest="tool", required=True, metavar="TOOL", parser_class=_Parser)
    for name, text in (
        ("list", "what waits, first what expires first"),
        ("show", "what is known of one answer, and what is in it"),
        ("release", "let the answer be fetched"),
        ("refuse", "never let it be fetched, and delete it"),
    ):
        tool = tools.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name != "list":
            tool.add_argument("ticket", metavar="TICKET", help="as the list or the 202 answer says it")
        if name == "show":
            tool.add_argument("--out", metavar="FILE", help="write the answer there, as it would be sent")
        if name in {"release", "refuse"}:
            tool.add_argument("--by", metavar="NAME", help="who decides (default: who is logged in)")
            tool.add_argument("--reason", default="", metavar="TEXT", help="why; it is recorded")
        tool.add_argument(
            "--admin", default="127.0.0.1:8081", metavar="HOST:PORT", help="admin port (default 127.0.0.1:8081)"
        )
        tool.add_argument("--json", action="store_true", help="JSON")


def _policy_diff(tools: argparse._SubParsersAction[_Parser]) -> None:
    diff = tools.add_parser(
        "diff",
        help="which records of a corpus another policy decides otherwise",
        description=(
            "Compare two policies on a corpus: on the findings that an audit stored where both see the same, else with "
            "their classifiers. Exit code: 0 nothing changes, 1 something does, 3 error."
        ),
    )
    diff.add_argument("old", metavar="OLD", help="policy file or name")
    diff.add_argument("new", metavar="NEW", help="policy file or name")
    _corpus(diff)
    diff.add_argument("--examples", type=int, default=3, metavar="N", help="examples of each rule (default: 3)")
    diff.add_argument("--show-examples", action="store_true", help="with their texts; without, places and scores only")
    diff.add_argument("--json", action="store_true", help="one JSON object")
    _log_level(diff)


def _policy_tune(tools: argparse._SubParsersAction[_Parser]) -> None:
    tune = tools.add_parser(
        "tune",
        help="thresholds for a rate of false positives, from a corpus with labels",
        description=(
            "Find the lowest thresholds with which at most a share of harmless records is caught, and write them into "
            "the policy. Exit code: 0 done, 1 a condition could not be tuned, 3 error."
        ),
    )
    tune.add_argument("policy", metavar="POLICY", help="policy file; nothing but thresholds in it changes")
    _corpus(tune)
    tune.add_argument("--labels", required=True, metavar="COL", help="column that says what is there: 0, 1, categories")
    tune.add_argument("--positive", action="append", default=[], metavar="V", help="label that means it is there")
    tune.add_argument("--fpr", type=float, required=True, metavar="X", help="share of harmless records, such as 0.01")
    tune.add_argument("--category", action="append", default=[], metavar="C", help="conditions to tune (default: all)")
    tune.add_argument("--dry-run", action="store_true", help="show the change and write nothing")
    tune.add_argument("--json", action="store_true", help="one JSON object")
    _log_level(tune)


def _policy_replay(tools: argparse._SubParsersAction[_Parser]) -> None:
    replay = tools.add_parser(
        "replay",
        help="what a policy would have decided on what an audit log has on record",
        description=(
            "Decide again on the scores in an audit log, and say what they cannot tell. No classifier runs. Exit code: "
            "0 all the same, 1 something differs or cannot be told, 3 error."
        ),
    )
    replay.add_argument("policy", metavar="POLICY", help="policy file or name")
    replay.add_argument("log", metavar="LOG", help="audit log: SQLite or JSON lines")
    replay.add_argument("--under", metavar="NAME", help="only decisions under the policy of this name")
    replay.add_argument("--examples", type=int, default=10, metavar="N", help="decisions to name (default: 10)")
    replay.add_argument("--json", action="store_true", help="one JSON object")
    _log_level(replay)


def _policy_agree(tools: argparse._SubParsersAction[_Parser]) -> None:
    agree = tools.add_parser(
        "agree",
        help="how far a policy agrees with another system, from that system's verdicts",
        description=(
            "Compare what a policy notices with what another system said of the same records: agreement, kappa, "
            "and what only one of them notices. Exit code: 0 they agree on every record, 1 they do not, 3 error."
        ),
    )
    agree.add_argument("policy", metavar="POLICY", help="policy file or name")
    _corpus(agree)
    agree.add_argument("--verdicts", required=True, metavar="COL", help="column with the other system's verdicts")
    said = agree.add_mutually_exclusive_group()
    said.add_argument("--positive", action="append", default=[], metavar="V", help="verdict that means it noticed")
    said.add_argument("--verdict-at-least", type=float, metavar="X", help="verdicts are scores, and X means it noticed")
    agree.add_argument("--category", action="append", default=[], metavar="C", help="compare on these (default: all)")
    agree.add_argument(
        "--action", default="flag", metavar="A", help="weakest action that means we noticed (default: flag)"
    )
    agree.add_argument("--examples", type=int, default=3, metavar="N", help="examples of each rule (default: 3)")
    agree.add_argument("--json", action="store_true", help="one JSON object")
    _log_level(agree)


def _corpus(tool: argparse.ArgumentParser) -> None:
    """What a tool reads its records from."""
    tool.add_argument(
        "--on", nargs="+", required=True, metavar="INPUT", help="folder of an audit, or files and folders to judge"
    )
    for name, what in (("text", "of texts"), ("image", "of pictures, sounds or films"), ("messages", "of chats")):
        tool.add_argument(f"--{name}-column", action="append", default=[], metavar="C", help=f"column {what}")
    tool.add_argument("--id-column", metavar="C", help="column that names records")
    tool.add_argument("--direction", choices=("input", "output"), default="output", help="(default: output)")
    tool.add_argument("--sample", type=int, metavar="N", help="judge N records, chosen by chance")


def _mark(commands: argparse._SubParsersAction[_Parser]) -> None:
    mark = commands.add_parser(
        "mark",
        help="write AI labels and provenance into a file",
        description="Write AI labels and provenance into a file, and read them back. Exit code: 0 marked, 3 error; "
        "then nothing is written.",
    )
    mark.add_argument("file", metavar="FILE", help="picture, sound, film, document or text; - for stdin")
    mark.add_argument(
        "--with",
        dest="marks",
        required=True,
        metavar="M,...",
        help="visible_label, audio_rhythm, pixel_mark, audio_mark, aigc_label, iptc, text_c2pa, c2pa",
    )
    mark.add_argument("--out", required=True, metavar="F", help="file to write; - for stdout")
    mark.add_argument("--producer", default="", metavar="CODE", help="of the provider, for aigc_label")
    mark.add_argument("--produce-id", default="", metavar="ID", help="number of the content (default: from its bytes)")
    mark.add_argument("--text", metavar="T", help="visible label (default: AI-generated, AI生成)")
    mark.add_argument(
        "--corner", choices=("bottom_right", "bottom_left", "top_right", "top_left"), default="bottom_right"
    )
    mark.add_argument("--system", default="", metavar="NAME", help="generator, for iptc, c2pa and text_c2pa")
    mark.add_argument("--message", default="", metavar="M", help="what pixel_mark says: text, 0x… or bits")
    mark.add_argument("--certificate", default="", metavar="PEM", help="chain of certificates, for c2pa and text_c2pa")
    mark.add_argument("--key", default="", metavar="KEY", help="of ES256: PEM, pkcs11:URI or signer:NAME")
    mark.add_argument("--audio-key", default="", metavar="FILE", help="key of audio_mark; env:NAME for a variable")
    mark.add_argument("--locale", default="en", metavar="TAG", help="language of the visible label, such as zh")
    _log_level(mark)
    keygen = commands.add_parser(
        "keygen", help="make certificates to try C2PA with", description="Make certificates to try C2PA with."
    )
    keygen.add_argument("--c2pa", action="store_true", required=True, help="a test root, a chain and its key (PEM)")
    keygen.add_argument("--out", default=".", metavar="DIR", help="folder for them (default: this one)")
    keygen.add_argument("--organisation", default="Test", metavar="NAME", help="whose they say they are")


def _audit(commands: argparse._SubParsersAction[_Parser]) -> None:
    audit = commands.add_parser(
        "audit",
        help="judge a whole corpus, and report on it",
        description=(
            "Judge a corpus: JSONL, CSV, Parquet, Arrow, saved data sets, WebDataset, folders of files. Exit code: "
            "0 all released, 1 something changed, 2 something refused or quarantined, 3 error; 130 stopped."
        ),
    )
    audit.add_argument("inputs", nargs="+", metavar="INPUT", help="files and folders")
    audit.add_argument("--policy", default="default", metavar="P", help="policy file or name (default: default)")
    audit.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    for name, what in (("text", "of texts"), ("image", "of pictures, sounds or films"), ("messages", "of chats")):
        audit.add_argument(f"--{name}-column", action="append", default=[], metavar="C", help=f"column {what}")
    audit.add_argument("--id-column", metavar="C", help="column that names records")
    audit.add_argument("--time-column", metavar="C", help="column with times, for trends")
    audit.add_argument("--by", action="append", default=[], metavar="C", help="column to compare by, such as a model")
    audit.add_argument("--direction", choices=("input", "output"), default="output", help="(default: output)")
    audit.add_argument("--locale", default="en", metavar="TAG", help="language of messages and the report, such as zh")
    audit.add_argument("--workers", type=int, metavar="N", help="processes that judge (default: one a core)")
    audit.add_argument("--engine", choices=("local", "ray"), default="local", help="where they run (default: local)")
    audit.add_argument(
        "--ray-address", default="auto", metavar="A", help="of the Ray cluster (default: this machine's)"
    )
    audit.add_argument("--ray-cpus", type=float, default=1.0, metavar="N", help="processors of a worker (default: 1)")
    audit.add_argument("--ray-gpus", type=float, default=0.0, metavar="N", help="graphics cards of one (default: 0)")
    audit.add_argument("--resume", action="store_true", help="go on with what DIR holds")
    audit.add_argument("--sample", type=int, metavar="N", help="judge N records, chosen by chance")
    audit.add_argument("--seed", type=int, default=0, metavar="N", help="of the sample (default: 0)")
    audit.add_argument("--dedup", choices=("exact", "near"), help="judge what is the same, or nearly so, once")
    audit.add_argument("--write", choices=("released",), help="also write what may be used, in the input's shape")
    audit.add_argument("--no-report", action="store_true", help="write no report.html")
    audit.add_argument("--show-examples", action="store_true", help="put texts of the worst records into the report")
    audit.add_argument("--chunk", type=int, default=1000, metavar="N", help="records of a chunk (default: 1000)")
    audit.add_argument(
        "--max-record-bytes", type=int, default=64 * 2**20, metavar="N", help="larger ones are quarantined (64 MiB)"
    )
    audit.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="seconds for a classifier and a record (default: 600)"
    )
    audit.add_argument("--json", action="store_true", help="print the summary as JSON")
    audit.add_argument("--quiet", action="store_true", help="show no progress")
    _log_level(audit)


def _log_level(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="warning", help="(default: warning)"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    options = build_parser().parse_args(arguments)
    spare_the_unused()
    if hasattr(options, "log_level"):
        from guard.telemetry import set_up_logging

        set_up_logging(options.log_level)
    try:
        return _run(options)
    except BrokenPipeError:  # whoever read our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except (GuardError, OSError, UnicodeDecodeError) as error:
        print(f"guard: {error}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command == "check":
        from guard.cli.check import check

        return check(options)
    if options.command == "audit":
        from guard.cli.audit import audit

        return audit(options)
    if options.command == "inspect":
        from guard.cli.inspect import inspect

        return inspect(options)
    if options.command == "mark":
        from guard.cli.mark import mark

        return mark(options)
    if options.command == "keygen":
        from guard.cli.keygen import keygen

        return keygen(options)
    if options.command == "policy":
        from guard.cli.policy import policy

        return policy(options)
    if options.command == "monitor":
        from guard.cli.monitor import monitor

        return monitor(options)
    if options.command == "held":
        from guard.cli.held import held

        return held(options)
    if options.command == "classifiers":
        from guard.cli.classifiers import classifiers

        return classifiers(options)
    if options.command == "demo":
        from guard.cli.demo import demo

        return demo(options)
    from guard.cli.serve import serve

    return serve(options)
