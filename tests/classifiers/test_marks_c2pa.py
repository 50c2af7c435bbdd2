"""C2PA: what was changed is told from whose certificate is no good; nothing is fetched; text is checked, too."""

import functools
import http.server
import os
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from classifiers.provenance import Provenance, ProvenanceOptions
from classifiers.text_marks import TextMarks
from classifiers.text_provenance import TextProvenance, TextProvenanceOptions
from guard.content import ImagePart, View
from guard.errors import WeightsError
from guard.media.marks import c2pa, c2pa_text, metadata
from guard.media.marks.model import Asserts, Mark, Status
from tests.classifiers import marked

DATA = Path(__file__).parent.parent / "data" / "marks"


@functools.cache
def keys() -> tuple[bytes, bytes, bytes]:
    return marked.certificates()


@functools.cache
def signed(kind: str = "JPEG") -> bytes:
    _, chain, key = keys()
    return marked.signed(marked.picture(kind), f"image/{kind.lower()}", chain, key)


def root() -> str:
    return keys()[0].decode()


def read(data: bytes, *anchors: str) -> Mark:
    mark, *more = metadata.read(data, anchors).marks
    assert not more
    return mark


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_a_signed_picture_is_trusted_with_its_root_and_intact_without(kind: str):
    trusted, unknown = read(signed(kind), root()), read(signed(kind))

    assert (trusted.category, trusted.asserts, trusted.issuer) == ("mark.c2pa.trusted", Asserts.AI, "Example")
    assert (unknown.category, unknown.status) == ("mark.c2pa.untrusted", Status.INTACT)


def test_a_forked_worker_reads_what_its_parent_has_read_before():
    assert read(signed()).status is Status.INTACT
    child = os.fork()
    if not child:
        code = 1
        try:
            code = int(read(signed()).status is not Status.INTACT)
        finally:
            os._exit(code)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_sound_is_read_as_well():
    _, chain, key = keys()
    data = marked.signed(marked.wav(), "audio/wav", chain, key)

    assert read(data, root()).category == "mark.c2pa.trusted"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_changed_picture_is_tampered_with_whoever_is_trusted(kind: str):
    data = bytearray(signed(kind))
    at = len(data) - 40 if kind == "JPEG" else data.index(b"IDAT") + 20
    data[at] ^= 1

    mark = read(bytes(data), root())
    assert (mark.category, mark.code.split()[0]) == ("mark.tampered.c2pa", "assertion.dataHash.mismatch")


def test_a_file_of_others_is_read():
    mark = read((DATA / "C.jpg").read_bytes())

    assert (mark.category, mark.code) == ("mark.c2pa.untrusted", "signingCredential.untrusted algorithmicMedia")


def test_bytes_in_the_padding_that_no_signature_covers_are_found():
    data = bytearray((DATA / "C.jpg").read_bytes())
    data[40_000] ^= 1

    assert read(bytes(data)).category == "mark.malformed.c2pa"


@pytest.mark.parametrize(
    ("codes", "status", "kind"),
    [
        (["signingCredential.expired", "signingCredential.untrusted"], Status.CREDENTIAL, "expired"),
        (["claimSignature.outsideValidity"], Status.CREDENTIAL, "expired"),
        (["signingCredential.invalid"], Status.CREDENTIAL, "invalid"),
        (["signingCredential.untrusted", "signingCredential.ocsp.revoked"], Status.CREDENTIAL, "revoked"),
        (["signingCredential.untrusted", "timeStamp.untrusted"], Status.INTACT, "untrusted"),
        (["signingCredential.expired", "assertion.bmffHash.mismatch"], Status.TAMPERED, ""),
        (["claimSignature.missing"], Status.TAMPERED, ""),
        (["claim.malformed"], Status.MALFORMED, ""),
        (["algorithm.unsupported"], Status.INCONCLUSIVE, ""),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_from_what_was_changed(codes: list[str], status: Status, kind: str):
    assert c2pa._status(codes, "Invalid")[:2] == (status, kind)


def test_an_ingredient_that_fails_is_reported_apart():
    results = {"ingredientDeltas": [{"validationDeltas": {"failure": [{"code": "claimSignature.mismatch"}]}}]}

    (mark,) = c2pa._ingredients(results, ["ingredient.manifest.missing"][:0], "")
    assert mark.category == "mark.tampered.c2pa_ingredient"


def test_a_picture_made_of_generated_ones_counts_as_edited():
    action = {"action": "c2pa.created", "digitalSourceType": "…/trainedAlgorithmicMedia"}
    part = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}]}
    store = {"active_manifest": "a", "manifests": {"a": {}, "b": part}, "validation_state": "Valid"}

    assert c2pa._marks(store, "")[0].asserts is Asserts.AI_EDITED


