"""S15 to S20: nothing unseen, whatever the shape, role, position, part, tool, choice or field."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.acceptance.oracle import Bench, Case, ask, escaped
from tests.fakes import CANARY, HARMLESS, completion

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def said(role: str, content: Any) -> dict[str, Any]:
    """A message of *role* with all that the role must have."""
    return {
        "role": role,
        "content": content,
        **({"tool_call_id": "call_1"} if role == "tool" else {"name": "look_up"} if role == "function" else {}),
    }


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def calling(**function: Any) -> dict[str, Any]:
    """An assistant's message that calls one tool."""
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}", **function}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}, **function}}


def halves(phrase: str) -> tuple[str, str]:
    """*phrase*, cut within its first word: joined without a space it is whole again."""
    return phrase[:5], phrase[5:]


def thirds(phrase: str) -> tuple[str, str, str]:
    return phrase[:4], phrase[4:9], phrase[9:]


def words(phrase: str) -> tuple[str, str]:
    """*phrase*, cut at its space and without it: joined with a space it is whole again."""
    first, _, second = phrase.partition(" ")
    return first, second


UNKNOWN_SHAPES: dict[str, tuple[Any, str]] = {
    "part type": (ask([{"type": "hologram", "hologram": CANARY}]), "unknown_type"),
    "part type in another case": (ask([{"type": "Text", "text": CANARY}]), "unknown_type"),
    "part type of the responses protocol": (ask([{"type": "input_text", "text": CANARY}]), "unknown_type"),
    "part type null": (ask([{"type": None, "text": CANARY}]), "unknown_type"),
    "part type a list": (ask([{"type": ["text"], "text": CANARY}]), "unknown_type"),
    "part without a type": (ask([{"text": CANARY}]), "unknown_type"),
    "part a string": (ask([CANARY]), "invalid_type"),
    "part a list": (ask([[text(CANARY)]]), "invalid_type"),
    "part null": (ask([None, text(CANARY)]), "invalid_type"),
    "role": (ask({"role": "narrator", "content": CANARY}), "unknown_role"),
    "role in another case": (ask({"role": "User", "content": CANARY}), "unknown_role"),
    "role with a space": (ask({"role": "user ", "content": CANARY}), "unknown_role"),
    "role null": (ask({"role": None, "content": CANARY}), "unknown_role"),
    "role a number": (ask({"role": 1, "content": CANARY}), "unknown_role"),
    "role missing": (ask({"content": CANARY}), "unknown_role"),
    "content an object": (ask({"role": "user", "content": text(CANARY)}), "invalid_type"),
    "content a number": (ask({"role": "user", "content": 7}), "invalid_type"),
    "content true": (ask({"role": "user", "content": True}), "invalid_type"),
    "content null": (ask({"role": "user", "content": None}), "invalid_type"),
    "message null": (ask(None), "invalid_type"),
    "message a list": ({"model": "m", "messages": [said("user", "hi"), ["user", CANARY]]}, "invalid_type"),
    "messages an object": ({"model": "m", "messages": {"role": "user", "content": CANARY}}, "invalid_type"),
    "messages a string": ({"model": "m", "messages": CANARY}, "invalid_type"),
    "messages a number": ({"model": "m", "messages": 7}, "invalid_type"),
    "messages empty": ({"model": "m", "messages": []}, "missing_field"),
    "messages null": ({"model": "m", "messages": None}, "missing_field"),
    "messages missing": ({"model": "m", "prompt": CANARY}, "missing_field"),
    "model missing": ({"messages": [said("user", CANARY)]}, "missing_field"),
    "stream a word": (ask(CANARY, stream="false"), "invalid_type"),
    "stream a number": (ask(CANARY, stream=1), "invalid_type"),
    "tool call type": (
        ask({"role": "assistant", "tool_calls": [{"type": "spell", "spell": CANARY}]}),
        "unknown_type",
    ),
    "tool calls an object": (ask({"role": "assistant", "tool_calls": {"name": CANARY}}), "invalid_type"),
    "ten thousand messages": (ask(*[said("user", "hi")] * 9_999, CANARY), "too_many_parts"),
    "ten thousand parts": (ask([text("hi")] * 9_999 + [text(CANARY)]), "too_many_parts"),
    "ten thousand keys": (ask("hi", x={f"k{n}": n for n in range(9_999)} | {CANARY: 1}), "too_many_parts"),
}


