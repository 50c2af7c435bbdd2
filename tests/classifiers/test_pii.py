from __future__ import annotations

import functools
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from classifiers import _pii_checks as checks
from classifiers._pii_table import FORMS
from classifiers._pii_world import RECOGNIZERS
from classifiers.pii import ENTITIES, Pii, PiiOptions
from guard import Guard, registry, taxonomy
from guard.content import View
from guard.errors import RegistryError

RESIDENT = "11010519491231002X"  # the example of GB 11643
CREDIT = "91350100M000100Y43"  # the example of GB 32100
ALL = tuple(sorted(ENTITIES - {"person", "location", "organization"} - RECOGNIZERS.keys()))
STRICT = (
    "email", "phone", "credit_card", "cn_resident_id", "cn_social_credit_code", "cn_plate", "ip_address", "us_ssn",
    "iban", "crypto_wallet", "medical_license", "im_account", "cn_travel_permit", "hk_id_card",
)  # fmt: skip


@functools.cache
def classifier(*entities: str) -> Pii:
    made = Pii(PiiOptions(entities=entities or ALL))
    made.load()
    return made


def found(text: str, *entities: str) -> list[tuple[str, str]]:
    """``(entity, characters)`` of every finding."""
    made = classifier(*entities)
    (findings,) = made.classify([made.prepare(View.of(text))])
    return [(f.category.removeprefix("pii."), text[slice(*f.span)]) for f in findings if f.span]


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("write to ana@example.org today", "email", "ana@example.org"),
        ("mail ana.b+c@mail.example.co.uk.", "email", "ana.b+c@mail.example.co.uk"),
        ("see ana@example.org.Thanks", "email", "ana@example.org"),
        ("我的邮箱是ana@example.org，谢谢", "email", "ana@example.org"),
        ("ana@bücher.example", "email", "ana@bücher.example"),
        ("card 4111 1111 1111 1111 exp 12/29", "credit_card", "4111 1111 1111 1111"),
        ("5105105105105100", "credit_card", "5105105105105100"),
        ("3782-822463-10005", "credit_card", "3782-822463-10005"),
        ("卡号６２２２０２１２３４５６７８９４", "credit_card", "６２２２０２１２３４５６７８９４"),
        ("GB29 NWBK 6016 1331 9268 19 is it", "iban", "GB29 NWBK 6016 1331 9268 19"),
        ("DE89370400440532013000", "iban", "DE89370400440532013000"),
        ("pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 now", "crypto_wallet", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        ("from 58.74.121.78 at", "ip_address", "58.74.121.78"),
        ("from 2001:4860:4860::8888.", "ip_address", "2001:4860:4860::8888"),
        ("mac 3c:22:fb:a4:10:9e", "mac_address", "3c:22:fb:a4:10:9e"),
        ("her SSN is 531-21-7351.", "us_ssn", "531-21-7351"),
        ("SSN: 531217351", "us_ssn", "531217351"),
        ("passport number is C01234567", "passport", "C01234567"),
        ("driver's license number is D1234567", "driver_license", "D1234567"),
        ("account number: 12345678901", "bank_account", "12345678901"),
        ("call (212) 736-5000 ext. 12", "phone", "(212) 736-5000 ext. 12"),
        ("or +44 20 7946 0958.", "phone", "+44 20 7946 0958"),
        ("Phone: 986.291.2294x751", "phone", "986.291.2294x751"),
        ("It is at 1600 Pennsylvania Avenue", "address", "1600 Pennsylvania Avenue"),
        ("see https://example.org/a?b=c.", "url", "https://example.org/a?b=c"),
        ("born 1986-12-27,", "date_time", "1986-12-27"),
    ],
)
def test_a_form_is_found_where_it_stands(text: str, entity: str, value: str):
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        (f"身份证号{RESIDENT}已登记", "cn_resident_id", RESIDENT),
        ("证件 110105 19491231 002x", "cn_resident_id", "110105 19491231 002x"),
        ("440524188001010014是样例", "cn_resident_id", "440524188001010014"),
        ("身份证：110105491231002", "cn_resident_id", "110105491231002"),
        (f"统一社会信用代码：{CREDIT}。", "cn_social_credit_code", CREDIT),
        ("我的手机号是13812345678，请回电", "phone", "13812345678"),
        ("请拨打+86 198-1234-5678联系", "phone", "+86 198-1234-5678"),
        ("手机008616612345678", "phone", "008616612345678"),
        ("新号段17212345678也行", "phone", "17212345678"),
        ("电话１３８１２３４５６７８", "phone", "１３８１２３４５６７８"),
        ("座机010-82345678转", "phone", "010-82345678"),
        ("电话(0755)82345678", "phone", "(0755)82345678"),
        ("车牌京A12345停在", "cn_plate", "京A12345"),
        ("新能源粤B·D12345的车", "cn_plate", "粤B·D12345"),
        ("粤BD12345和沪AF12345", "cn_plate", "沪AF12345"),
        ("挂车苏E1234挂", "cn_plate", "苏E1234挂"),
        ("护照号码：E12345678", "passport", "E12345678"),
        ("银行账号：6217 0012 3456 7890 12", "bank_account", "6217 0012 3456 7890 12"),
        ("住在北京市海淀区中关村大街27号院3号楼502室。", "address", "北京市海淀区中关村大街27号院3号楼502室"),
        ("生于1949年12月31日", "date_time", "1949年12月31日"),
        ("身分證字號：110105491231002", "cn_resident_id", "110105491231002"),
        ("身份证370202600101123", "cn_resident_id", "370202600101123"),
        ("護照號碼：EA1234567", "passport", "EA1234567"),
        ("往来港澳通行证CA1234567", "cn_travel_permit", "CA1234567"),
        ("回鄉證H1234567890", "cn_travel_permit", "H1234567890"),
        ("台胞证号12345678", "cn_travel_permit", "12345678"),
        ("香港身份證A123456(3)", "hk_id_card", "A123456(3)"),
        ("身分證A123456789", "tw_id_card", "A123456789"),
        ("澳门居民身份证1234567(8)", "mo_id_card", "1234567(8)"),
        ("微信号：wxid_ab12cd34ef56", "im_account", "wxid_ab12cd34ef56"),
        ("加我微信lily_1988聊", "im_account", "lily_1988"),
        ("扣扣：10001234", "im_account", "10001234"),
        ("电动车粤BA12345", "cn_plate", "粤BA12345"),
        ("滬A12345", "cn_plate", "滬A12345"),
        ("储蓄卡9558801234567890128", "credit_card", "9558801234567890128"),
        ("電話：0755-82345678", "phone", "0755-82345678"),
    ],
)
def test_a_chinese_form_is_found_where_it_stands(text: str, entity: str, value: str):
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Version 1.2.3 of 2024-01-15 has 1 000 000 users and 12,345.67 points.",
        "The ratio was 3.14159265358979 and pi@3 is no address; x@self.weight either.",
        "OID 1.3.6.1.4.1.311.21.20 and 127.0.0.1",
        "2023-04-10 08:20:11 INFO started in 1234567 ms",
        "ISBN 978-3-16-148410-0, order 1234567890123456, card 4111 1111 1111 1112",
        "订单号20230410082011123456，编号110105194912310021，金额13812345.67元",
        "统一编号91350100M000100Y44，车型京东A级，价格￥138-1234",
        "between 10:30:45 and 12:00:00, a::b, std::vector<int>",
        "000-12-3456 666-12-3456 123-00-4567",
        "手机售价98396.63元，中奖号码 05 12 18 23 29 33，商品条码6926793224387",
        "微信小程序和微信Android版，WeChat moments，QQ音乐",
        "通行证号码长度为9位，香港身份證A123456(4)",
    ],
)
def test_what_only_looks_alike_is_left_alone(text: str):
    assert found(text, *STRICT) == []


