"""Gibberish, loops and wrong languages are seen; what people write is not."""

from __future__ import annotations

import random
import re
import time
from importlib.resources import files

import pytest
from hypothesis import given, settings, strategies as st

from classifiers.quality_text import QualityText, QualityTextOptions, repeated
from guard import registry
from guard.content import View
from guard.errors import RegistryError

LOADED: dict[tuple[str, ...], QualityText] = {}
CORPUS = {
    language: files("guard.demo").joinpath(f"corpus_{language}.txt").read_text("utf-8") for language in ("en", "zh")
}


def found(text: str, *languages: str) -> dict[str, float]:
    if languages not in LOADED:
        LOADED[languages] = QualityText(QualityTextOptions(languages))
        LOADED[languages].load()
    one = LOADED[languages]
    (findings,) = one.classify([one.prepare(View.of(text))])
    return {finding.category.partition(".")[2]: finding.score for finding in findings}


def drawn(characters: str, length: int = 300, seed: int = 1) -> str:
    draw = random.Random(seed)
    return "".join(draw.choice(characters) for _ in range(length))


SOUND = {
    "English": "Your parcel left the warehouse this morning, and the courier will ring the bell before nine tomorrow.",
    "Chinese": "您的包裹今天早上已经发出，快递员明天九点之前会按门铃，如果您不在家，可以请邻居代收。",
    "traditional Chinese": "您的包裹今天早上已經發出，快遞員明天九點之前會按門鈴，如果您不在家，可以請鄰居代收。",
    "German": "Die Lieferung dauert in der Regel drei bis fünf Werktage, und wir schicken Ihnen eine Nachricht.",
    "French": "La livraison prend en général trois à cinq jours ouvrables, et nous vous envoyons un message.",
    "Turkish": "Teslimat genellikle üç ila beş iş günü sürer ve paket yola çıkar çıkmaz size mesaj göndeririz.",
    "Vietnamese": "Thời gian giao hàng thường là từ ba đến năm ngày làm việc, và chúng tôi sẽ gửi cho bạn tin nhắn.",
    "pinyin": "ni hao wo xiang wen yi xia zhe ben shu shen me shi hou ke yi dao huo xie xie nin de bang zhu",
    "Russian": "Доставка обычно занимает от трёх до пяти рабочих дней, и мы отправим вам сообщение.",
    "names": "Mrs Krzyzewski, Mr Nguyen and Dr Schwarzkopf met the Tchaikovsky choir in Szczecin, near the station.",
    "code": "Run:\n```\nfor k in sorted(d): print(k, d[k], xs[qz(k)], mdl.cfg.vqgan)\n```\nand read what it prints.",
    "keys": "Your key is sk8dhfkjqwhe7xkz and its digest 9f86d081884c7d659a2feaa0c55ad015; keep them safe.",
    "laughter": "哈哈哈哈哈哈，太好笑了，我把这个故事讲给朋友听，他们也都笑得停不下来。",
    "a table": "| name | price |\n| --- | --- |\n" + "\n".join(f"| item {n} | {n * 7} |" for n in range(12)),
    "a refrain": "Row, row, row your boat, gently down. Merrily, merrily, merrily, merrily, life is but a dream.",
    "a short answer": "Yes.",
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND)
def test_what_people_write_passes(text: str):
    assert {name: score for name, score in found(text).items() if score >= 0.5} == {}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_of_good_answers_pass_and_are_in_their_language(language: str):
    for page in CORPUS[language].split("\n\n"):
        assert {name: score for name, score in found(page, language).items() if score >= 0.5} == {}, page


@pytest.mark.parametrize(
    "text",
    [
        "asdkjfh qwoeiru zxmcnvb alskdjf qpwoeir zmxncbv dkfjgh wieury",
        drawn("abcdefghijklmnopqrstuvwxyz     "),
        drawn("".join(re.findall("[\u4e00-\u9fff]", CORPUS["zh"]))),
        drawn("".join(map(chr, range(0x4E00, 0x9FA5)))),
        "锟斤拷锟斤拷烫烫烫烫烫烫屯屯屯屯锟斤拷",
        "The answer is \ufffd\ufffd\ufffd\ufffd of the \ufffd\ufffd\ufffd.",
        SOUND["English"] * 3 + " " + drawn("abcdefghijklmnopqrstuvwxyz     ", 400),
    ],
    ids=["keys hit", "letters", "usual characters", "characters", "lost", "unreadable", "good at first"],
)
def test_gibberish_is_seen(text: str):
    assert found(text)["gibberish"] >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "I am sorry about that. " * 12,
        "我很抱歉给您带来不便。" * 12,
        "a" * 400,
        "!?" * 100,
        CORPUS["en"][:3000] + "and then, and then, " * 40,
        CORPUS["zh"][:1500] + "然后我们就走了，" * 30,
    ],
    ids=["a sentence", "一句话", "a letter", "marks", "a loop in the end", "最后的循环"],
)
def test_loops_are_seen(text: str):
    assert found(text)["repetition"] >= 0.8


def test_a_language_is_wrong_only_where_others_are_asked_for():
    assert "wrong_language" not in found(SOUND["Russian"])
    assert found(SOUND["Russian"], "en", "zh")["wrong_language"] == 1.0
    assert found(SOUND["German"], "en")["wrong_language"] == 1.0
    assert found(SOUND["Chinese"], "en")["wrong_language"] > 0.9
    assert found(SOUND["English"], "zh")["wrong_language"] > 0.9
    assert found("これはとても良い本だと思いますので、ぜひ読んでください。", "zh")["wrong_language"] == 1.0
    for text in (SOUND["English"], SOUND["Chinese"], "我想买《Harry Potter and the Goblet of Fire》这本书，有货吗？"):
        assert found(text, "en", "zh").get("wrong_language", 0.0) < 0.5


def test_languages_that_cannot_be_told_apart_are_refused_with_those_that_can():
    with pytest.raises(RegistryError, match=r"`xx`.*\ben\b.*\bzh\b"):
        registry.create("quality_text", {"languages": ["en", "xx"]})
    assert "quality.wrong_language" not in registry.provides("quality_text")
    assert "quality.wrong_language" in registry.provides("quality_text", {"languages": ["en"]})


def test_it_does_not_make_a_text_checked():
    assert not QualityText.vouches


@pytest.mark.parametrize("piece", ["a", "a.", "`", "| ", ".\n", "a\u0301", "的", "\ufffd", "a-", "``` "])
def test_a_text_of_any_length_is_measured_in_time_in_proportion(piece: str):
    began = time.process_time()
    found(piece * 20_000)
    assert time.process_time() - began < 10  # what is not in proportion takes minutes


@given(st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_measures_are_shares(text: str):
    assert all(0.0 < score <= 1.0 for score in found(text, "en").values())
    assert 0.0 <= repeated(text * 3) <= 1.0