@pytest.mark.parametrize("shape", UNKNOWN_SHAPES)
def test_s15_an_unknown_shape_is_refused_with_what_would_be_right(bench: Bench, shape: str) -> None:
    body, code = UNKNOWN_SHAPES[shape]
    bench.refuses(body, code)


UNSCANNABLE: dict[str, Any] = {
    "a remote picture": {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    "a picture": {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    "damaged base64": {"type": "image_url", "image_url": {"url": "data:image/png;base64,*"}},
    "a data URL that is not base64": {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}},
    "sound": {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    "a document": {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
}


@pytest.mark.parametrize("part", UNSCANNABLE)
def test_s15_what_no_classifier_reads_is_blocked_as_unscannable(bench: Bench, part: str) -> None:
    bench.blocks(ask([text("what is this?"), UNSCANNABLE[part]]))

    coverage = (bench.record().input or {})["coverage"]
    assert sum(coverage["unscannable"].values()) == 1
    assert coverage["checked"] >= 1


def test_s15_the_last_of_four_thousand_messages_is_judged(bench: Bench) -> None:
    bench.guards_request(lambda phrase: ask(*["hi"] * 3_999, phrase))


@pytest.mark.parametrize("position", [0, 6, 11])
@pytest.mark.parametrize("role", ROLES)
def test_s16_canary_in_any_role_and_position_is_blocked(bench: Bench, role: str, position: int) -> None:
    def case(phrase: str, content: Any) -> dict[str, Any]:
        talk = [said("user" if turn % 2 == 0 else "assistant", f"turn {turn}") for turn in range(12)]
        talk[position] = said(role, content)
        return ask(*talk)

    bench.guards_request(lambda phrase: case(phrase, f"it says: {phrase}."))
    bench.guards_request(lambda phrase: case(phrase, [text("it says"), text(phrase), text("and no more")]))


@pytest.mark.parametrize("place", [0, 1])
def test_s16_two_user_turns_in_a_row_are_both_judged(bench: Bench, place: int) -> None:
    bench.guards_request(lambda phrase: ask(*[phrase if n == place else "well" for n in range(2)]))


SPLITS: dict[str, Case] = {
    "two parts, without a space": lambda p: ask([text(part) for part in halves(p)]),
    "two parts, the space at the end": lambda p: ask([text(p[:13]), text(p[13:])]),
    "two parts, the space at the start": lambda p: ask([text(p[:12]), text(p[12:])]),
    "two parts, joined by a space": lambda p: ask([text(part) for part in words(p)]),
    "two parts, a picture's caption between": lambda p: ask([text(words(p)[0]), text(""), text(words(p)[1])]),
    "three parts, without a space": lambda p: ask([text(part) for part in thirds(p)]),
    "three parts, one of them a space": lambda p: ask([text(words(p)[0]), text(" "), text(words(p)[1])]),
    "three parts, the space kept": lambda p: ask([text(p[:4]), text(p[4:13]), text(p[13:])]),
    "a part for each letter": lambda p: ask([text(letter) for letter in p]),
    "two messages, without a space": lambda p: ask(*halves(p)),
    "two messages, joined by a space": lambda p: ask(*words(p)),
    "two messages of different roles": lambda p: ask(said("system", words(p)[0]), words(p)[1]),
    "three messages": lambda p: ask(*thirds(p)),
    "two user turns around an assistant's": lambda p: ask(words(p)[0], said("assistant", "go on"), words(p)[1]),
    "two user turns around a tool's": lambda p: ask(halves(p)[0], calling(), said("tool", "none"), halves(p)[1]),
    "two tool results around an assistant's turn": lambda p: ask(
        "look it up", calling(), said("tool", words(p)[0]), said("assistant", "and"), said("tool", words(p)[1])
    ),
    "two assistant turns around a user's": lambda p: ask(
        said("assistant", halves(p)[0]), "go on", said("assistant", halves(p)[1])
    ),
    "three user turns with others between": lambda p: ask(
        thirds(p)[0], said("assistant", "yes?"), thirds(p)[1], said("system", "be brief"), thirds(p)[2]
    ),
    "at the seam of long texts": lambda p: ask("x" * 5_000 + words(p)[0], words(p)[1] + "y" * 5_000),
    "two turns, one in parts": lambda p: ask([text("so"), text(halves(p)[0])], halves(p)[1]),
}


@pytest.mark.parametrize("split", SPLITS)
def test_s17_a_canary_split_over_parts_or_messages_is_blocked(bench: Bench, split: str) -> None:
    bench.guards_request(SPLITS[split])


@pytest.mark.parametrize("cut", range(1, len(CANARY)))
def test_s17_every_split_point_is_covered(bench: Bench, cut: int) -> None:
    bench.blocks(ask([text(CANARY[:cut]), text(CANARY[cut:])]))
    bench.blocks(ask(CANARY[:cut], said("assistant", "go on"), CANARY[cut:]))


def test_s17_texts_that_only_meet_pass_as_they_are(bench: Bench) -> None:
    """An address that ends one text is masked; the word that begins the next is not taken for a part of it."""
    answer = bench.send(ask("Write to ana.diaz@example.org", "Thanks in advance"))

    assert answer.status == 200
    contents = [message["content"] for message in bench.house.upstream.last_body["messages"]]
    assert contents == ["Write to <EMAIL_1>", "Thanks in advance"]


@pytest.mark.parametrize(
    ("pieces", "released"),
    [
        (("mail ana@example.co", "mpany-secret.org ok"), ["mail <EMAIL_1>", "<EMAIL_2> ok"]),
        (("mail ana@example.com", " and wait"), ["mail <EMAIL_1>", " and wait"]),
    ],
)
def test_s17_a_value_that_goes_on_in_the_next_part_is_masked_whole(
    bench: Bench, pieces: tuple[str, str], released: list[str]
) -> None:
    answer = bench.send(ask([text(piece) for piece in pieces]))

    assert answer.status == 200
    (message,) = bench.house.upstream.last_body["messages"]
    assert [part["text"] for part in message["content"]] == released


JSON_TEXT = '{"contact":"mail\\nana@example.org","card":4111111111111111}'
JSON_MASKED = {"contact": "mail\n<EMAIL_1>", "card": "<CREDIT_CARD_1>"}


def test_s18_json_in_arguments_results_and_answers_is_masked_and_stays_json(bench: Bench) -> None:
    bench.house.upstream.answer = completion(JSON_TEXT)

    answer = bench.send(ask("hi", calling(arguments=JSON_TEXT), said("tool", JSON_TEXT)))

    assert answer.status == 200
    _, call, result = bench.house.upstream.last_body["messages"]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == JSON_MASKED
    assert json.loads(result["content"]) == JSON_MASKED
    assert json.loads(answer.json["choices"][0]["message"]["content"]) == JSON_MASKED


ROWS: dict[str, Case] = {
    "a list": lambda p: ask("hi", stop=["a", *halves(p)]),
    "a list, the space kept": lambda p: ask("hi", stop=[p[:13], p[13:]]),
    "a list, joined by a space": lambda p: ask("hi", stop=[*words(p)]),
    "a value and the next key": lambda p: ask("hi", a=words(p)[0], **{words(p)[1]: "x"}),
    "a key and its value": lambda p: ask("hi", **{words(p)[0]: words(p)[1]}),
    "a name and what is said": lambda p: ask(said("user", words(p)[1]) | {"name": words(p)[0]}),
}


@pytest.mark.parametrize("row", ROWS)
def test_s18_a_canary_split_over_small_fields_is_blocked(bench: Bench, row: str) -> None:
    bench.guards_request(ROWS[row])


def test_s18_the_keys_of_a_long_list_of_token_biases_are_no_card(bench: Bench) -> None:
    bench.passes(ask("hi", logit_bias={str(token): -100 for token in range(4000, 4400)}))


TOOLS: dict[str, Case] = {
    "schema name": lambda p: ask("hi", tools=[tool(name=p)]),
    "schema description": lambda p: ask("hi", tools=[tool(), tool(description=f"Use it for {p}.")]),
    "parameter description": lambda p: ask(
        "hi", tools=[tool(parameters={"type": "object", "properties": {"q": {"type": "string", "description": p}}})]
    ),
    "parameter name": lambda p: ask("hi", tools=[tool(parameters={"type": "object", "properties": {p: {}}})]),
    "parameter enum": lambda p: ask(
        "hi", tools=[tool(parameters={"type": "object", "properties": {"q": {"enum": ["a", p]}}})]
    ),
    "parameter default": lambda p: ask("hi", tools=[tool(parameters={"properties": {"q": {"default": [{"x": p}]}}})]),
    "unknown field of a tool": lambda p: ask("hi", tools=[tool() | {"annotations": {"hint": p}}]),
    "tool of an unknown type": lambda p: ask("hi", tools=[{"type": "browser", "instructions": p}]),
    "custom tool description": lambda p: ask(
        "hi", tools=[{"type": "custom", "custom": {"name": "draw", "description": p, "format": {"type": "text"}}}]
    ),
    "custom tool grammar": lambda p: ask(
        "hi",
        tools=[
            {
                "type": "custom",
                "custom": {"name": "d", "format": {"type": "grammar", "grammar": {"definition": f'start: "{p}"'}}},
            }
        ],
    ),
    "legacy function": lambda p: ask("hi", functions=[{"name": "look_up", "description": p, "parameters": {}}]),
    "tool choice": lambda p: ask("hi", tool_choice={"type": "function", "function": {"name": p}}),
    "legacy function choice": lambda p: ask("hi", function_call={"name": p}),
    "call arguments": lambda p: ask("hi", calling(arguments=json.dumps({"q": p})), said("tool", "none")),
    "call arguments, escaped": lambda p: ask("hi", calling(arguments=f'{{"q": "{escaped(p)}"}}'), said("tool", "none")),
    "call arguments, one letter escaped": lambda p: ask(
        "hi", calling(arguments=f'{{"q": "{escaped(p[0])}{p[1:]}"}}'), said("tool", "none")
    ),
    "call arguments as a key": lambda p: ask("hi", calling(arguments=f'{{"{escaped(p)}": 1}}'), said("tool", "none")),
    "call arguments that are no JSON": lambda p: ask("hi", calling(arguments=f'{{"q: {p}'), said("tool", "none")),
    "call arguments as an object": lambda p: ask("hi", calling(arguments={"q": {"r": p}}), said("tool", "none")),
    "call name": lambda p: ask("hi", calling(name=p), said("tool", "none")),
    "call id": lambda p: ask("hi", {"role": "assistant", "tool_calls": [calling()["tool_calls"][0] | {"id": p}]}),
    "second call": lambda p: ask(
        "hi",
        {"role": "assistant", "tool_calls": [*calling()["tool_calls"], *calling(arguments=p)["tool_calls"]]},
        said("tool", "none"),
    ),
    "custom call input": lambda p: ask(
        "hi",
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "d", "input": p}}]},
    ),
    "legacy call arguments": lambda p: ask(
        "hi", {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": escaped(p)}}
    ),
    "tool result": lambda p: ask("hi", calling(), said("tool", f"found: {p}")),
    "tool result in parts": lambda p: ask("hi", calling(), said("tool", [text(words(p)[0]), text(words(p)[1])])),
    "tool result in escaped JSON": lambda p: ask("hi", calling(), said("tool", f'{{"found": "{escaped(p)}"}}')),
    "tool call id of a result": lambda p: ask("hi", calling(), said("tool", "x") | {"tool_call_id": p}),
    "function result": lambda p: ask("hi", said("function", p)),
    "name of a user": lambda p: ask(said("user", "hi") | {"name": p}),
    "name of a function": lambda p: ask("hi", said("function", "x") | {"name": p}),
    "calls of a user": lambda p: ask(said("user", "hi") | {"tool_calls": calling(arguments=escaped(p))["tool_calls"]}),
}


