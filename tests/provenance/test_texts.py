"""guard.media.stamps.texts: a signature behind a text that stays as it was, which others read and verify too."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import c2pa_text as reference
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from guard.actions.label import Label, MarkName
from guard.classifier import Unreadable
from guard.content import Content, Direction, MediaEdit, TextPart
from guard.decision import Effect, Refusal
from guard.media import edits
from guard.media.marks import c2pa_text
from guard.media.marks.model import Mark
from guard.media.stamps.stamp import Stamp
from guard.placeholders import restore_content
from guard.protocols.contract import apply_parts
from tests.classifiers import marked
from tests.provenance.test_stamps import done, mark

SIGNED = (Path(__file__).parent.parent / "data" / "marks" / "signed.txt").read_text("utf-8")
"""By c2patxt, which says that AI made it."""
TEXTS = {
    "words": "Hello, world.",
    "chinese": "你好，世界。\n第二行。\n",
    "with another form of a letter": "cafe\u0301 and more",
    "windows lines": "# A title\r\n\r\nwords\r\n",
    "with a byte order mark": "\ufeffwords",
    "emoji that take selectors": "❤\ufe0f and 👩\u200d🔬 葛\U000e0100",
    "front matter": f"---\nAIGC: {marked.TEXT}\n---\n# A page\n",
    "long": "一段文字。" * 20_000,
}


@pytest.fixture(scope="module")
def stamp(tmp_path_factory: pytest.TempPathFactory) -> Stamp:
    folder = tmp_path_factory.mktemp("keys")
    for name, data in zip(("root.pem", "chain.pem", "key.pem"), marked.certificates(), strict=True):
        (folder / name).write_bytes(data)
    return Stamp(
        ("text_c2pa",), system="our-model/2", certificate=str(folder / "chain.pem"), key=str(folder / "key.pem")
    )


def root(stamp: Stamp) -> str:
    return Path(stamp.key).with_name("root.pem").read_text()


def read(text: str, stamp: Stamp) -> Mark:
    (found,) = c2pa_text.read(text, (root(stamp),))
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_signed_behind_its_end_and_read_by_the_reference(name: str, stamp: Stamp) -> None:
    text = TEXTS[name]

    made = mark(text.encode(), stamp).decode()

    assert made.startswith(text)
    assert read(made, stamp).category == "mark.c2pa.trusted"
    manifest, clean = reference.extract_manifest(made)
    assert clean == unicodedata.normalize("NFC", text)
    assert reference.validate_text(made).valid
    with c2pa.Reader("application/c2pa", io.BytesIO(manifest)) as reader:
        told = json.loads(reader.detailed_json())
    said = told["manifests"][told["active_manifest"]]
    assert {link["url"].rpartition("/")[2] for link in said["claim"]["created_assertions"]} == {
        "c2pa.actions.v2", "c2pa.hash.data",
    }  # fmt: skip
    (action,) = said["assertion_store"]["c2pa.actions.v2"]["actions"]
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["softwareAgent"] == {"name": "our-model", "version": "2"}
    whole = made.encode()
    (gap,) = said["assertion_store"]["c2pa.hash.data"]["exclusions"]
    assert (gap["start"], gap["start"] + gap["length"]) == (len(text.encode()), len(whole))
    left = (whole[: gap["start"]] + whole[gap["start"] + gap["length"] :]).decode()
    digest = hashlib.sha256(unicodedata.normalize("NFC", left).encode()).digest()
    assert said["assertion_store"]["c2pa.hash.data"]["hash"] == base64.b64encode(digest).decode()


def test_a_signed_text_that_changes_is_tampered_with_and_another_form_of_its_letters_is_not(stamp: Stamp) -> None:
    made = mark("café is open".encode(), stamp).decode()

    assert read(made.replace("open", "shut"), stamp).category == "mark.tampered.c2pa"
    assert read(made + "!", stamp).category == "mark.tampered.c2pa"
    assert read(unicodedata.normalize("NFD", made), stamp).category == "mark.c2pa.trusted"


def test_a_text_that_says_already_that_ai_made_it_is_left_as_it_is(stamp: Stamp) -> None:
    made = mark(b"words", stamp)

    assert mark(made, stamp) == made
    assert mark(SIGNED.encode(), stamp) == SIGNED.encode()


def test_nothing_is_asked_of_the_network(stamp: Stamp, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_given: object) -> None:
        raise AssertionError("a call to the network")

    monkeypatch.setattr(socket.socket, "connect", closed)

    assert read(mark(b"words", stamp).decode(), stamp).is_sound


def of_a_person(text: str, stamp: Stamp) -> str:
    """*text*, signed as something that a person made."""
    uri = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"
    length, size = 0, 11_000
    while size != length:
        length = size
        bound = {
            "exclusions": [{"start": len(text.encode()), "length": length}], "name": "text", "alg": "sha256",
            "hash": list(hashlib.sha256(text.encode()).digest()), "pad": [],
        }  # fmt: skip
        action = {"action": "c2pa.created", "digitalSourceType": uri}
        manifest = {
            "claim_generator_info": [{"name": "test"}],
            "assertions": [
                {"label": "c2pa.actions", "data": {"actions": [action]}}, {"label": "c2pa.hash.data", "data": bound},
            ],
        }  # fmt: skip
        made = io.BytesIO()
        chain, key = (Path(name).read_bytes() for name in (stamp.certificate, stamp.key))
        with (
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None)) as signer,
            c2pa.Builder(json.dumps(manifest)) as builder,
        ):
            builder.sign(signer, "application/c2pa", io.BytesIO(), made)
        wrapper = reference.encode_wrapper(made.getvalue())
        size = len(wrapper.encode())
    return text + wrapper


def test_a_text_that_a_person_signed_is_refused(stamp: Stamp) -> None:
    made = of_a_person("I wrote this.", stamp)
    assert read(made, stamp).asserts == "human"

    with pytest.raises(Unreadable, match="another origin"):
        mark(made.encode(), stamp)


def other_key(kind: str) -> bytes:
    """A key that the certificates are not about."""
    key = rsa.generate_private_key(65_537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    lock = serialization.BestAvailableEncryption(b"word") if kind == "locked" else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "nothing": (b"", {}, "the file is empty"),
    "another encoding": ("你好".encode("gb18030"), {}, "no text in UTF-8"),
    "a changed text": (SIGNED.replace("slowly", "quickly").encode(), {}, "would hide it"),
    "a damaged signature": (SIGNED[:-200].encode(), {}, "cannot be made out: damaged wrapper"),
    "two signatures": ((SIGNED + SIGNED).encode(), {}, "would hide it"),
    "no key": (b"words", {"key": "none.pem"}, "cannot be signed"),
    "a key that is none": (b"words", {"key": __file__}, "cannot be signed"),
    "a key of another kind": (b"words", {"key": "rsa"}, "cannot be signed"),
    "a key that is locked": (b"words", {"key": "locked"}, "cannot be signed"),
    "somebody else's key": (b"words", {"key": "other"}, "cannot be signed|read back"),
    "a picture": (marked.picture("PNG"), {}, "image/png bears no text_c2pa"),
    "a document": (marked.docx("{}"), {}, "application/zip bears no text_c2pa"),
    "a drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "bears no text_c2pa"),
    "another mark too": (b"words", {"marks": ("iptc", "text_c2pa")}, "of no type that is known"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_signed_and_proved_is_refused(name: str, stamp: Stamp, tmp_path: Path) -> None:
    data, options, why = REFUSED[name]
    if options.get("key") in {"rsa", "locked", "other"}:
        (tmp_path / "key.pem").write_bytes(other_key(options["key"]))
        options = {"key": str(tmp_path / "key.pem")}

    with pytest.raises(Unreadable, match=why):
        mark(data, replace(stamp, **options))


def label(
    stamp: Stamp, *parts: TextPart, masked: dict[str, str] | None = None, more: tuple[MarkName, ...] = ()
) -> list[str] | None:
    """The texts of *parts* as the action labels and signs them; None where it refuses."""
    action = Label(marks=("text_c2pa", *more), certificate=stamp.certificate, key=stamp.key)
    content = Content(Direction.OUTPUT, parts, masked=masked or {})
    left = Label.apply(content, [Effect("r", action)])
    if isinstance(left, Refusal):
        return None
    return [part.text for part in done(edits.made(left)).parts if isinstance(part, TextPart)]


def said(text: str, *path: str | int, **more: Any) -> TextPart:
    place = path or ("choices", 0, "message", "content")
    return TextPart(text, "/" + "/".join(map(str, place)), place, role="assistant", **more)


def test_each_text_that_people_are_told_is_signed_and_nothing_else(stamp: Stamp) -> None:
    left = label(
        stamp,
        said("one"),
        said("two", "choices", 1, "message", "content", 0, "text"),
        said("three", "choices", 1, "message", "content", 1, "text"),
        said("hm", kind="reasoning"),
        said("{}", kind="tool_arguments"),
        said('{"answer": 1}'),
        TextPart("asked", role="user"),
    )

    assert left is not None
    assert [read(text, stamp).category for text in left[:3]] == ["mark.c2pa.trusted"] * 3
    assert left[3:] == ["hm", "{}", '{"answer": 1}', "asked"]


def test_the_notice_is_signed_with_the_text(stamp: Stamp) -> None:
    (text,) = label(stamp, said("Hello."), more=("text_notice",)) or ()

    assert text.startswith("Hello.\nAI-generated\ufeff")
    assert read(text, stamp).is_sound


def test_a_text_that_was_labelled_and_signed_before_stays_so(stamp: Stamp) -> None:
    first = label(stamp, said("Hello."), more=("text_notice",)) or []

    assert label(stamp, said(first[0]), more=("text_notice",)) == first


def test_what_was_masked_is_put_back_before_and_not_touched_after(stamp: Stamp) -> None:
    masked = {"<EMAIL_abcdef>": "ana@example.org", "<EMAIL_ghijkl>": "bo@example.org"}

    (text,) = label(stamp, said("write to <EMAIL_abcdef>"), masked=masked) or ()
    again = restore_content(Content(Direction.OUTPUT, (said(text), said("<EMAIL_ghijkl>"))), masked)

    assert text.startswith("write to ana@example.org\ufeff")
    assert read(text, stamp).is_sound
    assert [part.text for part in again.parts if isinstance(part, TextPart)] == [text, "bo@example.org"]


def test_a_signed_text_is_never_changed_by_putting_something_back(stamp: Stamp) -> None:
    (text,) = label(stamp, said("<EMAIL_abcdef>")) or ()

    left = restore_content(Content(Direction.OUTPUT, (said(text),)), {"<EMAIL_abcdef>": "ana@example.org"})

    assert left.parts == (said(text),)


def test_a_text_that_cannot_be_written_back_is_refused(stamp: Stamp) -> None:
    assert label(stamp, said("one"), said("two", editable=False)) is None
    assert label(stamp, said("one"), said("two", kind="logprobs", editable=False)) is not None


def test_half_a_character_is_refused(stamp: Stamp) -> None:
    with pytest.raises(Unreadable, match="half a character"):
        label(stamp, said("one \ud83d"))


def test_a_text_that_waits_for_its_signature_is_not_released() -> None:
    part = said("one", "content")
    waiting = replace(part, edits=(MediaEdit("stamp"),))

    assert edits.pending(Content(Direction.OUTPUT, (waiting,)))
    with pytest.raises(ValueError, match="before it was changed"):
        apply_parts({"content": "one"}, [part], [waiting])
    with pytest.raises(Unreadable, match="such a mark"):
        done(edits.made(Content(Direction.OUTPUT, (waiting,))))


def test_a_signature_needs_a_key() -> None:
    with pytest.raises(ValueError, match=r"`text_c2pa` needs `certificate`, .* and `key`"):
        Label(marks=("text_c2pa",))
