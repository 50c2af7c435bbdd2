"""S19 to S26 through hooks: the cases of the proxy's own acceptance, fewer of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance import test_stream_flow as flow, test_stream_grammar as grammar, test_streams as streams
from tests.acceptance.conftest import House
from tests.acceptance.dialects import DIALECTS, Dialect
from tests.hooks.houses import KINDS, hooked

dialects = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


@pytest.fixture(scope="module", params=KINDS)
def one_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with hooked(tmp_path_factory.mktemp(request.param), request.param, streams.POLICIES) as one:
        yield one


@pytest.fixture
def one(one_house: House) -> House:
    one_house.begin()
    return one_house


@pytest.mark.parametrize("text", ["the canary", "data, in Chinese"])
@pytest.mark.parametrize(
    ("dialect", "lane", "policy"),
    [
        (one, lane, policy)
        for one in DIALECTS
        for lane in one.lanes
        for policy in ("acceptance", "labelling")
        if streams._matters(lane, policy)
    ],
)
def test_s22_a_stream_is_decided_and_released_like_the_whole_answer(
    one: House, dialect: Dialect, policy: str, text: str, lane: str
) -> None:
    streams.test_s22_a_stream_is_decided_and_released_like_the_whole_answer(one, dialect, policy, text, lane)


@dialects
def test_s22_the_real_client_hears_what_the_bytes_say(one: House, dialect: Dialect) -> None:
    for text in ("data", "the canary"):
        streams.test_s22_the_real_client_hears_what_the_bytes_say(one, dialect, text)


@pytest.mark.parametrize("size", [3])
@dialects
def test_s23_no_part_of_the_canary_is_released_however_finely_it_is_cut(
    one: House, dialect: Dialect, size: int
) -> None:
    streams.test_s23_no_part_of_the_canary_is_released_wherever_and_however_finely_it_is_cut(one, dialect, size)


@pytest.mark.parametrize("size", [5])
@streams.lanes
def test_s23_pieces_that_come_one_by_one_are_held_back_in_every_text(
    one: House, dialect: Dialect, lane: str, size: int
) -> None:
    streams.test_s23_pieces_that_come_one_by_one_are_held_back_in_every_text(one, dialect, lane, size)


@dialects
def test_s20_what_begins_in_the_thinking_and_goes_on_in_the_answer_is_found(one: House, dialect: Dialect) -> None:
    streams.test_s20_what_begins_in_the_thinking_and_goes_on_in_the_answer_is_found(one, dialect, " ")


def test_s19_choices_that_come_interleaved_are_judged_each_for_itself(one: House) -> None:
    streams.test_s19_choices_that_come_interleaved_are_judged_each_for_itself(one, 1)


@dialects
def test_s24_every_way_to_write_events_is_read_alike(one: House, dialect: Dialect) -> None:
    ways = grammar.GRAMMARS if dialect.sse else grammar.LINES
    for way in list(ways.values())[:2]:
        grammar.decided_alike(one, dialect, way, 7)


@pytest.mark.parametrize("fault", ["text that is no JSON", "nothing of its end", "an end within an event"])
@dialects
def test_s25_a_stream_that_breaks_ends_in_an_error_and_nothing_unjudged_is_sent(
    one: House, dialect: Dialect, fault: str
) -> None:
    grammar.test_s25_a_stream_that_breaks_ends_in_an_error_and_nothing_unjudged_is_sent(one, dialect, True, fault)


@pytest.mark.parametrize("page", ["a page", "a page in an event", "a stream that calls itself JSON", "nothing"])
@dialects
def test_s25_what_is_no_stream_of_the_protocol_is_a_bad_gateway(one: House, dialect: Dialect, page: str) -> None:
    grammar.test_s25_what_is_no_stream_of_the_protocol_is_a_bad_gateway(one, dialect, page)


@pytest.mark.parametrize("size", [3])
@dialects
def test_s26_data_cut_over_deltas_is_masked_whole_and_the_rest_is_as_it_was(
    one: House, dialect: Dialect, size: int
) -> None:
    streams.test_s26_data_cut_over_deltas_is_masked_whole_and_the_rest_is_as_it_was(one, dialect, size)


@dialects
def test_s26_a_sentence_is_sent_while_the_next_is_still_being_said(one: House, dialect: Dialect) -> None:
    flow.test_s26_a_sentence_is_sent_while_the_next_is_still_being_said(one, dialect, 5)
