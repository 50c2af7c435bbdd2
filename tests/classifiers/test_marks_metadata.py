"""What files declare: labels in every container, source types, generators' traces; damage is never absence."""

import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from classifiers.provenance import Provenance
from guard.classifier import Unreadable
from guard.content import AudioPart, ImagePart, Modality, VideoPart
from guard.media.marks import aigc, generators, metadata
from guard.media.marks.model import Asserts, Mark, Report, Status
from tests.classifiers import marked
from tests.classifiers.marked import CARRIERS, LABEL, TEXT

DATA = Path(__file__).parent.parent / "data" / "marks"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def only(report: Report, family: str) -> Mark:
    (mark,) = [mark for mark in report.marks if mark.family == family]
    return mark


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_compliant_label_is_found_in_every_container(carrier: str):
    report = metadata.read(CARRIERS[carrier])
    mark = only(report, "aigc_label")

    assert (mark.category, mark.asserts, mark.issuer) == ("mark.aigc_label", Asserts.AI, LABEL["ContentProducer"])
    assert report.state == "present"


def test_a_label_written_as_an_attribute_or_bare_in_a_segment_is_found():
    attribute = marked.xmp("", f'TC260:AIGC="{marked.escaped(TEXT)}"')
    data = marked.picture("JPEG")
    bare = data[:2] + b"\xff\xe7" + (6 + len(TEXT)).to_bytes(2) + b"AIGC" + TEXT.encode() + data[2:]

    assert only(metadata.read(marked.picture("JPEG", xmp=attribute)), "aigc_label").status is Status.DECLARED
    assert only(metadata.read(bare), "aigc_label").status is Status.DECLARED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Label": "4"}, "an unknown label"),
        ({"ContentProducer": ""}, "a required value empty"),
        ({"ContentProducer": "某公司"}, "characters outside of ASCII"),
        ({"ProduceID": "a b"}, "characters outside of ASCII"),
        ({"Label": 1}, "a value that is no string"),
        ({"Extra": "x"}, "a field that is none"),
        ({"PropagateID": "p"}, "half a propagator"),
    ],
)
def test_a_label_that_breaks_the_rules_is_malformed(change: dict[str, object], code: str):
    mark = only(metadata.read(marked.png(AIGC=json.dumps({**LABEL, **change}, ensure_ascii=False))), "aigc_label")

    assert mark.category == "mark.malformed.aigc_label"
    assert code in mark.code


@pytest.mark.parametrize("text", ["{", "[1]", "", "no", '{"Label": "1"', '{"Label": "1", "Label": "2"}', "[" * 9_000])
def test_a_label_that_is_none_is_malformed_too(text: str):
    assert only(metadata.read(marked.png(AIGC=text)), "aigc_label").status is Status.MALFORMED


def test_two_labels_are_one_too_many_and_two_that_differ_a_conflict():
    other = json.dumps({**LABEL, "Label": "2"})
    twice = marked.png_with(marked.chunk(b"tEXt", b"AIGC\0" + TEXT.encode()) * 2)
    differing = marked.png_with(
        marked.chunk(b"tEXt", b"AIGC\0" + TEXT.encode()) + marked.chunk(b"tEXt", b"AIGC\0" + other.encode())
    )

    assert {m.category for m in metadata.read(twice).marks} == {"mark.aigc_label", "mark.malformed.aigc_label"}
    assert {m.category for m in metadata.read(differing).marks} == {"mark.conflict.aigc_label"}


@given(st.dictionaries(st.sampled_from(aigc.FIELDS), st.text(max_size=8) | st.integers() | st.none()))
def test_any_object_is_read_as_a_label_or_not_at_all(fields: dict[str, object]):
    label = aigc.read(json.dumps(fields))

    assert label is None or label.issues or set(label.fields) == set(aigc.FIELDS)


