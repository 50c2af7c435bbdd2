from __future__ import annotations

import functools
import time
from importlib import resources
from pathlib import Path

import pytest

from classifiers.keywords import BUILTIN, Keywords
from guard import registry, taxonomy
from guard.content import View
from guard.errors import RegistryError

ROOT = Path(__file__).parent.parent.parent
OWN = {"deal": ["Project  Falcon", "猎鹰计划", "C++", "naïve", "ass"], "empty": []}


def made(**options: object) -> Keywords:
    classifier = registry.create("keywords", {"builtin": [], **options})
    classifier.load()
    assert isinstance(classifier, Keywords)
    return classifier


@functools.cache
def builtin() -> Keywords:
    return made(builtin=list(BUILTIN))


def found(classifier: Keywords, text: str) -> list[tuple[str, str]]:
    """``(category, characters)`` of every finding."""
    (findings,) = classifier.classify([classifier.prepare(View.of(text))])
    return [(f.category, text[slice(*f.span)]) for f in findings if f.span]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("PROJECT falcon", ["PROJECT falcon"]),
        ("project\n\t falcon.", ["project\n\t falcon"]),
        ("ｐｒｏｊｅｃｔ　Ｆａｌｃｏｎ", ["ｐｒｏｊｅｃｔ　Ｆａｌｃｏｎ"]),
        ("这是猎鹰计划吗", ["猎鹰计划"]),
        ("in C++, not c++x", ["C++"]),
        ("NAI\u0308VE naïve", ["NAI\u0308VE", "naïve"]),
        ("ass ass, ASS", ["ass", "ass", "ASS"]),
        ("ﬁne ass", ["ass"]),
    ],
)
def test_a_word_is_found_as_it_is_written(text: str, values: list[str]):
    assert found(made(lists=OWN), text) == [("custom.deal", value) for value in values]


@pytest.mark.parametrize(
    "text", ["a class of assassins", "projectfalcon", "naïveté", "猎鹰 计划", "ассass1", "äss assé", ""]
)
def test_a_word_inside_another_is_left_alone(text: str):
    assert found(made(lists=OWN), text) == []


def test_the_longer_phrase_wins_within_a_list_and_lists_do_not_hide_each_other():
    classifier = made(lists={"one": ["red", "red fox"], "two": ["red"]})

    assert found(classifier, "a red fox") == [("custom.two", "red"), ("custom.one", "red fox")]


def test_a_pattern_sees_the_text_as_it_is_written():
    classifier = made(patterns={"ticket": [r"\bABC-\d{4}\b", r"(?i)\bcase (\d+)"]})

    assert found(classifier, "①ABC-1234, abc-1234, Case 77") == [("custom.ticket", "ABC-1234"), ("custom.ticket", "77")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patterns": {"x": [r"a(?=b)"]}}, r"patterns\.x.*RE2 refuses it: invalid perl operator"),
        ({"patterns": {"x": ["fine", "(open"]}}, r"patterns\.x.*missing \)"),
        ({"patterns": {"x": ["a{5000}"]}}, "repetition"),
    ],
)
def test_a_pattern_that_re2_cannot_use_is_refused_with_the_reason(options: dict[str, object], message: str):
    with pytest.raises(RegistryError, match=message):
        made(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lists": {"Bad Name": ["x"]}}, "cannot be the name of a list"),
        ({"lists": {"x": ["  "]}}, "empty word"),
        ({"lists": {"x": ["x" * 201]}}, "longer than 200"),
        ({"builtin": ["profanty"]}, "did you mean `profanity`"),
        ({"min_score": 7.0}, "between 0 and 1"),
    ],
)
def test_wrong_options_are_refused_with_what_would_be_right(options: dict[str, object], message: str):
    with pytest.raises(RegistryError, match=message):
        registry.create("keywords", options)


def test_a_list_gives_its_category_and_an_empty_one_none():
    given = {"lists": OWN, "patterns": {"ticket": ["a"], "none": []}, "builtin": ["sexual"]}

    assert registry.provides("keywords", given) == {"custom.deal", "custom.ticket", "sexual"}
    assert registry.provides("keywords") == {"toxicity.obscene", "sexual", "hate"}
    assert registry.provides("keywords", {"builtin": []}) == frozenset()
    assert made().classify(["anything"]) == [[]]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("what the fuck", "toxicity.obscene"),
        ("bullshit!", "toxicity.obscene"),
        ("你他妈的是傻逼吗", "toxicity.obscene"),
        ("a blowjob", "sexual"),
        ("看她的巨乳", "sexual"),
        ("dirty faggots", "hate"),
        ("那些黑鬼", "hate"),
    ],
)
def test_the_built_in_lists_know_the_words_of_both_languages(text: str, category: str):
    assert category in {c for c, _ in found(builtin(), text)}


