"""``guard inspect``: a report for people in two languages, JSON for programs, exit codes for scripts."""

import io
import json
import sys
from pathlib import Path

import pytest

from guard.cli import main
from tests.classifiers import marked, models

DATA = Path(__file__).parent.parent / "data" / "marks"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main(["inspect", *map(str, arguments)])
    return code, capsys.readouterr().out


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.png"
    path.write_bytes(marked.CARRIERS["png XMP"])
    return path


def test_a_label_is_reported_in_english_and_chinese(capsys: pytest.CaptureFixture[str], labelled: Path):
    code, english = run(capsys, labelled)
    _, chinese = run(capsys, "--locale", "zh-CN", labelled)

    assert code == 0
    assert "marks found" in english
    assert "China AIGC label (GB 45438): declared, unsigned; says: AI-generated" in english
    assert "AIGC 隐式标识（GB 45438）: 声明，未签名; 声明：由人工智能生成" in chinese


def test_json_has_one_object_per_file(capsys: pytest.CaptureFixture[str], labelled: Path):
    code, out = run(capsys, "--json", labelled, DATA / "dwtdct_sdxl.webp", DATA / "signed.txt")
    label, pixels, text = map(json.loads, out.splitlines())

    assert code == 0
    assert (label["media_type"], label["state"]) == ("image/png", "present")
    assert label["marks"][0]["detail"]["ContentProducer"] == marked.LABEL["ContentProducer"]
    assert (pixels["marks"][0]["family"], pixels["marks"][0]["kind"]) == ("pixel.dwtdct", "sdxl")
    assert pixels["marks"][0]["statistic"] > 15
    assert pixels["marks"][0]["p_value"] < 1e-20
    assert {mark["family"] for mark in text["marks"]} == {"c2pa", "text.invisible"}


def test_exit_codes_say_what_was_found(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "plain.txt").write_text("nothing here")
    (tmp_path / "bad.png").write_bytes(marked.png(AIGC="{}"))
    (tmp_path / "noise.bin").write_bytes(bytes(range(255, 128, -1)))
    (tmp_path / "empty.png").write_bytes(b"")

    assert run(capsys, tmp_path / "plain.txt")[0] == 0
    assert run(capsys, tmp_path / "bad.png")[0] == 1
    assert run(capsys, DATA / "riff_bomb_1000.wav")[0] == 2
    for name in ("noise.bin", "empty.png"):
        code, out = run(capsys, tmp_path / name)
        assert code == 2
        assert "cannot be told" in out
    assert main(["inspect", str(tmp_path / "none")]) == 3


def test_where_nothing_is_found_it_says_what_that_means(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    (tmp_path / "plain.txt").write_text("nothing here")

    assert "No mark is no proof" in run(capsys, tmp_path / "plain.txt")[1]
    assert "不等于证明" in run(capsys, "--locale", "zh", tmp_path / "plain.txt")[1]


def test_words_of_a_file_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = tmp_path / "x.png"
    path.write_bytes(
        marked.png(AIGC=json.dumps({**marked.LABEL, "ContentProducer": "\x1b[2Jevil\u202e\n" + "x" * 9_000}))
    )
    _, out = run(capsys, path)

    assert "\x1b" not in out
    assert "\u202e" not in out
    assert max(map(len, out.splitlines())) < 400


def test_trust_of_ones_own_is_given_on_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    root, chain, key = marked.certificates()
    (tmp_path / "root.pem").write_bytes(root)
    (tmp_path / "a.jpg").write_bytes(marked.signed(marked.picture("JPEG"), "image/jpeg", chain, key))

    assert "by an unknown signer" in run(capsys, tmp_path / "a.jpg")[1]
    assert "by a trusted signer" in run(capsys, tmp_path / "a.jpg", "--trust", tmp_path / "root.pem")[1]


def test_options_of_a_policy_hold(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    policy = tmp_path / "marks.yaml"
    policy.write_text(
        "policy: marks\nclassifiers:\n"
        f"  text_match: {{texts: {{{models.protected()}: intellectual_property}}}}\n"
        "rules:\n  - {id: own, when: {category: intellectual_property}, then: flag}\n"
    )
    code, out = run(capsys, "--policy", policy, models.protected())

    assert code == 0
    assert "Known content" in out


def test_standard_input_is_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(marked.CARRIERS["mp4"])))

    assert "China AIGC label" in run(capsys, "-")[1]