@pytest.mark.parametrize("place", TOOLS)
def test_s18_canary_in_tools_calls_results_and_names_is_blocked(bench: Bench, place: str) -> None:
    bench.guards_request(TOOLS[place])


FIELDS: dict[str, Case] = {
    "unknown field": lambda p: ask("hi", x_new=p),
    "unknown field, deep": lambda p: ask("hi", x_new={"a": [1, {"b": [None, p]}]}),
    "unknown key": lambda p: ask("hi", **{p: True}),
    "unknown key, deep": lambda p: ask("hi", x_new=[[{p: None}]]),
    "unknown field of a message": lambda p: ask(said("user", "hi") | {"note": p}),
    "unknown key of a message": lambda p: ask(said("user", "hi") | {p: 1}),
    "unknown field of a part": lambda p: ask([text("hi") | {"cache_control": {"type": p}}]),
    "unknown key of a part": lambda p: ask([text("hi") | {p: []}]),
    "metadata value": lambda p: ask("hi", metadata={"k": p}),
    "metadata key": lambda p: ask("hi", metadata={p: "v"}),
    "stop": lambda p: ask("hi", stop=["a", p]),
    "logit bias key": lambda p: ask("hi", logit_bias={p: 1}),
    "response format": lambda p: ask(
        "hi", response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"description": p}}}
    ),
    "prediction": lambda p: ask("hi", prediction={"type": "content", "content": p}),
    "prediction in parts": lambda p: ask("hi", prediction={"type": "content", "content": [text(p)]}),
    "web search": lambda p: ask("hi", web_search_options={"user_location": {"approximate": {"city": p}}}),
    "voice": lambda p: ask("hi", audio={"voice": p, "format": "wav"}),
    "modalities": lambda p: ask("hi", modalities=["text", p]),
    "refusal part": lambda p: ask(said("assistant", [{"type": "refusal", "refusal": p}])),
    "refusal": lambda p: ask(said("assistant", "") | {"refusal": p}),
    "reasoning": lambda p: ask(said("assistant", "") | {"reasoning_content": p}),
    **{
        f"{name}, which should be {kind}": lambda p, name=name: ask("hi", **{name: p})  # type: ignore[misc]
        for kind, names in {
            "a word": ("model", "user", "safety_identifier", "prompt_cache_key", "service_tier", "verbosity"),
            "a number": ("temperature", "seed", "n", "max_tokens", "logprobs", "store"),
        }.items()
        for name in names
    },
    "a stream's options": lambda p: ask("hi", stream_options={"include_usage": False, "note": p}),
}


