from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guard.content import AudioPart, Content, Direction, ImagePart, OpaquePart, TextPart, VideoPart
from guard.corpus.columns import EVERYTHING, Columns, Named, choose
from guard.corpus.records import Record, Unfit, content_of
from guard.corpus.source import CorpusError
from guard.protocols.native import text_content
from tests.corpus.test_inputs import picture

WAVE = b"RIFF\x24\0\0\0WAVEfmt "
FILM = b"\0\0\0\x18ftypmp42" + b"\0" * 16


def content(row: dict[str, Any], columns: Columns | None = None, folder: str = "", **named: Any) -> Content:
    chosen = columns or choose("it", Named(**named), [row])
    return content_of(Record(0, "", row, chosen, folder), Direction.OUTPUT, "en", 2**20)


def test_a_text_alone_is_the_same_content_as_that_of_a_check():
    row = {"id": 1, "text": "write to ana@example.org", "lang": "en"}

    made, checked = content(row), text_content(row["text"], Direction.OUTPUT, "")

    assert [(p.text, p.pointer, p.kind, p.role) for p in made.parts if isinstance(p, TextPart)] == [
        (p.text, p.pointer, p.kind, p.role) for p in checked.parts if isinstance(p, TextPart)
    ]


@pytest.mark.parametrize(
    ("row", "texts", "media", "messages", "left"),
    [
        ({"id": 1, "text": "a", "label": 0}, ("text",), (), (), ("label",)),
        ({"prompt": "a", "response": "b", "lang": "en"}, ("prompt", "response"), (), (), ("lang",)),
        ({"Notes": "a", "uid": "x"}, ("Notes",), (), (), ()),
        ({"messages": [{"role": "user", "content": "a"}]}, (), (), ("messages",), ()),
        ({"conversations": [{"from": "human", "value": "a"}], "id": "1"}, (), (), ("conversations",), ()),
        ({"image": {"bytes": b"x", "path": None}, "caption": "a"}, ("caption",), ("image",), (), ()),
        ({"pixels": picture()}, (), ("pixels",), (), ()),
        ({"image": "a.png"}, (), ("image",), (), ()),
    ],
)
def test_columns_are_inferred_and_what_is_not_judged_is_said(row, texts, media, messages, left):
    chosen = choose("it", Named(), [row])

    assert (chosen.texts, chosen.media, chosen.messages, chosen.left) == (texts, media, messages, left)
    assert chosen.inferred


def test_a_column_that_is_not_there_is_refused_with_a_hint():
    with pytest.raises(CorpusError, match="did you mean `text`"):
        choose("it", Named(texts=("txet",)), [{"text": "a"}])
    with pytest.raises(CorpusError, match="no column looks like"):
        choose("it", Named(), [{"n": 1}])


def test_several_columns_are_parts_each_with_its_own_place():
    made = content({"prompt": "a", "response": "b"})

    assert [part.pointer for part in made.parts] == ["/prompt", "/response"]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "一"}, {"role": "assistant", "content": "b", "tool_calls": None}],
        [{"from": "human", "value": "一"}, {"from": "gpt", "value": "b"}],
    ],
    ids=["chat", "sharegpt"],
)
def test_messages_are_judged_as_a_conversation_with_roles(messages):
    made = content({"messages": messages})

    assert [(p.text, p.role) for p in made.parts if isinstance(p, TextPart)] == [("一", "user"), ("b", "assistant")]


def test_an_unknown_role_is_unfit_and_never_skipped():
    with pytest.raises(Unfit, match="role"):
        content({"messages": [{"role": "wizard", "content": "a"}]})
    unknown = content({"messages": [{"from": "wizard", "value": "a"}]})
    assert [p.text for p in unknown.parts if isinstance(p, TextPart)] == ["wizard", "a"]


@pytest.mark.parametrize("row", [{}, {"text": None}])
def test_a_record_without_anything_to_judge_is_unfit(row):
    with pytest.raises(Unfit, match="nothing to judge"):
        content(row, Columns(texts=("text",)))


@pytest.mark.parametrize(
    ("data", "kind"),
    [(picture(), ImagePart), (WAVE, AudioPart), (FILM, VideoPart), (b"\x00\x01\x02\xff", OpaquePart), (b"a", TextPart)],
)
def test_a_file_is_what_its_bytes_say(data: bytes, kind: type):
    (part,) = content({"file": data}, EVERYTHING).parts

    assert isinstance(part, kind)


def test_a_picture_named_by_a_path_is_read_only_from_inside_of_the_folder(tmp_path: Path):
    root = tmp_path / "it"
    root.mkdir()
    (root / "a.png").write_bytes(picture())
    (tmp_path / "b.png").write_bytes(picture())
    (root / "out.png").symlink_to(tmp_path / "b.png")

    def parts(name: str) -> list[type]:
        return [type(part) for part in content({"image": name}, folder=str(root)).parts]

    assert parts("a.png") == [TextPart, ImagePart]
    for name in ("../b.png", str(tmp_path / "b.png"), "out.png", "absent.png", "/etc/passwd", "a\0b"):
        assert parts(name) == [TextPart, OpaquePart], name
    assert parts("https://example.org/a.png") == [TextPart, OpaquePart]


def test_a_record_as_deep_as_can_be_is_unfit_and_no_crash():
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]

    with pytest.raises(Unfit, match="deep"):
        content({"text": deep})