def test_a_proof_gives_certainty_and_a_form_alone_does_not():
    made = classifier()
    proved, plain = made.classify([RESIDENT, "13812345678"])

    assert [f.score for f in proved] == [1.0]
    assert [f.score for f in plain] == [0.7]


def test_context_raises_the_score_on_either_side():
    made = classifier("phone")
    scores = [
        [f.score for f in each] for each in made.classify(["13812345678", "手机13812345678", "13812345678是我的手机"])
    ]

    assert scores[0][0] < scores[1][0] == scores[2][0] < 1.0


def test_a_number_that_fails_its_check_counts_only_in_context():
    wrong = RESIDENT[:-1] + "1"

    assert found(f"编号{wrong}", "cn_resident_id") == []
    assert found(f"身份证{wrong}", "cn_resident_id") == [("cn_resident_id", wrong)]


def test_the_proved_entity_wins_where_forms_overlap():
    assert found("4111 1111 1111 1111") == [("credit_card", "4111 1111 1111 1111")]
    assert found(f"身份证{RESIDENT}") == [("cn_resident_id", RESIDENT)]
    assert found("https://example.org/?mail=ana@example.org") == [("email", "ana@example.org")]


def test_names_are_read_by_the_sentence_and_forms_held_all_the_same():
    made = classifier("email", "person")

    assert classifier("email").reads == "stretches"
    assert made.reads == "sentences"
    assert made.pending("Anna writes to ana@exam") == 15
    assert made.pending("Anna writes to Ben. ") == 20


