"""Each example behind a real gateway, asked in its own wire shape: what is good passes, what failed does not."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from examples import bot, recommender, serving, writer
from guard import BlockedError, Guard
from guard.audit.sqlite import read
from guard.cli import main
from guard.protocols.generic_loader import load_protocols

NAMES = tuple(name for name in serving.ROUTES if name not in serving.POLICIES)


class Place:
    """The gateway, the generators behind it, and the folder of the records."""

    def __init__(self, url: str, upstream: str, folder: Path) -> None:
        self._gateway, self._generators = (
            httpx.Client(base_url=url, timeout=60),
            httpx.Client(base_url=upstream, timeout=60),
        )
        self.folder = folder

    def ask(self, name: str, body: object, locale: str = "en") -> httpx.Response:
        """Through the gateway."""
        return self._gateway.post(serving.ROUTES[name][0], json=body, headers={"accept-language": locale})

    def unguarded(self, name: str, body: object) -> httpx.Response:
        return self._generators.post(serving.ROUTES[name][0], json=body)

    def close(self) -> None:
        self._gateway.close()
        self._generators.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("examples")
    with serving.guarded(NAMES, folder) as (url, upstream):
        one = Place(url, upstream, folder)
        yield one
        one.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The examples that speak and film."""
    folder = tmp_path_factory.mktemp("studio")
    with serving.guarded(tuple(serving.POLICIES), folder, str(serving.MEDIA)) as (url, upstream):
        one = Place(url, upstream, folder)
        yield one
        one.close()


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    told = answer.json()["problem"]
    return answer.status_code, told["code"], told["message"]


def test_every_example_is_described_and_its_code_and_description_stand_together():
    for name in serving.ROUTES:
        (adapter,) = load_protocols([str(serving.HERE / f"{name}.yaml")])
        assert adapter.routes == (serving.ROUTES[name][0],)
        assert (serving.HERE / f"{name}.py").is_file()


def test_the_bot_answers_in_turns_and_in_the_language_it_is_asked_in(place: Place):
    first = place.ask("bot", {"session": "a", "say": "How do I return a book?"})
    assert first.headers["x-guard-decision"] == "allow"
    assert first.json()["say"].startswith("You can return a book within thirty days")
    then = place.ask("bot", {"session": "a", "say": "and who pays for it?"}).json()
    assert (then["turn"], then["sources"][0]["question"]) == (2, "Who pays for the return?")

    chinese = place.ask("bot", {"session": "b", "say": "怎么退货？"}, "zh").json()
    assert chinese["say"].startswith("收到书后三十天内都可以退货")


@pytest.mark.parametrize(
    ("locale", "say", "told"), [("en", "Oh, shut up!", "polite"), ("zh", "你给我闭嘴！", "文明用语")]
)
def test_the_bot_is_not_asked_what_is_rude(place: Place, locale: str, say: str, told: str):
    status, code, message = problem(place.ask("bot", {"session": f"rude-{locale}", "say": say}, locale))
    assert (status, code) == (400, "content_filter")
    assert told in message
    heard = place.ask("bot", {"session": f"rude-{locale}", "say": "How do I return a book?"}).json()
    assert heard["turn"] == 1, "the refused turn never reached the bot"


def test_the_recommender_never_sees_private_data(place: Place):
    likes = "quiet stories of the coast, write to ana@example.org"
    answer = place.ask("recommender", {"reader": {"likes": likes, "has_read": ["Rust"]}, "count": 2})
    assert answer.headers["x-guard-decision"] == "redact"
    body = answer.json()
    assert len(body["items"]) == 2
    assert "ana@example.org" not in answer.text
    assert body["for"].startswith("quiet stories of the coast, write to <EMAIL")
    assert all(item["blurb"] and item["title"] != "Rust" for item in body["items"])


def test_a_field_that_no_description_names_is_refused(place: Place):
    body = {"reader": {"likes": "stories of the sea", "diary": "x"}}
    assert place.ask("recommender", body).status_code == 400
    assert place.unguarded("recommender", body).status_code == 200


def test_what_a_writer_writes_before_it_has_learned_to_is_withheld(place: Place):
    asked = {"begin": "We send", "letters": 300, "seed": 1}
    early = {**asked, "checkpoint": "early"}
    assert place.unguarded("writer", early).status_code == 200
    assert problem(place.ask("writer", early)) == (
        400,
        "content_filter",
        "The answer could not be read. Please try again.",
    )
    late = place.ask("writer", {**asked, "checkpoint": "late"})
    assert late.headers["x-guard-decision"] == "allow"
    assert late.json()["text"].startswith("We send")
    assert late.json()["steps"] > 100


@pytest.mark.parametrize("model", ["vae", "gan"])
def test_what_is_drawn_before_anything_was_learned_is_withheld(place: Place, model: str):
    asked = {"digit": 3, "model": model, "seed": 7}
    status, _, message = problem(place.ask("digits", {**asked, "checkpoint": "early"}, "zh"))
    assert (status, message) == (400, "图像没有内容，请重试。")
    late = place.ask("digits", {**asked, "checkpoint": "late"})
    assert late.headers["x-guard-decision"] == "allow"
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(late.json()["sheet"]))))
    assert sheet.shape == (128, 128)