@pytest.mark.parametrize("place", FIELDS)
def test_s18_canary_in_any_other_field_or_key_is_blocked(bench: Bench, place: str) -> None:
    bench.guards_request(FIELDS[place])


def test_s18_a_number_that_spells_a_card_is_blocked_where_it_cannot_be_masked(bench: Bench) -> None:
    for number in (4111111111111111, -4111111111111111, 4111111111111111.0):
        bench.blocks(ask("hi", x_new={"reference": number}), action="redact")

    bench.passes(ask("hi", x_new={"reference": 4111111111111112}))


def choices(*texts: str, order: tuple[int, ...] = (0, 1, 2)) -> dict[str, Any]:
    answer = completion(*texts)
    for choice, index in zip(answer["choices"], order, strict=True):
        choice["index"] = index
    return answer


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_s19_canary_in_any_of_three_choices_blocks_them_all(bench: Bench, place: int, order: tuple[int, ...]) -> None:
    bench.guards_answer(
        lambda phrase: choices(*[phrase if n == place else f"answer {n}" for n in range(3)], order=order)
    )


def tokens(*spelled: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"token": t, "logprob": -0.1, "bytes": list(t.encode()), "top_logprobs": []} for t in spelled]}


def alternatives(phrase: str) -> dict[str, Any]:
    """Token lists whose second choices spell *phrase*."""
    lists = tokens("fi", "ne", ".")
    for token, piece in zip(lists["content"], thirds(phrase), strict=True):
        token["top_logprobs"] = [
            {"token": token["token"], "logprob": -0.1, "bytes": None},
            {"token": piece, "logprob": -3.0, "bytes": list(piece.encode())},
        ]
    return lists