def test_numbers_in_a_row_are_told_apart():
    numbers = ["212-736-5000", "212-736-5001", "212-736-5002"]

    assert found("call " + " ".join(numbers), "phone") == [("phone", number) for number in numbers]


def test_repeated_values_are_each_found():
    assert found("ana@example.org " * 3, "email") == [("email", "ana@example.org")] * 3


def test_only_the_entities_asked_for_are_reported():
    text = "ana@example.org 4111 1111 1111 1111"

    assert found(text, "email") == [("email", "ana@example.org")]
    assert registry.provides("pii", {"entities": ["email", "cn_plate"]}) == {"pii.email", "pii.cn_plate"}


def test_a_language_left_out_takes_its_forms_along():
    options = {"languages": ["en"], "entities": ["email", "phone", "cn_plate"]}
    made = registry.create("pii", options)
    made.load()

    assert registry.provides("pii", options) == {"pii.email", "pii.phone"}
    assert made.classify(["京A12345 13812345678"]) == [[]]


def test_min_score_holds_weak_findings_back():
    made = registry.create("pii", {"min_score": 0.8})
    made.load()

    assert [f.score for f in made.classify(["13812345678 和 ana@example.org"])[0]] == [1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entities": ["emial"]}, "did you mean `email`"),
        ({"languages": ["fr"]}, "`fr` is no language it knows"),
        ({"languages": []}, "`languages` is empty"),
        ({"min_score": 2.0}, "between 0 and 1"),
    ],
)
def test_wrong_options_are_refused_with_what_would_be_right(options: dict[str, object], message: str):
    with pytest.raises(RegistryError, match=message):
        registry.create("pii", options)


def test_every_form_gives_a_category_of_the_taxonomy():
    assert all(taxonomy.is_known(f"pii.{entity}") for entity in ENTITIES)
    assert {form.judge for form in FORMS} <= {"phone", "iban", *classifier()._judges}


@pytest.mark.parametrize(
    "pattern",
    [
        "1", "a", "a.", "@", "a@", "x@y.com ", "(", "12 ", "012 345 6789 ", "http://", "www.a", "1.", "::", "1:", "+1",
        "😀", "DE89 3704 0044 0532 ", "4111-1111-1111-1112 ", "省市区路", "2 12 736-5 ",
    ],
)  # fmt: skip
def test_no_text_takes_long(pattern: str):
    text = (pattern * 20_000)[:20_000]
    made = classifier()
    began = time.process_time()
    made.classify([made.prepare(View.of(text))])

    assert time.process_time() - began < 1.0


def test_names_are_read_in_english_text_only_when_asked_for():
    text = "Marie Curie moved to Paris; write to marie@example.org."

    assert found(text, "person", "location", "email") == [
        ("person", "Marie Curie"),
        ("location", "Paris"),
        ("email", "marie@example.org"),
    ]
    assert classifier("email")._recognizers == []
    assert classifier("email").inline_cost > 0
    assert classifier("person").inline_cost == 0


def test_names_stand_in_chinese_forms_and_english_names_in_chinese_text():
    assert found("姓名：李时珍，年龄", "person") == [("person", "李时珍")]
    assert found("我的朋友 Marie Curie，住在北京", "person") == [("person", "Marie Curie")]


@pytest.mark.parametrize("pattern", ["(", "😀", "A(", "-", "Aa-", "字", "http://", "'\""])
def test_no_text_stops_the_tokenizer(pattern: str):
    made = classifier("person")
    began = time.process_time()
    made.classify([(pattern * 8_000)[:8_000]])

    assert time.process_time() - began < 5.0


@given(st.text(max_size=200))
def test_what_is_blanked_for_the_tokenizer_keeps_its_place(text: str):
    from classifiers._names import scrub

    scrubbed = scrub(text)

    assert len(scrubbed) == len(text)
    assert all(a == b or a == " " for a, b in zip(scrubbed, text, strict=True))
    assert all(len(word) <= 48 for word in scrubbed.split())


@given(st.integers(0, 16), st.integers(1, 9))
def test_every_single_wrong_digit_of_a_resident_id_is_noticed(place: int, shift: int):
    digit = str((int(RESIDENT[place]) + shift) % 10)

    assert not checks.resident_id(RESIDENT[:place] + digit + RESIDENT[place + 1 :])


@given(st.integers(0, 16), st.integers(1, 30))
def test_every_single_wrong_character_of_a_credit_code_is_noticed(place: int, shift: int):
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    wrong = alphabet[(alphabet.index(CREDIT[place]) + shift) % 31]

    assert checks.social_credit_code(CREDIT)
    assert not checks.social_credit_code(CREDIT[:place] + wrong + CREDIT[place + 1 :])