def in_base64(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_a_photo_is_repainted_and_both_pictures_are_looked_at(place: Place):
    photo = Image.fromarray(load_sample_image("china.jpg")).resize((120, 80))
    answer = place.ask("painter", {"photo": in_base64(photo), "style": "flower", "percent": 80})
    assert answer.headers["x-guard-decision"] == "allow"
    painted = Image.open(io.BytesIO(base64.b64decode(answer.json()["picture"])))
    assert painted.size == photo.size
    assert np.abs(np.asarray(painted, float) - np.asarray(photo, float)).mean() > 20
    (record, *_) = read(str(place.folder / "audit.db"))
    assert (record.input["coverage"]["checked"], record.output["coverage"]["checked"]) == (1, 1)


def test_a_photo_of_nothing_comes_back_as_a_refusal(place: Place):
    blank = in_base64(Image.new("RGB", (120, 80), "white"))
    assert (
        problem(place.ask("painter", {"photo": blank, "percent": 0}))[2]
        == "The picture shows nothing. Please try again."
    )
    assert place.ask("painter", {"photo": base64.b64encode(b"no picture").decode()}).status_code == 400


def heard(answer: httpx.Response) -> tuple[int, np.ndarray[Any, Any]]:
    """The rate and the samples of a spoken answer."""
    with wave.open(io.BytesIO(base64.b64decode(answer.json()["sound"]))) as sound:
        return sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


@pytest.mark.parametrize(("voice", "say"), [("en", "The parcel leaves at noon."), ("zh", "包裹中午发出。")])
def test_what_a_voice_says_is_heard_before_anybody_else_hears_it(studio: Place, voice: str, say: str):
    answer = studio.ask("voice", {"say": say, "voice": voice})
    assert answer.headers["x-guard-decision"] == "allow"
    rate, samples = heard(answer)
    assert len(samples) > rate
    assert np.abs(samples).max() > 3000
    (record, *_) = read(str(studio.folder / "audit.db"))
    assert record.output["coverage"]["checked"] == 1


def test_what_only_sounds_rude_is_blocked_once_it_is_spoken(studio: Place):
    asked = {"say": "Please shutt upp now, will you?", "speed": 130}
    assert studio.unguarded("voice", asked).status_code == 200
    assert problem(studio.ask("voice", asked)) == (400, "content_filter", "Please keep it polite.")
    (record, *_) = read(str(studio.folder / "audit.db"))
    assert (record.input["action"], record.output["rules"]) == ("allow", ["block-rude-language"])


@pytest.mark.parametrize("loudness", [0, 1000])
def test_a_recording_that_did_not_come_out_is_withheld(studio: Place, loudness: int):
    answer = studio.ask("voice", {"say": "The parcel leaves at noon.", "loudness": loudness}, "zh")
    assert problem(answer)[2] == "音频生成失败，请重试。"


def test_a_film_is_looked_at_frame_by_frame(studio: Place):
    answer = studio.ask("film", {"from": 3, "to": 8, "seconds": 1})
    assert answer.headers["x-guard-decision"] == "allow"
    with av.open(io.BytesIO(base64.b64decode(answer.json()["film"]))) as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) == answer.json()["frames"] == 12
    assert np.abs(frames[0].astype(float) - frames[-1]).mean() > 10
    status, _, message = problem(studio.ask("film", {"from": 3, "to": 8, "checkpoint": "early"}))
    assert (status, message) == (400, "The film shows nothing. Please try again.")


def test_a_request_that_a_generator_refuses_is_answered_in_its_own_shape(place: Place):
    status, code, message = problem(place.ask("digits", {"digit": 11}))
    assert (status, code) == (400, "bad_request")
    assert "from 0 to 9" in message


def test_every_exchange_has_a_record_without_what_was_said(place: Place):
    before = len(list(read(str(place.folder / "audit.db"))))
    place.ask("bot", {"session": "d", "say": "Is my card 4111 1111 1111 1111 charged?"})
    records = list(read(str(place.folder / "audit.db")))
    assert len(records) == before + 1
    assert "4111" not in str(records)


def test_the_same_functions_are_guarded_inside_of_a_program():
    guard = Guard(str(serving.POLICY))
    with pytest.raises(BlockedError):
        guard.guarded(bot.reply)({"session": "inside", "say": "你给我闭嘴！"})
    with pytest.raises(BlockedError):
        guard.guarded(writer.write)({"begin": "We send", "letters": 300, "checkpoint": "early"})
    likes = guard.guarded(recommender.recommend)({"reader": {"likes": "maps, and mail to ana@example.org"}})["for"]
    assert likes.startswith("maps, and mail to <EMAIL")
    guard.close()


def test_the_command_lists_them_and_shows_one(capsys: pytest.CaptureFixture[str]):
    assert main(["demo", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(serving.ROUTES)

    assert main(["demo", "--generator", "bot"]) == 0
    shown = capsys.readouterr().out
    assert "decision: block (HTTP 400)" in shown
    assert "收到书后三十天内都可以退货" in shown

    assert main(["demo", "--generator", "bott"]) == 1
    assert "`bot`" in capsys.readouterr().err
