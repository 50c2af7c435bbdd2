"""Chinese sentences with personal data that nobody has: made up, but with right check digits; the same every time.

Check digits are computed here from the standards (GB 11643, GB 32100, ISO/IEC 7812-1, Hong Kong's), not by the code
that is measured.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, NamedTuple

from benchmarks._pii_zh_templates import DEVELOPMENT, FRESH, HELD_BACK

if TYPE_CHECKING:
    from collections.abc import Callable

EACH = 4
"""Sentences made of one template."""


SETS = {"development": (DEVELOPMENT, 10_007), "held back": (HELD_BACK, 20_011), "fresh": (FRESH, 30_011)}
"""The lists of templates, and the seeds of their values."""


class Marked(NamedTuple):
    """A text and what is in it: ``(entity, start, end)``."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


_REGIONS = (
    "110105", "310115", "440305", "330106", "510107", "420106", "320102", "610113", "350203", "370202", "500103",
    "120104", "210102", "430104", "450103", "530102", "650102", "340104",
)  # fmt: skip
_BINS = (
    ("622202", 19), ("621226", 19), ("621700", 19), ("622848", 19), ("621661", 19), ("622588", 16), ("621483", 16),
    ("622262", 19), ("621799", 19), ("622700", 19), ("623058", 19), ("436742", 16), ("552245", 16), ("625912", 16),
)  # fmt: skip
_MOBILE = (
    "130", "131", "132", "133", "135", "136", "137", "138", "139", "147", "150", "151", "152", "155", "157", "158",
    "159", "166", "170", "172", "173", "176", "177", "178", "180", "182", "185", "186", "187", "188", "189", "191",
    "193", "195", "198", "199",
)  # fmt: skip
_AREA = ("010", "021", "020", "0755", "0571", "028", "027", "025", "0592", "0512", "0731", "029")
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏"
    "吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严"
)
_DOUBLE = ("欧阳", "司马", "上官", "诸葛", "慕容", "夏侯", "皇甫", "尉迟")
_GIVEN = (
    "伟", "芳", "娜", "敏", "静", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超",
    "秀兰", "霞", "平", "刚", "桂英", "建国", "志强", "晓红", "雨桐", "子涵", "浩然", "梓萱", "欣怡", "俊杰",
    "雅婷", "思远", "文博", "国栋", "丽华", "海燕", "春梅", "玉兰", "振宇", "嘉怡", "一诺", "若曦", "天佑", "佳琪",
    "永强", "小龙", "红梅", "泽宇",
)  # fmt: skip
_PLACES = (
    ("北京市", "", ("朝阳区", "海淀区", "西城区", "通州区")), ("上海市", "", ("浦东新区", "徐汇区", "静安区")),
    ("广东省", "深圳市", ("南山区", "福田区", "宝安区")), ("广东省", "广州市", ("天河区", "越秀区", "番禺区")),
    ("浙江省", "杭州市", ("西湖区", "余杭区", "滨江区")), ("四川省", "成都市", ("武侯区", "锦江区", "高新区")),
    ("江苏省", "苏州市", ("姑苏区", "吴中区")), ("湖北省", "武汉市", ("洪山区", "江汉区")),
    ("陕西省", "西安市", ("雁塔区", "碑林区")), ("福建省", "厦门市", ("思明区", "湖里区")),
    ("山东省", "青岛市", ("市南区", "崂山区")), ("湖南省", "长沙市", ("岳麓区", "芙蓉区")),
)  # fmt: skip
_ROADS = (
    "人民路", "中山北路", "建国门外大街", "科技园南路", "解放西路", "文三路", "天府大道", "长安街", "和平里东街",
    "学院路", "滨江大道", "珠江路", "古墩路", "高新四路", "湖滨南路", "香港中路",
)  # fmt: skip
_ESTATES = ("阳光花园", "翠湖小区", "世纪家园", "绿地大厦", "金色家园", "华润广场", "")
_CITIES = "ABCDEFGHJK"
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
_HANDLES = ("sunny", "lily", "kevin", "xiaoyu", "moon", "happy", "leo", "cat")


