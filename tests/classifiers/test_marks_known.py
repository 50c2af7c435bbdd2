"""Known content: fingerprints are those of the reference libraries; copies are found, others are not."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifiers import _winnow
from classifiers.match import Match
from classifiers.text_match import TextMatch
from guard.classifier import Classifier, parse_options
from guard.content import ImagePart, View
from guard.errors import RegistryError, WeightsError
from guard.media.marks import prints

DATA = Path(__file__).parent.parent / "data" / "marks"
GOLDEN = {
    "sdxl": ("e01b9fe4687b970468fb94046bfb94076ff8800777d4882b76dce93b32c46532", "dd26116e1dea1762", 100),
    "flux": ("a5c7d1e679661f78c597e7e600b6ff60021e8682a3fae0087c597a4ec7df0580", "9bc07d3d4d883f30", 100),
    "sd1": ("87d22a5806927a195e87a178fe1ab42fb80f05f8015afe815fefaaf4aaf82a19", "c0cd1f977ac02d0f", 100),
}


def picture(kind: str) -> Image.Image:
    return Image.open(DATA / f"dwtdct_{kind}.webp").convert("RGB")


@pytest.mark.parametrize("kind", GOLDEN)
def test_fingerprints_are_those_of_pdqhash_and_imagehash(kind: str):
    pdq, phash, quality = GOLDEN[kind]
    seen = prints.prints(picture(kind))

    assert (seen.pdq.tolist(), seen.phash.tolist()) == (prints.parse(pdq).tolist(), prints.parse(phash).tolist())
    assert seen.quality == quality


def matching(tmp_path: Path, *lines: str) -> Match:
    path = tmp_path / "known.txt"
    path.write_text("\n".join(("# known", *lines)) + "\n")
    made = Match(parse_options("match", Match, {"lists": {str(path): "intellectual_property"}}))
    made.load()
    return made


def categories(classifier: Match, image: Image.Image, kind: str = "PNG", **options: object) -> list[str]:
    file = io.BytesIO()
    image.save(file, kind, **options)
    (found,) = classifier.classify([classifier.prepare(ImagePart(file.getvalue()))])
    return [finding.category for finding in found]


@pytest.mark.parametrize("which", [0, 1])
def test_copies_of_a_listed_picture_are_found_and_others_are_not(tmp_path: Path, which: int):
    classifier = matching(tmp_path, f"{GOLDEN['sd1'][which]}, a name")
    image = picture("sd1")

    for copy in (image, image.resize((640, 640)), image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
        assert categories(classifier, copy) == ["intellectual_property"]
    assert categories(classifier, image, "JPEG", quality=30) == ["intellectual_property"]
    for kind in ("sdxl", "flux"):
        assert categories(classifier, picture(kind)) == []


def test_a_plain_picture_is_inconclusive(tmp_path: Path):
    assert categories(matching(tmp_path, GOLDEN["sd1"][0]), Image.new("RGB", (99, 99))) == ["mark.inconclusive.match"]


def test_a_million_entries_are_searched(tmp_path: Path):
    entries = np.random.default_rng(0).integers(0, 2**63, (1_000_000, 4), dtype=np.uint64)
    known = prints.Known(entries, np.zeros((0, 1), dtype=np.uint64))
    near = entries[777_777].copy()
    near[2] ^= np.uint64(0b10110001)

    assert known.nearest(prints.Prints(near, near[:1], 100)) == ("pdq", 4)
    assert known.nearest(prints.Prints(~near, near[:1], 100)) is None


@pytest.mark.parametrize("line", ["zz", "ab" * 31, "ab" * 33, "é"])
def test_a_line_that_is_none_stops_the_start_with_its_number(tmp_path: Path, line: str):
    with pytest.raises(WeightsError, match=r"known\.txt:2: should be 64"):
        matching(tmp_path, line)


@pytest.mark.parametrize(("name", "cls"), [("match", Match), ("text_match", TextMatch)])
def test_a_category_that_is_none_is_refused(name: str, cls: type[Classifier[object]]):
    with pytest.raises(RegistryError, match="is no category"):
        parse_options(name, cls, {"lists" if name == "match" else "texts": {"x": "nonsense"}})
    assert cls.provides(parse_options(name, cls, {})) == frozenset()


HERON = (
    "Of the heron, who stood all night in the reeds and counted the lamps of the boats: she knew that the last one "
    "would not come in, and that nobody on the shore had yet begun to wait for it, since waiting is learnt by "
    "those who "
    "sleep. "
)
RIVER = (
    "苍鹭整夜站在芦苇丛里，数着渔船上的灯火；它知道最后一盏灯不会回来，而岸上的人还没有开始等待，"
    "因为等待是睡着的人才学会的事情，醒着的人只会数灯，一遍又一遍，直到天亮，直到潮水把它们都带走。"
)


def protecting(tmp_path: Path) -> TextMatch:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text(f"A beginning of its own. {HERON} And an end.")
    (folder / "b.txt").write_text(f"开头。{RIVER}结尾。")
    made = TextMatch(parse_options("text_match", TextMatch, {"texts": {str(folder): "intellectual_property"}}))
    made.load()
    return made


@pytest.mark.parametrize("own", [HERON, RIVER])
def test_a_long_run_of_a_protected_text_is_found_with_its_span(tmp_path: Path, own: str):
    classifier = protecting(tmp_path)
    before, after = "Here is what I remember of it. 以下是我记得的。 ", " Was that right? 对吗？"
    for copy in (own, own.upper(), own.replace(" ", "  \n").replace("，", ",")):
        (found,) = classifier.classify([classifier.prepare(View.of(before + copy + after))])
        start, end = found[0].span or (0, 0)

        assert [f.category for f in found] == ["intellectual_property"]
        assert abs(start - len(before)) <= 12
        assert abs(end - len(before) - len(copy)) <= 12


@pytest.mark.parametrize(
    "text", [HERON[:90], RIVER[:30], "The heron stood in the reeds all night, counting boats. " * 5, ""]
)
def test_a_short_quotation_or_another_wording_is_not(tmp_path: Path, text: str):
    assert protecting(tmp_path).classify([text]) == [[]]


def test_hashes_depend_on_every_letter_of_their_run_and_on_nothing_else():
    letters = _winnow.read("abcdefghijklmnopqrstuvwxyz" * 3)
    hashes = _winnow.hashes(letters.units)

    assert len(set(hashes.tolist())) == 26
    assert (hashes[:26] == hashes[26:52]).all()
    assert len(_winnow.hashes(_winnow.read("short").units)) == 0