@pytest.mark.parametrize(
    "text",
    [
        "The assassin's class analysed the document in Scunthorpe and Essex.",
        "Sex education, breast cancer and the anal canal are medical topics; go to hell is a phrase.",
        "Homo sapiens, the Maine coon, a chink in the armour and sausages.",
        "若干你的文件需要逼真的处理，汉奸题材的电视剧，和弦练习，牢骚，贵贱不分",
        "他能干你不能干的活，小鸡炖蘑菇，干他们这一行很辛苦",
        "强奸罪的构成要件，性教育，色情网站的治理，阴道炎的治疗",
    ],
)
def test_ordinary_words_are_left_alone(text: str):
    assert found(builtin(), text) == []


def test_a_lower_min_score_brings_the_ordinary_words_in():
    every = made(builtin=list(BUILTIN), min_score=0.0)

    assert ("toxicity.obscene", "cock") in found(every, "the cock sings")
    assert {f.score for f in every.classify(["the cock sings"])[0]} == {0.3}


@pytest.mark.parametrize("name", BUILTIN)
def test_a_list_is_sorted_folded_and_scored(name: str):
    from classifiers._fold import normal

    text = resources.files("classifiers").joinpath(f"data/wordlists/{name}.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    terms = [row[0] for row in rows]

    assert terms == sorted(set(terms))
    assert all(term == " ".join(normal(term).split()) for term in terms)
    assert all(0.0 < float(score) <= 0.95 for _, score, _ in rows)
    assert {source for *_, source in rows} <= {"surge", "ldnoobw", "sexhatelex", "own"}
    assert taxonomy.is_known(BUILTIN[name])


@pytest.mark.parametrize("name", BUILTIN)
def test_every_term_of_a_list_is_found_in_itself(name: str):
    every = made(builtin=[name], min_score=0.0)
    text = resources.files("classifiers").joinpath(f"data/wordlists/{name}.tsv").read_text("utf-8")
    terms = [line.split("\t")[0] for line in text.splitlines()]

    assert [term for term, findings in zip(terms, every.classify(terms), strict=True) if not findings] == []


@pytest.mark.parametrize("pattern", ["a", "ass", "fuck ", "操你", "a\u0301", "ﬁ", "\u0315\u0300", "😀", "tit tit"])
def test_no_text_takes_long(pattern: str):
    text = (pattern * 65_536)[:65_536]
    began = time.process_time()
    builtin().classify([text])

    assert time.process_time() - began < 2.0


SOUNDS = {"plan": ["猎鹰计划", "杀人", "操你妈", "女拳师"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("he said lieyingjihua to me", "lieyingjihua"),
        ("Lie Ying Ji Hua", "Lie Ying Ji Hua"),
        ("我想sharen怎么办", "sharen"),
        ("我想sha ren", "sha ren"),
        ("我要sha人", "sha人"),
        ("草泥马！", "草泥马"),
        ("猎英计划", "猎英计划"),
        ("獵英計畫嗎", "獵英計畫"),
        ("女权师", "女权师"),
    ],
)
def test_a_chinese_word_is_found_by_its_sound(text: str, value: str):
    assert found(made(lists=SOUNDS), text) == [("custom.plan", value)]


@pytest.mark.parametrize(
    "text", ["share it", "沙人", "sha la ren", "the made man", "lie ying", "他计划猎鹰", "sharent"]
)
def test_what_sounds_like_less_than_a_word_is_left_alone(text: str):
    assert found(made(lists=SOUNDS), text) == []


def test_a_word_by_its_sound_counts_less_and_only_if_wanted():
    text = "操你妈，草泥马"
    (both,) = made(lists=SOUNDS).classify([text])
    (one,) = made(lists=SOUNDS, sounds=False).classify([text])

    assert [(f.score, f.evidence) for f in both] == [(1.0, "list plan"), (0.9, "list plan, by sound")]
    assert [f.span for f in one] == [(0, 3)]


def test_the_slurs_that_are_puns_are_not_looked_for_by_sound():
    assert found(builtin(), "女权是一种主张") == []
    assert found(builtin(), "你个caonima") == [("toxicity.obscene", "caonima")]


@pytest.mark.parametrize("text", ["chusheng: 2001", "yin shui ji", "jianren buba", "feiwu", "nanren", "biao zi"])
def test_pinyin_that_ordinary_words_have_too_is_of_no_built_in_list_but_of_ones_own(text: str):
    own = made(lists={"own": ["畜生", "饮水", "贱人", "废物", "男人", "婊子"]})

    assert found(builtin(), text) == []
    assert [category for category, _ in found(own, text)] == ["custom.own"]


@pytest.mark.parametrize(
    ("text", "held"), [("他说我要shar", "shar"), ("他说草泥", "草泥"), ("他说猎英", "猎英"), ("他说完了。", "")]
)
def test_a_word_by_its_sound_may_go_on(text: str, held: str):
    assert text[made(lists=SOUNDS).pending(text) :] == held


def test_ordinary_requests_have_no_words_by_sound():
    for language in ("en", "zh"):
        asked = (ROOT / f"benchmarks/data/requests_{language}.txt").read_text("utf-8").splitlines()
        heard = [
            f for some in builtin().classify(asked) for f in some if (f.evidence or "").endswith(("sound", "pinyin"))
        ]

        assert len(asked) >= 500
        assert heard == []
