from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from guard import registry
from guard.cli import build_parser, main

POLICY = """
policy: house-rules
description: Stops one word and masks tickets.
classifiers:
  keywords: {lists: {stop: [zorblax], note: [murmur]}, patterns: {mask: ['ticket-\\d{4}']}, builtin: []}
rules:
  - {id: stop-it, message: {en: "Not here.", zh: "此处不可。"}, when: {category: custom.stop}, then: block}
  - {id: note-it, when: {category: custom.note}, then: flag}
  - {id: mask-it, when: {category: custom.mask}, then: redact}
"""
CASES = """
- {name: the word is stopped, text: "say zorblax", expect: {action: block, rules: [stop-it]}}
- {name: a greeting passes, text: "good morning", expect: {action: allow, released: "good morning"}}
- {name: a finding is enough, given: [{category: custom.note, score: 1.0}], expect: {action: flag}}
"""
GUARD = str(Path(sys.executable).with_name("guard"))


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "house.yaml"
    file.write_text(POLICY)
    return str(file)


class Run:
    """What a command printed and gave."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: str) -> int:
        try:
            code = main(arguments)
        except SystemExit as left:
            code = int(left.code or 0)
        self.out, self.err = self._capfd.readouterr()
        return code

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    return Run(capfd)


def piped(data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([GUARD, *arguments], input=data, capture_output=True, check=False, timeout=60)


# check


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("good morning", 0, "released (allow)"),
        ("a murmur", 0, "released (flag by note-it)"),
        ("see ticket-1234", 1, "changed (redact by mask-it)"),
        ("say zorblax", 2, "refused (block by stop-it)"),
        ("", 0, "released (allow)"),
    ],
)
def test_check_says_by_its_exit_code_what_became_of_a_text(
    run: Run, policy: str, text: str, code: int, says: str
) -> None:
    assert run("check", text, "--policy", policy) == code
    assert run.out.startswith(says)
    assert run.err == ""


def test_check_shows_what_is_released_the_message_and_the_findings(run: Run, policy: str) -> None:
    run("check", "see ticket-1234", "--policy", policy)
    assert "1234" not in run.out
    assert "  1.00 custom.mask at 4-15 [keywords]" in run.out
    run("check", "zorblax", "--policy", policy, "--locale", "zh")
    assert "message: 此处不可。" in run.out


def test_check_prints_one_object_with_every_key(run: Run, policy: str) -> None:
    assert run("check", "see ticket-1234", "--policy", policy, "--json") == 1
    report = run.json
    assert {"id", "action", "rules", "findings", "failures", "coverage", "policy", "released"} <= set(report)
    assert (report["action"], report["rules"]) == ("redact", ["mask-it"])
    (finding,) = report["findings"]
    assert {"category", "score", "part", "span", "classifier"} <= set(finding)
    assert (finding["category"], finding["span"]) == ("custom.mask", [4, 15])
    assert report["policy"].startswith("house-rules@")
    assert report["coverage"] == {"checked": 1, "exempt": {}, "unscannable": [], "unchecked": 0}
    assert run("check", "zorblax", "--policy", policy, "--json") == 2
    assert run.json["released"] is None
    assert run.json["refusal"] == {"code": "content_filter", "message": "Not here."}


def test_check_gives_the_worst_code_of_several_files_and_a_line_for_each(run: Run, policy: str, tmp_path: Path) -> None:
    texts = {"a.txt": "fine", "b.txt": "say zorblax", "c.txt": "ticket-1234"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / name) for name in texts]
    assert run("check", "--policy", policy, "--json", "--file", *files) == 2
    assert [line["input"] for line in run.lines] == files
    assert [line["action"] for line in run.lines] == ["allow", "block", "redact"]
    assert run("check", "--policy", policy, "--file", files[0], files[2]) == 1
    assert run.out.splitlines()[0] == f"{files[0]}: released (allow)"
    assert run("check", "--policy", policy, "--file", files[0]) == 0


def test_check_reads_standard_input(policy: str) -> None:
    for arguments in (["-"], []):
        done = piped("看 zorblax".encode(), "check", *arguments, "--policy", policy, "--json")
        assert (done.returncode, done.stderr) == (2, b"")
        assert json.loads(done.stdout)["findings"][0]["span"] == [2, 9]


def test_check_refuses_bytes_that_are_no_text(run: Run, policy: str, tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("grün".encode("latin-1"))
    assert run("check", "--policy", policy, "--file", str(file)) == 3
    assert run.out == ""
    assert f"{file}: byte 2 is not UTF-8" in run.err
    done = piped(b"\xff\xfe", "check", "-", "--policy", policy)
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"standard input: byte 0 is not UTF-8" in done.stderr
    assert piped(b"", "check", b"\xff".decode("utf-8", "surrogateescape"), "--policy", policy).returncode == 3


def test_check_judges_pictures_by_their_bytes(run: Run, tmp_path: Path, policy: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(data, "PNG")
    whole, broken = tmp_path / "whole.dat", tmp_path / "broken.png"
    whole.write_bytes(data.getvalue())
    broken.write_bytes(data.getvalue()[:40])
    assert run("check", "--json", "--file", str(whole)) == 0
    assert run.json["released"] is None
    assert run.json["coverage"]["checked"] == 1
    assert run("check", "--json", "--file", str(broken)) == 2
    assert run.json["coverage"]["unscannable"]
    assert run("check", "--file", str(whole), "--policy", policy) == 2
    assert "unscannable: no classifier of the policy reads image" in run.out


def test_a_text_that_begins_as_a_bitmap_does_is_a_text(run: Run, policy: str, tmp_path: Path) -> None:
    file = tmp_path / "cars.txt"
    file.write_text("BMW is a nice car")
    assert run("check", "--policy", policy, "--file", str(file)) == 0
    assert run.out.startswith("released")


def test_check_names_a_file_that_is_not_there(run: Run, policy: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine")
    assert run("check", "--policy", policy, "--file", str(tmp_path / "a.txt"), str(tmp_path / "nowhere.txt")) == 3
    assert run.out == ""
    assert "nowhere.txt" in run.err


def test_check_names_what_is_wrong_with_a_policy_and_where(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(POLICY.replace("then: flag", "than: flag"))
    assert run("check", "fine", "--policy", str(file)) == 3
    assert run.err.startswith(f"guard: {file}:8:")
    assert "did you mean `then`?" in run.err
    assert run("check", "fine", "--policy", "nowhere") == 3
    assert "there is no such policy; name a file, a folder, or a bundled policy (ca-sb942, " in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "x", "--direction", "sideways"],
        ["check", "x", "--nope"],
        ["nonsense"],
        [],
        ["policy"],
        ["check", "a", "b"],
    ],
)
def test_a_command_line_that_cannot_be_meant_is_an_error_and_no_refusal(run: Run, arguments: list[str]) -> None:
    assert run(*arguments) == 3
    assert run.out == ""
    assert "usage: guard" in run.err


def test_a_reader_that_goes_away_is_no_traceback(policy: str, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.txt").write_text("fine " * 500)
    files = " ".join(f"{tmp_path}/{number}.txt" for number in range(200))
    command = f"{GUARD} check --json --policy {policy} --file {files} | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=60)
    assert done.stdout.startswith(b'{"input":')
    assert done.stderr == b""


def test_help_is_no_error(run: Run) -> None:
    for command in ([], ["check"], ["serve"], ["policy"], ["policy", "lint"], ["classifiers"], ["demo"]):
        assert run(*command, "--help") == 0
        assert "usage: guard" in run.out


def test_every_command_has_help() -> None:
    text = build_parser().format_help()
    for command in ("serve", "check", "policy", "classifiers", "demo"):
        assert command in text


# policy


def test_lint_finds_nothing_in_what_is_shipped(run: Run) -> None:
    assert run("policy", "lint") == 0


def test_lint_prints_each_problem_with_its_place(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(POLICY.replace("then: flag", "than: flag"))
    assert run("policy", "lint", str(file)) == 1
    assert run.out.startswith(f"{file}:8:")
    assert run("policy", "lint", str(tmp_path / "nowhere.yaml")) == 3
    assert "there is no such policy" in run.err


def test_lint_finds_a_pattern_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(POLICY.replace("'ticket-", "'ticket-("))
    assert run("policy", "lint", str(file)) == 1
    assert "p.yaml:5:66: error: classifier `keywords`: option `patterns`, `patterns.mask`: RE2 refuses it" in run.out


def test_the_tests_beside_a_policy_are_run_through_the_real_classifiers(run: Run, policy: str, tmp_path: Path) -> None:
    assert run("policy", "test", policy) == 1
    assert "house_test.yaml" in run.err
    (tmp_path / "house_test.yaml").write_text(CASES)
    assert run("policy", "test", policy) == 0
    assert run.out == "3 passed, 0 failed\n"
    (tmp_path / "house_test.yaml").write_text(CASES.replace("good morning", "zorblax"))
    assert run("policy", "test", str(tmp_path)) == 1
    assert run.out.startswith(f"{tmp_path / 'house_test.yaml'}:3: a greeting passes: ")
    assert run.out.endswith("2 passed, 1 failed\n")


def test_a_test_that_cannot_be_meant_is_an_error(run: Run, policy: str, tmp_path: Path) -> None:
    (tmp_path / "house_test.yaml").write_text("- {name: x, txt: y, expect: {action: allow}}")
    assert run("policy", "test", policy) == 3
    assert "house_test.yaml:1:" in run.err


def test_explain_says_what_a_policy_does_in_two_languages(run: Run, policy: str) -> None:
    assert run("policy", "explain", policy) == 0
    english = run.out
    assert "stop-it" in english
    assert run("policy", "explain", policy, "--locale", "zh") == 0
    assert "stop-it" in run.out
    assert run.out != english
    assert run("policy", "explain", "nowhere") == 3


def test_the_schema_is_json_and_knows_every_classifier(run: Run) -> None:
    assert run("policy", "schema") == 0
    schema = run.json
    assert schema["$schema"].startswith("https://json-schema.org/")
    for name in registry.names():
        assert f'"{name}"' in run.out


# classifiers


def test_classifiers_are_listed_with_what_matters_of_each(run: Run) -> None:
    assert run("classifiers", "--json", "--no-speed") == 0
    lines = {line["name"]: line for line in run.lines}
    assert set(lines) == set(registry.names())
    for line in lines.values():
        assert line["version"]
        assert line["license"]
        assert line["modalities"]
        assert line["device"] == "cpu"
        assert "ms" not in line
    assert lines["pii"]["categories"] == sorted(registry.provides("pii"))
    assert run("classifiers", "--no-speed") == 0
    assert all(f"{name}  " in run.out for name in lines)


PICTURES = """
policy: pictures
classifiers: {ocr: {}, keywords: {patterns: {mail: ['\\S+@\\S+']}, builtin: []}}
rules:
  - {id: hide-mail, when: {category: custom.mail}, then: {redact: {style: paint}}}
"""


def test_an_address_in_a_picture_is_painted_over_and_written_where_asked(run: Run, tmp_path: Path) -> None:
    policy, picture, out = tmp_path / "pictures.yaml", tmp_path / "a.png", tmp_path / "out"
    policy.write_text(PICTURES)
    image = Image.new("RGB", (420, 120), "white")
    ImageDraw.Draw(image).text((20, 40), "write to ana@example.org", "black", font_size=28)
    image.save(picture)

    assert run("check", "--policy", str(policy), "--file", str(picture), "--out", str(out), "--json") == 1
    report = run.json
    assert (report["action"], report["released"]) == ("redact", None)
    assert report["released_media"][0]["modality"] == "image"
    assert report["findings"][0]["box"]
    assert Image.open(out / "a.png").convert("RGB").getpixel((200, 58)) == (68, 68, 68)
    assert run("check", "--policy", str(policy), "--file", str(out / "a.png")) == 0
    assert run("check", "--policy", str(policy), "--file", str(picture)) == 1
    assert "bytes; --out DIR writes them" in run.out