@given(st.integers(0, 15), st.integers(1, 9))
def test_every_single_wrong_digit_of_a_card_is_noticed(place: int, shift: int):
    number = "4539988915720591"

    assert checks.luhn(number)
    assert not checks.luhn(number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :])


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("GB29NWBK60161331926819", 22), ("FR1420041010050500013M02606", 27), ("DE89 3704 0044 0532 0130 00", 27),
        ("GB29NWBK60161331926819 AND", 22), ("GB29NWBK60161331926819A", 0), ("GB29NWBK60161331926818", 0),
        ("ZZ29NWBK60161331926819", 0), ("DE8937040044053201300", 0), ("", 0),
    ],
)  # fmt: skip
def test_an_iban_has_its_countrys_length_and_its_check_digits(text: str, length: int):
    assert checks.iban_length(text) == length


def test_a_day_that_never_was_is_no_birthday():
    assert checks.resident_id(RESIDENT)
    assert not checks.resident_id("110105194902300026")
    assert not checks.old_resident_id("110105490230002")


def test_texts_without_a_latin_letter_leave_the_names_of_the_others_in_their_places():
    pii = Pii(PiiOptions(entities=("person", "location")))
    pii.load()
    texts = ["他走了。", "Anna Schmidt lives in Paris.", "", "我们也走吧。", "Tim Cook moved to Berlin."]

    found = pii.classify(texts)

    assert [sorted({f.category for f in some}) for some in found] == [
        [],
        ["pii.location", "pii.person"],
        [],
        [],
        ["pii.location", "pii.person"],
    ]


@pytest.mark.parametrize("entity", sorted(taken for taken in STRICT if taken != "us_ssn"))
def test_the_gate_alone_is_passed_by_text_without_anything(entity: str):
    made = classifier(entity)

    assert made._scanner is not None
    assert made._scanner.occurring("The tide came in over the sand, slowly. 潮水慢慢涌上沙滩。".encode()) == []


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("4111111111111111", True), ("378282246310005", True), ("6222021234567894", True), ("6926793224387", False),
        ("4222222222222", True), ("6111111111111116", False), ("5018000000000009", True), ("9558801234567890128", True),
        ("1111111111111117", False),
    ],
)  # fmt: skip
def test_a_card_has_the_length_that_its_network_gives_out(number: str, is_one: bool):
    assert checks.luhn(number)
    assert checks.card_number(number) == is_one


@given(st.integers(0, 6), st.integers(1, 9))
def test_every_single_wrong_digit_of_a_hong_kong_card_is_noticed(place: int, shift: int):
    digits = "1234563"
    wrong = digits[:place] + str((int(digits[place]) + shift) % 10) + digits[place + 1 :]

    assert checks.hk_id_card("A123456(3)")
    assert not checks.hk_id_card(f"A{wrong[:6]}({wrong[6]})")


@given(st.integers(1, 9))
def test_a_wrong_check_digit_of_a_taiwan_card_is_noticed(shift: int):
    assert checks.tw_id_card("A123456789")
    assert not checks.tw_id_card(f"A12345678{(9 + shift) % 10}")


def test_a_region_has_a_prefecture_and_a_county():
    assert checks.old_resident_id("110105491231002")
    assert not checks.old_resident_id("110005491231002")
    assert not checks.old_resident_id("110100491231002")


def test_a_form_wins_over_a_models_name_and_a_whole_address_over_weak_forms():
    everything = (*ALL, "person", "location")

    assert found("联系王小明，电话13812345678", *everything) == [("person", "王小明"), ("phone", "13812345678")]
    assert ("address", "12 Baker Street, Apt 4") in found("She lives at 12 Baker Street, Apt 4.", *everything)
    assert found("微信：lily-1573", *everything) == [("im_account", "lily-1573")]


def test_values_in_json_are_found_with_and_without_their_escapes(tmp_path: Path):
    text = r'{"name": "\u738b\u5c0f\u660e", "mail": "ana\u0040example.org", "id": "11010519491231002X"}'
    policy = tmp_path / "mask.yaml"
    policy.write_text(
        "policy: mask\nmatch: {routes: ['*']}\n"
        "classifiers: {pii: {entities: [email, cn_resident_id, person]}}\n"
        "rules:\n  - {id: mask, message: {en: Masked.}, when: {category: pii}, then: redact}\n"
    )

    released = Guard(policy).check(text).released

    assert released == '{"name": "<PERSON_1>", "mail": "<EMAIL_1>", "id": "<CN_RESIDENT_ID_1>"}'