class _Maker:
    """Makes up values. Each method gives ``(entity, value)``; entity "" is what only looks like one."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self, kind: str) -> tuple[str, str]:
        method: Callable[[], tuple[str, str]] = getattr(self, kind)
        return method()

    def _digits(self, count: int, first: str = "0123456789") -> str:
        return self._random.choice(first) + "".join(self._random.choices("0123456789", k=count - 1))

    def _birthday(self, first: int = 1950, last: int = 2009) -> str:
        r = self._random
        return f"{r.randint(first, last)}{r.randint(1, 12):02}{r.randint(1, 28):02}"

    def _resident(self) -> str:
        body = self._random.choice(_REGIONS) + self._birthday() + self._digits(3)
        total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
        return body + "10X98765432"[total % 11]

    def resident_id(self) -> tuple[str, str]:
        return "cn_resident_id", self._resident()

    def resident_id_spaced(self) -> tuple[str, str]:
        code, mark = self._resident(), self._random.choice(" -")
        return "cn_resident_id", mark.join((code[:6], code[6:14], code[14:]))

    def resident_id_wide(self) -> tuple[str, str]:
        return "cn_resident_id", self._resident().translate(_WIDE)

    def old_resident_id(self) -> tuple[str, str]:
        return "cn_resident_id", self._random.choice(_REGIONS) + self._birthday(1935, 1975)[2:] + self._digits(3)

    def bad_resident_id(self) -> tuple[str, str]:
        code = self._resident()
        return "", code[:10] + self._random.choice(("13", "15", "00")) + code[12:]

    def _card(self) -> str:
        start, length = self._random.choice(_BINS)
        body = start + self._digits(length - len(start) - 1)
        total = sum(sum(divmod(int(d) * (2 if place % 2 == 0 else 1), 10)) for place, d in enumerate(reversed(body)))
        return body + str(-total % 10)

    def bank_card(self) -> tuple[str, str]:
        return "credit_card", self._card()

    def bank_card_spaced(self) -> tuple[str, str]:
        return "credit_card", " ".join(re.findall(r"\d{1,4}", self._card()))

    def bad_card(self) -> tuple[str, str]:
        card = self._card()
        return "", card[:-1] + str((int(card[-1]) + self._random.randint(1, 9)) % 10)

    def _mobile(self) -> str:
        return self._random.choice(_MOBILE) + self._digits(8)

    def mobile(self) -> tuple[str, str]:
        return "phone", self._mobile()

    def mobile_dashed(self) -> tuple[str, str]:
        number, mark = self._mobile(), self._random.choice(" -")
        return "phone", mark.join((number[:3], number[3:7], number[7:]))

    def mobile_wide(self) -> tuple[str, str]:
        return "phone", self._mobile().translate(_WIDE)

    def landline(self) -> tuple[str, str]:
        return "phone", f"{self._random.choice(_AREA)}-{self._digits(8, '23568')}"

    def credit_code(self) -> tuple[str, str]:
        alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
        body = self._random.choice(("91", "92", "52", "12")) + self._random.choice(_REGIONS)
        body += "".join(self._random.choices(alphabet, k=9))
        total = sum(alphabet.index(char) * pow(3, place, 31) for place, char in enumerate(body))
        return "cn_social_credit_code", body + alphabet[-total % 31]

    def passport(self) -> tuple[str, str]:
        start = self._random.choice(("E", "G", "EA", "EB", "EH", "EJ"))
        return "passport", start + self._digits(9 - len(start))

    def hk_permit(self) -> tuple[str, str]:
        start = self._random.choice(("C", "CA", "CB", "CD"))
        return "cn_travel_permit", start + self._digits(9 - len(start))

    def tw_permit(self) -> tuple[str, str]:
        return "cn_travel_permit", self._random.choice("TL") + self._digits(8)

    def home_permit(self) -> tuple[str, str]:
        return "cn_travel_permit", self._random.choice("HM") + self._digits(self._random.choice((8, 10)))

    def tw_compatriot(self) -> tuple[str, str]:
        return "cn_travel_permit", self._digits(8)

    def hk_id(self) -> tuple[str, str]:
        letter, number = self._random.choice("ABCDEGHKMPRSVYZ"), self._digits(6)
        values = [36, ord(letter) - 55, *map(int, number)]
        rest = -sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True)) % 11
        return "hk_id_card", f"{letter}{number}({'A' if rest == 10 else rest})"

    def plate(self) -> tuple[str, str]:
        mark = self._random.choice(("", "", "·", " "))
        body = "".join(self._random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=4)) + self._digits(1)
        return "cn_plate", self._random.choice(_PROVINCES) + self._random.choice(_CITIES) + mark + body

    def plate_new(self) -> tuple[str, str]:
        body = self._random.choice("DF") + self._digits(5)
        return "cn_plate", self._random.choice(_PROVINCES) + self._random.choice(_CITIES) + body

    def address(self) -> tuple[str, str]:
        r = self._random
        province, city, districts = r.choice(_PLACES)
        found = (province if r.random() < 0.7 or not city else "") + city + r.choice(districts)
        found += f"{r.choice(_ROADS)}{r.randint(1, 999)}号{r.choice(_ESTATES)}"
        if r.random() < 0.8:
            found += f"{r.randint(1, 30)}{r.choice(('栋', '号楼', '幢', '座'))}"
            found += f"{r.randint(1, 4)}单元" if r.random() < 0.5 else ""
            found += f"{r.randint(1, 33)}0{r.randint(1, 6)}室"
        return "address", found

    def person(self) -> tuple[str, str]:
        r = self._random
        surname = r.choice(_DOUBLE) if r.random() < 0.05 else r.choice(_SURNAMES)
        return "person", surname + r.choice(_GIVEN)

    def wechat(self) -> tuple[str, str]:
        r = self._random
        if r.random() < 0.4:
            return "im_account", "wxid_" + "".join(r.choices("abcdefghijkmnopqrstuvwxyz0123456789", k=14))
        return "im_account", f"{r.choice(_HANDLES)}{r.choice('_-')}{r.randint(10, 99999)}"

    def qq(self) -> tuple[str, str]:
        return "im_account", self._digits(self._random.randint(6, 10), "123456789")

    def email(self) -> tuple[str, str]:
        r = self._random
        host = r.choice(("qq.com", "163.com", "sina.cn", "example.com.cn"))
        return "email", f"{r.choice(_HANDLES)}{r.randint(1, 9999)}@{host}"

    def order(self) -> tuple[str, str]:
        return "", f"2024{self._random.randint(1, 12):02}{self._random.randint(1, 28):02}" + self._digits(12)

    def tracking(self) -> tuple[str, str]:
        return "", self._random.choice(("SF", "YT", "JT", "ZTO")) + self._digits(13)

    def timestamp(self) -> tuple[str, str]:
        return "", self._random.choice(("17", "16")) + self._digits(self._random.choice((8, 11)))

    def hex(self) -> tuple[str, str]:
        return "", "".join(self._random.choices("0123456789abcdef", k=16))

    def sha(self) -> tuple[str, str]:
        return "", "".join(self._random.choices("0123456789abcdef", k=40))

    def price(self) -> tuple[str, str]:
        return "", f"{self._random.randint(1, 99999)}.{self._random.randint(0, 99):02}"

    def version(self) -> tuple[str, str]:
        r = self._random
        return "", f"v{r.randint(1, 20)}.{r.randint(0, 40)}.{r.randint(0, 300)}"

    def meeting(self) -> tuple[str, str]:
        return "", f"{self._digits(3, '123456789')}-{self._digits(3)}-{self._digits(3)}"

    def number(self) -> tuple[str, str]:
        return "", str(self._random.randint(2, 99999))

    def barcode(self) -> tuple[str, str]:
        return "", "69" + self._digits(11)


def sentences(which: str) -> list[Marked]:
    """The sentences of one of `SETS`, `EACH` of every template, in order."""
    templates, seed = SETS[which]
    maker = _Maker(seed)
    return [_filled(template, maker) for template in templates for _ in range(EACH)]


def _filled(template: str, maker: _Maker) -> Marked:
    text, spans = "", []
    for literal, kind in re.findall(r"((?:[^{}]|\{\{|\}\})*)(?:\{(\w+)\})?", template):
        text += literal.replace("{{", "{").replace("}}", "}")
        if kind:
            entity, value = maker.make(kind)
            if entity:
                spans.append((entity, len(text), len(text) + len(value)))
            text += value
    return Marked(text, tuple(spans))