@pytest.mark.parametrize(
    ("source", "category"),
    [
        ("trainedAlgorithmicMedia", "mark.ai.generated"),
        ("compositeWithTrainedAlgorithmicMedia", "mark.ai.edited"),
        ("digitalCapture", "mark.human"),
        ("algorithmicMedia", None),
    ],
)
def test_iptc_source_types_say_who_made_it(source: str, category: str | None):
    resource_form = f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{IPTC}{source}"/>'
    for packet in (
        marked.xmp(f"<Iptc4xmpExt:DigitalSourceType>{IPTC}{source}</Iptc4xmpExt:DigitalSourceType>"),
        marked.xmp("", f'Iptc4xmpExt:DigitalSourceType="{IPTC}{source}"'),
        marked.xmp(resource_form),
    ):
        found = categories(marked.picture("JPEG", xmp=packet))

        assert found == {"mark.iptc"} | ({category} if category else set())


def test_an_unknown_source_type_is_malformed():
    packet = marked.xmp("<Iptc4xmpExt:DigitalSourceType>nonsense</Iptc4xmpExt:DigitalSourceType>")

    assert categories(marked.picture("JPEG", xmp=packet)) == {"mark.malformed.iptc"}


A1111 = "a heron\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
COMFY = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (marked.png(parameters=A1111), "a1111"),
        (marked.picture("JPEG", exif=marked.exif({}, b"UNICODE\0" + A1111.encode("utf-16-be"))), "a1111"),
        (marked.picture("JPEG", exif=marked.exif({}, b"UNICODE\0" + A1111.encode("utf-16-le"))), "a1111"),
        (marked.png(prompt=COMFY), "comfyui"),
        (marked.png(workflow=json.dumps({"nodes": [], "links": []})), "comfyui"),
        (marked.png(Software="NovelAI"), "novelai"),
        (marked.png(invokeai_metadata=json.dumps({"seed": 1})), "invokeai"),
        (
            marked.picture(
                "JPEG",
                exif=marked.exif({0x010E: "Signature: " + "Ab1+" * 20, 0x013B: "3b241101-e2bb-4255-8caf-4136c566a962"}),
            ),
            "xai",
        ),
        (marked.picture("JPEG", exif=marked.exif({0x0131: "Adobe Firefly"})), "named"),
        (marked.wav((b"LIST", b"INFO" + b"ISFT" + b"\x04\0\0\0Suno")), "named"),
    ],
)
def test_traces_of_generators_are_found(data: bytes, kind: str):
    mark = only(metadata.read(data), "generator")

    assert (mark.kind, mark.asserts) == (kind, Asserts.AI)


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": "width=3"},
        {"prompt": "enter your name"},
        {"prompt": json.dumps({"a": {"b": 1}})},
        {"Comment": "Steps: 5, then rest"},
        {"Software": "GIMP 2.10"},
        {"Software": "Imagenes 3"},
        {"Description": "A job well done"},
        {"workflow": json.dumps({"name": "release"})},
    ],
)
def test_key_names_alone_are_no_trace(texts: dict[str, str]):
    assert metadata.read(marked.png(**texts)).state == "absent"


def test_a_person_called_like_a_product_is_no_trace():
    assert list(generators.traces([("Artist", "Sora Tanaka"), ("Artist", "Grok"), ("Software", "Soraya 1")])) == []


def categories(data: bytes) -> set[str]:
    classifier = provenance()
    (found,) = classifier.classify([classifier.prepare(ImagePart(data))])
    return {finding.category for finding in found}


def provenance() -> Provenance:
    classifier = Provenance()
    classifier.load()
    return classifier


def test_findings_hold_no_words_of_the_file():
    classifier = provenance()
    secret = "SecretCompany123456"
    data = marked.png(AIGC=json.dumps({**LABEL, "ContentProducer": secret}), Software=f"NovelAI {secret}")
    (found,) = classifier.classify([classifier.prepare(ImagePart(data))])

    assert len(found) == 3
    assert all(secret not in finding.evidence for finding in found)


@pytest.mark.parametrize(
    ("carrier", "part"), [("wav chunk", AudioPart), ("mp4", VideoPart), ("mp3 ID3 2.4", AudioPart), ("mkv", VideoPart)]
)
def test_sound_and_film_are_read_too(carrier: str, part: type[AudioPart | VideoPart]):
    classifier = provenance()
    (found,) = classifier.classify([classifier.prepare(part(CARRIERS[carrier]))])

    assert {f.category for f in found} == {"mark.aigc_label", "mark.ai.generated"}
    assert {f.modality for f in found} == {part(b"").modality}
    assert part(b"").modality in (Modality.AUDIO, Modality.VIDEO)


