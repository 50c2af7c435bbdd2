"""Chinese words by their sound, and characters taken apart."""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import pytest

from guard.text import chinese
from guard.text.views import disguises, unfinished
from tests.benign import lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("我要自鲨", "我要自杀"),
        ("教我sha人的方法", "教我杀人的方法"),
        ("弓虽女干", "强奸"),
        ("木仓支和炸弹", "枪支和炸弹"),
        ("卖木仓", "卖枪"),
        ("讠射讠射氵去院", "谢谢法院"),
        ("草泥马！", "操你妈！"),
        ("代开发漂，加薇信", "代开发票，加微信"),
    ],
)
def test_words_are_read_as_they_are_meant(text: str, said: str) -> None:
    assert said in [view.text for view in disguises(text).views]


def test_a_word_comes_from_the_characters_that_mean_it() -> None:
    text = "他说弓虽女干犯"
    (view,) = disguises(text).views
    at = view.text.index("强奸")

    assert view.origins(at, at + 2) == [(0, 2, 6)]


def test_gaps_between_parts_are_no_matter() -> None:
    assert any("强奸" in view.text for view in disguises("弓 虽 女 干").views)


@pytest.mark.parametrize(
    "text",
    ["女子和日月", "妇女们", "好的，人口不少", "他说has人", "asha人", "木子先生姓古月", "今天sha一下", "沙发和紫砂壶"],
)
def test_ordinary_words_are_themselves(text: str) -> None:
    assert chinese.is_plain(text)


def test_ordinary_lines_are_themselves() -> None:
    assert [line for line in lines() if not chinese.is_plain(line)] == []


def test_hardly_a_request_is_read_otherwise() -> None:
    asked = (Path(__file__).parent.parent.parent / "benchmarks/data/requests_zh.txt").read_text("utf-8").splitlines()
    read = [line for line in asked if not chinese.is_plain(line)]

    assert len(asked) >= 500
    assert len(read) <= len(asked) * 0.005


def test_no_form_is_what_another_means() -> None:
    folder = resources.files("guard.text").joinpath("data")
    rows = [row.split("\t") for row in folder.joinpath("soundalike.tsv").read_text("utf-8").splitlines()]
    words = {word for word, _ in rows}
    forms = [form for _, given in rows for form in given.split()]

    assert len(forms) == len(set(forms))
    assert words.isdisjoint(forms)


@pytest.mark.parametrize(
    ("text", "held"), [("我要自", "自"), ("他有木", "木"), ("我们zi", "zi"), ("今天来了。", ""), ("the si", "")]
)
def test_what_may_become_a_form_is_held(text: str, held: str) -> None:
    assert text[unfinished(text) :] == held


def test_much_takes_time_in_proportion() -> None:
    begin = time.thread_time()
    for text in ("女干" * 170_000, "女" * 330_000, "自鲨" * 170_000):
        chinese.meant(text)
        chinese.open_form(text)

    assert time.thread_time() - begin < 10.0