def by_bytes(phrase: str) -> dict[str, Any]:
    lists = tokens("fi", "ne", ".")
    for token, piece in zip(lists["content"], thirds(phrase), strict=True):
        token["bytes"] = list(piece.encode())
    return lists


def in_choice(**more: Any) -> dict[str, Any]:
    answer = completion("fine.")
    answer["choices"][0] |= more
    return answer


def cited(**citation: Any) -> dict[str, Any]:
    note = {"title": "t", "url": "https://example.org/", "start_index": 0, "end_index": 1, **citation}
    return completion("fine.", annotations=[{"type": "url_citation", "url_citation": note}])


OUTPUTS: dict[str, Case] = {
    "content in parts": lambda p: completion("", content=[text("so"), text(p)]),
    "refusal": lambda p: completion("", content=None, refusal=p),
    "reasoning_content": lambda p: completion("fine.", reasoning_content=p),
    "reasoning": lambda p: completion("fine.", reasoning=p),
    "thinking blocks": lambda p: completion("fine.", thinking_blocks=[{"type": "thinking", "thinking": p}]),
    "split over reasoning and content": lambda p: completion(words(p)[1], content=words(p)[0], reasoning=words(p)[1]),
    "transcript": lambda p: completion("", content=None, audio={"id": "a", "transcript": p, "expires_at": 1}),
    "call arguments": lambda p: completion("", **calling(arguments=json.dumps({"q": p}))),
    "call arguments, escaped": lambda p: completion("", **calling(arguments=f'{{"q": "{escaped(p)}"}}')),
    "call name": lambda p: completion("", **calling(name=p)),
    "custom call": lambda p: completion(
        "", tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "draw", "input": p}}]
    ),
    "legacy call": lambda p: completion("", function_call={"name": "f", "arguments": p}),
    "citation title": lambda p: cited(title=p),
    "citation address": lambda p: cited(url=f"https://example.org/{p}"),
    "citation position": lambda p: cited(start_index=p),
    "unknown field of a message": lambda p: completion("fine.", x_new={"deep": [p]}),
    "unknown key of a message": lambda p: completion("fine.", **{p: 1}),
    "unknown field of a choice": lambda p: in_choice(x_new=p),
    "finish reason": lambda p: in_choice(finish_reason=p),
    "unknown field of the answer": lambda p: completion("fine.") | {"x_new": {p: 1}},
    "fingerprint": lambda p: completion("fine.") | {"system_fingerprint": p},
    "id": lambda p: completion("fine.") | {"id": p},
    "model": lambda p: completion("fine.") | {"model": p},
    "usage": lambda p: completion("fine.") | {"usage": {"prompt_tokens": p}},
    "tokens": lambda p: in_choice(logprobs=tokens(*thirds(p))),
    "tokens of a refusal": lambda p: in_choice(logprobs={"content": None, "refusal": tokens(*p)["content"]}),
    "bytes of tokens": lambda p: in_choice(logprobs=by_bytes(p)),
    "alternative tokens": lambda p: in_choice(logprobs=alternatives(p)),
    "one alternative token": lambda p: in_choice(
        logprobs={"content": [{"token": "x", "logprob": 0, "top_logprobs": [{"token": p, "logprob": 0}]}]}
    ),
    "unknown field of a token": lambda p: in_choice(logprobs={"content": [{"token": "x", "note": p}]}),
    "probability of a token": lambda p: in_choice(logprobs={"content": [{"token": "x", "logprob": p}]}),
    "alternatives of an alternative token": lambda p: in_choice(
        logprobs={"content": [{"token": "x", "top_logprobs": [{"token": "y", "top_logprobs": [{"token": p}]}]}]}
    ),
}