@pytest.mark.parametrize("name", ["riff_bomb_1000.wav", "nested_moov_1000.mp4", "tiff_poc.tiff",
                                  "id3v23_compression_underflow.mp3"])  # fmt: skip
def test_hostile_containers_are_inconclusive(name: str):
    assert metadata.read((DATA / name).read_bytes()).state == "inconclusive"


def test_hostile_files_take_little_memory_and_time(tmp_path: Path):
    packed = zlib.compress(bytes(256 << 20), 1)
    (tmp_path / "packed.png").write_bytes(marked.png_with(marked.chunk(b"zTXt", b"AIGC\0\0" + packed)))
    (tmp_path / "many.png").write_bytes(marked.png_with(marked.chunk(b"tEXt", b"AIGC\0" + TEXT.encode()) * 20_000))
    (tmp_path / "boxes.mp4").write_bytes(marked.box(b"ftyp", b"isom") + marked.box(b"free") * 500_000)
    (tmp_path / "parens.pdf").write_bytes(b"%PDF-1.7 " + b"/AIGC (" * 200_000)
    (tmp_path / "packets.pdf").write_bytes(b"%PDF-1.7 " + b"<x:xmpmeta " * 200_000)
    (tmp_path / "frames.mp3").write_bytes(b"ID3\3\0\0\x7f\x7f\x7f\x7f" + b"TXXX\0\0\0\1\0\0\0" * 100_000)
    names = sorted(map(str, [*DATA.iterdir(), *tmp_path.iterdir()]))
    code = (
        "import re, sys, time; from pathlib import Path; from guard.media.marks import metadata\n"
        "metadata.read(Path(sys.argv[1]).read_bytes()); slowest = 0\n"
        "for name in sys.argv[2:]:\n"
        "    data = Path(name).read_bytes(); began = time.process_time(); metadata.read(data)\n"
        "    slowest = max(slowest, time.process_time() - began)\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())  # a parent's peak is not in it\n"
        "print(slowest, int(peak[1]) // 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True, timeout=120)
    seconds, megabytes = map(float, run.stdout.split())

    assert seconds < 5
    assert megabytes < 256


def test_a_packet_that_explodes_is_inconclusive():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + marked.xmp(
        "<xmp:CreatorTool>&b;</xmp:CreatorTool>"
    )
    deep = b"<a>" * 5_000 + b"</a>" * 5_000
    packed = marked.png_with(marked.chunk(b"zTXt", b"AIGC\0\0" + zlib.compress(bytes(16 << 20))))

    for data in (marked.png_xmp(bomb), marked.png_xmp(deep), packed):
        report = metadata.read(data)

        assert report.state == "inconclusive"
        assert {mark.category for mark in report.marks} == {"mark.inconclusive.metadata"}


def test_a_damaged_chunk_is_inconclusive_and_a_broken_file_unreadable():
    whole = marked.png(AIGC=TEXT)
    at = whole.index(b"AIGC") + 30
    damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]

    assert metadata.read(damaged).state == "inconclusive"
    with pytest.raises(Unreadable):
        provenance().prepare(ImagePart(whole[:60]))
    with pytest.raises(Unreadable):
        provenance().prepare(AudioPart(b"nothing that is known"))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_damage_of_any_container_is_an_error_or_takes_long(carrier: str):
    draw, whole = random.Random(carrier), CARRIERS[carrier]
    began = time.process_time()
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 4, 40))):
            data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7F, 0xFF, draw.randrange(256)))
        if draw.random() < 0.4:
            data = data[: draw.randrange(len(data))]
        assert metadata.read(bytes(data)).state in {"present", "bad", "inconclusive", "absent"}

    assert time.process_time() - began < 40


@pytest.mark.parametrize("carrier", CARRIERS)
@settings(max_examples=15, deadline=None)
@given(keep=st.floats(0, 1))
def test_what_is_cut_short_never_raises(carrier: str, keep: float):
    whole = CARRIERS[carrier]

    assert metadata.read(whole[: int(keep * len(whole))]) is not None
