"""What a generator streams: answers of about 2,000 tokens, English and Chinese, and the tokens they come in.

The sentences are plain prose, lists and figures as assistants write them, in an order that is always the same. Nothing
in them is anything that a bundled policy acts on.
"""

from __future__ import annotations

import json
import random
import re

TOKENS = 2_000
"""Tokens of an answer, about."""

_ENGLISH = (
    "Heat pumps move heat rather than make it, which is why one unit of electricity can bring three or four of warmth.",
    "That ratio depends on the temperature outside, on that of the water in the radiators, and on the planning.",
    "Start with the losses of the building.",
    "A house that was insulated after 1995 usually needs between 40 and 60 watts per square metre on the coldest day.",
    "Older houses need more, and there the first money is better spent on the roof and the windows.",
    "Does that mean an old house cannot have one?",
    "Not at all; it means the radiators may have to grow.",
    "The flow temperature is the number to look at: below 45 degrees the machine works well, above 55 it struggles.",
    "You can find out for yourself on a cold week-end by turning the boiler down step by step and watching the rooms.",
    "If every room stays warm at 50 degrees, no radiator has to be changed.",
    "If one of them does not, it is usually the bathroom, where people expect 24 degrees and the radiator is small.",
    "Noise is the second question people ask.",
    "Modern outdoor units are about as loud as a quiet conversation at three metres, and much quieter at night.",
    "Still, place it away from bedrooms, and never in a corner between two walls, where the sound is thrown back.",
    "Most neighbours never notice; those who do are nearly always on the side where the fan blows.",
    "The costs come in three parts: the machine, the installation, and the changes to the building around it.",
    "Offers for the same house differ by half, so ask for at least three and compare what each of them leaves out.",
    "A good offer names the model, the heat load that was calculated, and the flow temperature it was designed for.",
    "Be careful with offers that promise savings in per cent without naming the price of electricity they assume.",
    "Maintenance is simple, but it should not be forgotten.",
    "Once a year somebody should clean the heat exchanger, check the pressure, and read the controller's error log.",
    "Between those visits there is little to do except to keep leaves and snow away from the outdoor unit.",
    "In summer the same machine can cool a little, if the floor heating was made for it and the humidity is watched.",
    "Finally, think about the order of the steps, because doing them in the wrong order is the most expensive mistake.",
)
_CHINESE = (
    "热泵并不产生热量，而是把室外的热量搬到室内，所以一度电可以带来三到四度电的热。",
    "这个比例取决于室外温度、暖气片里的水温，以及安装方案设计得是否合理。",
    "第一步是弄清楚房子的热损失。",
    "一九九五年以后做过保温的住宅，在最冷的日子里每平方米通常需要四十到六十瓦。",
    "更老的房子需要得更多，这时候先把钱花在屋顶和窗户上往往更划算。",
    "那么，老房子就不能装热泵了吗？",
    "当然不是，只是暖气片可能要换大一些。",
    "最该关注的数字是供水温度：低于四十五度时机器很轻松，高于五十五度就比较吃力。",
    "您可以在一个寒冷的周末自己试一试，把锅炉的温度一点一点调低，看看各个房间是否还暖和。",
    "如果五十度时每个房间都够暖，就一片暖气片也不用换。",
    "如果有一个房间不够暖，多半是浴室，因为那里希望有二十四度，而暖气片又小。",
    "大家问得第二多的问题是噪音。",
    "现在的室外机在三米远处和小声说话差不多，夜里还会更安静。",
    "不过还是不要装在卧室旁边，也不要装在两面墙的夹角里，那里的声音会被反射回来。",
    "费用由三部分组成：机器本身、安装费用，以及房屋需要做的改动。",
    "同一栋房子的报价可以相差一半，所以至少要三份报价，并比较每一份都没有包括什么。",
    "好的报价会写明型号、计算出来的热负荷，以及设计时采用的供水温度。",
    "如果一份报价只说能省百分之多少，却不写电价是按多少算的，就要小心。",
    "保养很简单，但也不能忘记。",
    "每年应当请人清洗一次换热器，检查压力，并读取控制器里的故障记录。",
    "夏天同一台机器还可以稍微降温，前提是地暖适合这样用，并且注意空气的湿度。",
    "最后要想清楚各个步骤的先后，因为顺序错了，往往就是最贵的错误。",
)
LANGUAGES = {"en": _ENGLISH, "zh": _CHINESE}
_TOKEN = re.compile(r" ?[A-Za-z']{1,7}| ?\d{1,3}|\n+| |[\u3400-\u9fff]{1,2}|.", re.DOTALL)


def tokens(language: str) -> list[str]:
    """The answer of *language*, piece by piece."""
    return _TOKEN.findall(text(language))[:TOKENS]


def text(language: str) -> str:
    """The answer whole: paragraphs, a heading and a list every now and then."""
    order = random.Random(7)  # always the same
    space = " " if language == "en" else ""
    pieces: list[str] = []
    size = 0
    while size < TOKENS * 6:
        some = order.sample(LANGUAGES[language], 5)
        if len(pieces) % 4 == 3:
            piece = "\n".join(f"{number}. {one}" for number, one in enumerate(some[:4], 1))
        else:
            piece = space.join(some)
        pieces.append(piece)
        size += len(piece)
    return "\n\n".join(pieces)


def answer(language: str, count: int = TOKENS) -> str:
    """What the first *count* tokens say together."""
    return "".join(tokens(language)[:count])


def frames(language: str) -> list[bytes]:
    """The answer as the server-sent events of a chat completion: a role, an event for each token, the end."""
    first = _frame({"role": "assistant", "content": ""})
    return [first, *(_frame({"content": token}) for token in tokens(language))]


def _frame(delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-Bk3xQmR7vJtYw2",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "stub-1",
        "service_tier": "default",
        "system_fingerprint": "fp_5c1a9e",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    written = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + written.encode() + b"\n\n"


END = _frame({}, "stop") + b"data: [DONE]\n\n"