UNASKED: dict[str, Any] = {"usage": {"stream_options": {"include_usage": True}}, "token": {"logprobs": True}}
"""What a stream holds only if it is asked for, by words of the names of places."""


@pytest.mark.parametrize("place", OUTPUTS)
def test_s20_canary_in_any_field_of_an_answer_is_blocked(bench: Bench, place: str) -> None:
    asked = next((fields for word, fields in UNASKED.items() if word in place), {})
    bench.guards_answer(OUTPUTS[place], **asked)


@pytest.mark.parametrize("place", [place for place in OUTPUTS if any(word in place for word in UNASKED)])
def test_s20_what_nobody_asked_for_is_not_in_a_stream(bench: Bench, place: str) -> None:
    bench.house.upstream.answer = OUTPUTS[place](CANARY)
    answer = bench.send(ask("hello", stream=True))
    assert answer.status == 200
    assert bench.house.leaks(answer) == []


@pytest.mark.parametrize("stream", [False, True])
def test_s16_the_real_client_sees_a_block_as_a_bad_request(bench: Bench, *, stream: bool) -> None:
    messages = [{"role": "user", "content": CANARY}]
    with bench.house.client() as client, pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="m", messages=messages, stream=stream)  # type: ignore[call-overload]

    assert refused.value.code == "content_filter"
    assert bench.house.upstream.received == []


def test_s19_the_real_client_reads_three_choices_with_and_without_a_stream(bench: Bench) -> None:
    bench.house.upstream.answer = choices("first", HARMLESS, "third", order=(2, 0, 1))
    messages: Any = [{"role": "user", "content": HARMLESS}]
    with bench.house.client() as client:
        whole = client.chat.completions.create(model="m", messages=messages, n=3)
        streamed: dict[int, str] = {}
        for chunk in client.chat.completions.create(model="m", messages=messages, n=3, stream=True):
            for choice in chunk.choices:
                streamed[choice.index] = streamed.get(choice.index, "") + (choice.delta.content or "")

    assert {choice.index: choice.message.content for choice in whole.choices} == streamed
    assert streamed == {2: "first", 0: HARMLESS, 1: "third"}