def test_an_address_in_a_file_is_never_asked():
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *given: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        link = f"http://127.0.0.1:{server.server_port}/manifest.c2pa"
        packet = marked.xmp("", f'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="{link}"')
        marks = [read(data) for data in (marked.picture("JPEG", xmp=packet), marked.png_xmp(packet))]
        server.shutdown()

    assert {mark.category for mark in marks} == {"mark.inconclusive.c2pa"}
    assert asked == []


def test_many_threads_read_at_once():
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda kind: read(signed(kind), root()).category, ["JPEG", "PNG", "WEBP"] * 8))

    assert set(found) == {"mark.c2pa.trusted"}


def test_trust_of_ones_own_is_a_file_and_a_wrong_one_stops_the_start(tmp_path: Path):
    pem, wrong = tmp_path / "root.pem", tmp_path / "wrong.pem"
    pem.write_text(root())
    wrong.write_text("no certificate")
    classifier = Provenance(ProvenanceOptions(trust=(str(pem),)))
    classifier.load()
    (found,) = classifier.classify([classifier.prepare(ImagePart(signed()))])

    assert [f.category for f in found] == ["mark.c2pa.trusted", "mark.ai.generated"]
    for name in (wrong, tmp_path / "none.pem"):
        with pytest.raises(WeightsError, match="trust list"):
            Provenance(ProvenanceOptions(trust=(str(name),))).load()
        with pytest.raises(WeightsError, match="trust list"):
            TextProvenance(TextProvenanceOptions(trust=(str(name),))).load()


TEXT = (DATA / "signed.txt").read_text("utf-8")
"""Signed by c2patxt 0.2.0."""


def of_text(text: str) -> list[Mark]:
    classifier = TextProvenance()
    classifier.load()
    return list(classifier.inspect(View.of(text)).marks)


def test_a_signed_text_is_intact_and_a_changed_one_is_tampered_with():
    (whole,) = of_text(TEXT)
    (changed,) = of_text(TEXT.replace("slowly", "quickly"))
    (longer,) = of_text(TEXT + " And more.")

    assert (whole.status, whole.asserts) == (Status.INTACT, Asserts.AI)
    assert TEXT[slice(*(whole.location or ()))].startswith("\ufeff")
    assert {changed.category, longer.category} == {"mark.tampered.c2pa"}


def test_another_form_of_the_same_letters_is_the_same_text():
    text = unicodedata.normalize("NFD", TEXT)

    assert of_text(text)[0].status is Status.INTACT


@pytest.mark.parametrize(
    "front",
    [
        f"AIGC: {marked.TEXT}",
        "title: x\nAIGC:\n" + "\n".join(f"  {key}: '{value}'" for key, value in marked.LABEL.items()) + "\ntags: y",
    ],
)
def test_a_label_in_the_front_matter_of_markdown_is_read(front: str):
    (mark,) = of_text(f"---\n{front}\n---\n# A page\n")

    assert (mark.category, mark.issuer) == ("mark.aigc_label", marked.LABEL["ContentProducer"])
    assert of_text(f"# A page\n\n{front}\n") == []


def test_a_damaged_wrapper_is_inconclusive_and_two_are_a_conflict():
    assert of_text(TEXT[:-200])[0].status is Status.INCONCLUSIVE
    assert of_text(TEXT + TEXT)[0].status is Status.CONFLICT
    assert of_text("\ufeff" + "\ufe00" * 40) == []
    assert c2pa_text.wrappers("") == []


def test_a_manifest_in_text_is_no_hidden_payload_but_goes_by_its_name():
    (found,) = TextMarks().classify([TEXT])

    assert [(f.category, f.span) for f in found] == [("mark.text.invisible.c2pa", of_text(TEXT)[0].location)]


def test_a_manifest_in_text_that_ends_in_any_byte_is_seen_to_its_end():
    (found,) = TextMarks().classify(["said" + c2pa_text.wrapped(b"a manifest\x0f") + " more"])

    assert [(f.category, f.span) for f in found] == [("mark.text.invisible.c2pa", (4, 29))]
