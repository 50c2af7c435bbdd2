"""``guard mark`` and ``guard keygen``: a marked file that proves itself, or no file at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from PIL import Image

from guard.cli import main
from tests.classifiers import marked
from tests.classifiers.test_marks_sound import key_file, speech
from tests.sounds import encoded

PRODUCER = "001191110102MACQD9K64010000"
DATA = Path(__file__).parent.parent / "data" / "marks"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "in.png"
    path.write_bytes(marked.picture("PNG", (300, 200)))
    return path


def test_a_file_is_marked_and_inspect_finds_it(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = picture.with_name("out.png")

    code = main([
        "mark", str(picture), "--with", "iptc,visible_label,aigc_label", "--producer", PRODUCER, "--produce-id", "n-1",
        "--locale", "zh", "--out", str(out),
    ])  # fmt: skip
    said = capsys.readouterr().out
    main(["inspect", "--json", str(out)])
    found = json.loads(capsys.readouterr().out)

    assert code == 0
    assert said == f"{out}: visible_label, aigc_label, iptc; read back\n"
    assert [one["family"] for one in found["marks"]] == ["iptc", "aigc_label"]
    assert found["marks"][1]["detail"]["ProduceID"] == "n-1"


def test_a_document_is_marked_and_inspect_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "in.pdf", tmp_path / "out.pdf"
    Image.new("RGB", (40, 30)).save(path)

    code = main(["mark", str(path), "--with", "aigc_label", "--producer", PRODUCER, "--out", str(out)])
    capsys.readouterr()
    main(["inspect", "--json", str(out)])
    found = json.loads(capsys.readouterr().out)

    assert code == 0
    assert (found["media_type"], found["state"]) == ("application/pdf", "present")
    assert [(one["family"], one["issuer"]) for one in found["marks"]] == [("aigc_label", PRODUCER)]
    assert out.read_bytes().startswith(path.read_bytes())


def test_with_made_keys_a_file_is_signed_and_trusted(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys, out = picture.parent / "keys", picture.with_name("out.png")

    assert main(["keygen", "--c2pa", "--out", str(keys), "--organisation", "某公司"]) == 0
    assert stat.S_IMODE((keys / "c2pa-key.pem").stat().st_mode) == 0o600
    assert main(["keygen", "--c2pa", "--out", str(keys)]) == 3
    signing = ["--certificate", str(keys / "c2pa-chain.pem"), "--key", str(keys / "c2pa-key.pem")]
    assert main(["mark", str(picture), "--with", "c2pa", *signing, "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["inspect", str(out), "--json", "--trust", str(keys / "c2pa-root.pem")]) == 0
    (mark,) = json.loads(capsys.readouterr().out)["marks"]

    assert (mark["kind"], mark["asserts"], mark["issuer"]) == ("trusted", "generated", "某公司")


def test_a_text_is_signed_and_inspect_trusts_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys, path, out = tmp_path / "keys", tmp_path / "in.md", tmp_path / "out.md"
    path.write_bytes("# 一页\r\n\r\nwords\r\n".encode())
    main(["keygen", "--c2pa", "--out", str(keys)])
    signing = ["--certificate", str(keys / "c2pa-chain.pem"), "--key", str(keys / "c2pa-key.pem")]

    assert main(["mark", str(path), "--with", "text_c2pa", *signing, "--out", str(out)]) == 0
    assert capsys.readouterr().out.endswith(f"{out}: text_c2pa; read back\n")
    assert main(["inspect", str(out), "--json", "--trust", str(keys / "c2pa-root.pem")]) == 0
    marks = json.loads(capsys.readouterr().out)["marks"]

    assert out.read_bytes().startswith(path.read_bytes())
    (mark,) = [one for one in marks if one["family"] == "c2pa"]
    assert (mark["kind"], mark["asserts"]) == ("trusted", "generated")


def test_json_is_not_signed_for_it_would_be_none_any_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, keys = tmp_path / "in.json", tmp_path / "keys"
    path.write_text('{"answer": 1}')
    main(["keygen", "--c2pa", "--out", str(keys)])
    signing = ["--certificate", str(keys / "c2pa-chain.pem"), "--key", str(keys / "c2pa-key.pem")]

    assert main(["mark", str(path), "--with", "text_c2pa", *signing, "--out", str(tmp_path / "out.json")]) == 3
    assert "not marked: it is JSON" in capsys.readouterr().err


def test_a_message_is_hidden_and_inspect_finds_it_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out, policy = tmp_path / "in.png", tmp_path / "out.png", tmp_path / "ours.yaml"
    given.write_bytes(marked.picture("PNG", (512, 512)))
    policy.write_text(
        "policy: ours\nclassifiers: {watermark: {messages: {ours: '0x1f3a5c7e9b2d4f'}}}\n"
        "rules: [{id: flag-ours, when: {category: mark.pixel.dwtdct.ours}, then: flag}]\n"
    )

    assert main(["mark", str(given), "--with", "pixel_mark", "--message", "0x1f3a5c7e9b2d4f", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: pixel_mark; read back\n"
    assert main(["inspect", "--json", "--policy", str(policy), str(out)]) == 0
    (found,) = json.loads(capsys.readouterr().out)["marks"]

    assert (found["family"], found["kind"], found["asserts"]) == ("pixel.dwtdct", "ours", "generated")


def test_a_sound_is_marked_and_inspect_finds_it_with_the_keys_of_a_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUND_KEY", Path(key_file()).read_text())
    rate, samples = speech()
    (tmp_path / "in.mp3").write_bytes(encoded(samples, form="mp3", rate=rate))
    policy = tmp_path / "sound.yaml"
    policy.write_text(
        "policy: sound\nclassifiers:\n  sound_watermark: {keys: {ours: env:SOUND_KEY}}\n"
        "rules:\n  - {id: own, when: {category: mark.audio.spread}, then: flag}\n"
    )

    said = ["--with", "audio_mark", "--audio-key", "env:SOUND_KEY", "--out", str(tmp_path / "out.mp3")]
    assert main(["mark", str(tmp_path / "in.mp3"), *said]) == 0
    assert "audio_mark; read back" in capsys.readouterr().out
    assert main(["inspect", "--policy", str(policy), str(tmp_path / "out.mp3"), str(tmp_path / "in.mp3")]) == 0
    out = capsys.readouterr().out
    assert main(["inspect", "--policy", str(policy), "--json", "--locale", "zh", str(tmp_path / "out.mp3")]) == 0
    (found,) = json.loads(capsys.readouterr().out)["marks"]

    assert out.count("Watermark in sound · ours: detected; says: AI-generated") == 1
    assert (found["family"], found["kind"], found["asserts"]) == ("audio.spread", "ours", "generated")
    assert found["p_value"] < 1e-6


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("in.png", ["--with", "aigc_label"], "aigc_label needs --producer CODE"),
        (
            "in.png",
            ["--with", "aigc_lable"],
            "no mark `aigc_lable`; there are visible_label, audio_rhythm, pixel_mark, audio_mark, aigc_label, iptc,",
        ),
        ("in.png", ["--with", ","], "no mark"),
        ("in.png", ["--with", "audio_mark"], "audio_mark needs --audio-key FILE"),
        ("in.png", ["--with", "audio_mark", "--audio-key", "none"], "image/png bears no audio_mark"),
        ("in.png", ["--with", "c2pa"], "c2pa needs --certificate PEM and --key KEY"),
        ("text.txt", ["--with", "text_c2pa"], "text_c2pa needs --certificate PEM and --key KEY"),
        ("text.txt", ["--with", "text_c2pa", "--certificate", "no.pem", "--key", "no.pem"], "it cannot be signed"),
        ("in.png", ["--with", "aigc_label", "--producer", "某公司"], "not marked: the label would be no good"),
        ("in.png", ["--with", "pixel_mark"], "pixel_mark needs --message M"),
        ("in.png", ["--with", "pixel_mark", "--message", "ab"], "--message should have 24 to 512 bits"),
        ("in.png", ["--with", "pixel_mark", "--message", "SDV2"], "--message would be read as the mark of a generator"),
        ("in.png", ["--with", "pixel_mark", "--message", "a-studio"], "not marked: the picture is too small"),
        ("none.png", ["--with", "iptc"], "No such file"),
        ("signed.jpg", ["--with", "iptc"], "not marked: the file is signed (C2PA)"),
        ("text.txt", ["--with", "iptc"], "not marked: the file is of no type that is known"),
    ],
)
def test_what_cannot_be_marked_leaves_no_file_and_what_was_there_stays(
    picture: Path, capsys: pytest.CaptureFixture[str], source: str, options: list[str], said: str
) -> None:
    (picture.parent / "signed.jpg").write_bytes((DATA / "C.jpg").read_bytes())
    (picture.parent / "text.txt").write_text("一段文字")
    new, old = picture.with_name("new.png"), picture.with_name("old.png")
    old.write_bytes(b"old")

    codes = [main(["mark", str(picture.with_name(source)), *options, "--out", str(out)]) for out in (new, old)]

    assert codes == [3, 3]
    assert said in capsys.readouterr().err
    assert not new.exists()
    assert old.read_bytes() == b"old"
    assert len(list(picture.parent.iterdir())) == 4
