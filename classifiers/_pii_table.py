r"""What personal data looks like: one row per form, RE2 pattern, how sure it is, and the words that make it surer.

RE2's ``\b`` and ``\d`` know ASCII only, which is what is wanted here: a digit next to a Chinese character is at a
boundary. A pattern with a group means the group; the rest is what has to stand around it.

Scores follow Presidio: a form alone has its own, words of context add 0.35, a proof gives 1.0. Forms that mean nothing
without their context have the context in the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Form:
    """One form of one entity.

    *judge* names the check; *score* is what the form is worth where the check has no opinion. *trim* are characters
    at which a candidate that is refuted is cut from its right end and tried again (the next sentence can look like one
    more part of a domain).
    """

    entity: str
    language: Literal["any", "en", "zh"]
    pattern: str
    score: float = 0.5
    judge: str = "plain"
    context: tuple[str, ...] = ()
    trim: str = ""


_LETTER = r"\p{Latin}\p{Greek}\p{Cyrillic}"
_HEX4 = "[0-9A-Fa-f]{1,4}"
_NUMBER_WORD = r"(?:\s?(?:no|nr|num|number|id|#)\b\.?)?"
_IS = r"\W{0,3}(?:is|was|are)?\W{0,3}"
_CARD_WORDS = ("card", "credit", "debit", "visa", "mastercard", "amex", "unionpay", "卡", "银联", "銀聯")
_PHONE_WORDS = (
    "phone", "phones", "telephone", "tel", "mobile", "cell", "cellphone", "call", "calls", "called", "fax", "office",
    "desk", "home", "contact", "dial", "sms", "whatsapp", "ring", "reach", "hotline",
    "电话", "手机", "联系", "号码", "致电", "拨打", "短信", "微信", "来电", "座机", "传真", "热线",
    "電話", "手機", "聯絡", "聯繫", "號碼", "致電", "撥打", "簡訊", "來電", "座機", "傳真", "熱線",
)  # fmt: skip
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓馮鄧蕭蔣葉蘇呂盧薑鍾譚陸賈韋鄒閻雷龍陶賀顧龔萬錢嚴湯"
)
_PROVINCE = "京津沪滬渝冀豫云雲辽遼黑湘皖鲁魯新苏蘇浙赣贛鄂桂甘晋晉蒙陕陝吉闽閩贵貴粤粵青藏川宁寧琼瓊使领"
_PLATE = "A-HJ-NP-Z0-9"
_SAYS = "[\\s：:是为為]{0,4}"
_MOBILE = r"1(?:[38]\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|9[0-35-9])"
"""Prefixes of mobile numbers that the Ministry of Industry and Information Technology has given out."""
_UNITS = "号院?|號院?|弄"
_ROOMS = "栋|棟|幢|座|号楼|號樓|单元|單元|楼|樓|层|層|室|号|號|户|戶"
_STREET = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Highway|Hwy|"
    "Parkway|Pkwy|Close|Crescent|Row"
)

FORMS = (
    # ---- any language
    Form(
        "email", "any",
        rf"[{_LETTER}0-9_][{_LETTER}0-9_.+%'-]*@(?:[{_LETTER}0-9](?:[{_LETTER}0-9-]*[{_LETTER}0-9])?\.)+[{_LETTER}][{_LETTER}0-9-]+",
        judge="email", trim=".",
    ),
    # Before cards, whose check digit one number in ten has by chance: these have a date and a context besides.
    Form(
        "cn_resident_id", "zh",
        r"\b[1-8]\d{5}[ -]?(?:18|19|20)\d\d[ -]?(?:0[1-9]|1[0-2])[ -]?(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[\dXx]\b",
        0.3, "resident_id",
        ("身份证", "身份證", "身分证", "身分證", "证件", "證件", "id card", "id number", "resident id"),
    ),
    Form("cn_resident_id", "zh", r"(?:身[份分][证證]|[证證]件)\PN{0,8}(\d{15})\b", 0.7, "old_resident_id"),
    Form(
        "credit_card", "any",
        r"\b(?:2[2-7]\d\d|3[04-9]\d\d|4\d{3}|5[0-8]\d\d|6\d{3})[- ]?\d{3,4}[- ]?\d{3,4}[- ]?\d{3,5}\b",
        0.3, "card", _CARD_WORDS,
    ),
    Form("credit_card", "any", r"\b(?:62\d\d|9558)(?:[- ]?\d{4}){3}[- ]?\d{1,3}\b", 0.3, "card", _CARD_WORDS),
    Form("iban", "any", r"\b[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?\b", judge="iban"),
    Form("crypto_wallet", "any", r"\b(?:bc1[a-z0-9]{25,87}|[13][1-9A-HJ-NP-Za-km-z]{25,34})\b", judge="crypto"),
    Form("crypto_wallet", "any", r"\b0x[0-9a-fA-F]{40}\b", 0.6, context=("wallet", "ethereum", "eth", "钱包")),
    Form("ip_address", "any", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", 0.6, "ip", ("ip", "address", "地址")),
    Form("ip_address", "any", rf"\b(?:{_HEX4}:){{3,7}}(?::?{_HEX4}){{1,5}}\b", 0.6, "ip", ("ip", "ipv6", "address")),
    Form("ip_address", "any", rf"\b(?:{_HEX4}:){{2,6}}(?::{_HEX4}){{1,5}}\b", 0.6, "ip", ("ip", "ipv6", "address")),
    Form("mac_address", "any", r"\b[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}\b", 0.6, "mac", ("mac", "address", "地址")),
    Form("mac_address", "any", r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}\b", 0.6, "mac", ("mac", "address", "地址")),
    Form(
        "url", "any",
        r"(?i)\b(?:https?://|www\.)[a-z0-9\p{Latin}.:_%@-]*[a-z0-9](?:[/?#](?:[!-;=?-~]*[0-9A-Za-z/=_-])?)?", 0.6,
    ),
    Form(
        "date_time", "any",
        r"\b(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12]\d|3[01])(?:[T ]\d{1,2}:\d\d(?::\d\d)?)?\b", 0.6,
    ),
    Form("date_time", "any", r"\b\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d\b", 0.6),
    # ---- English
    Form(
        "phone", "en",
        r"(?:\+|\b00)?(?:\(\d{1,5}\)|\d{1,5})(?:[ .\-/]{0,2}(?:\(\d{1,4}\)|\d{1,7})){1,6}"
        r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?",
        judge="phone", context=_PHONE_WORDS,
    ),
    Form("us_ssn", "en", r"\b\d{3}[- .]\d\d[- .]\d{4}\b", 0.6, "us_ssn", ("social", "security", "ssn")),
    Form("us_ssn", "en", rf"(?i)\b(?:ssn|social security){_NUMBER_WORD}{_IS}(\d{{9}})\b", 0.75, "us_ssn"),
    Form("passport", "en", rf"(?i)\bpassport{_NUMBER_WORD}{_IS}([A-Z]{{0,2}}\d{{6,9}})\b", 0.75),
    Form(
        "driver_license", "en",
        rf"(?i)\b(?:driver['’]?s?|driving) licen[cs]e{_NUMBER_WORD}{_IS}([A-Z]{{0,3}}[0-9][0-9A-Z-]{{3,15}}[0-9])\b",
        0.75,
    ),
    Form(
        "bank_account", "en",
        rf"(?i)\b(?:account|acct|a/c|iban|routing){_NUMBER_WORD}{_IS}(\d[\d -]{{6,20}}\d)\b", 0.75,
    ),
    Form(
        "tax_id", "en",
        rf"(?i)\b(?:itin|ein|tin|tax id|taxpayer id){_NUMBER_WORD}{_IS}(\d{{2,3}}-?\d{{2,7}}-?\d{{0,4}})\b", 0.75,
    ),
    Form(
        "tax_id", "en", r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b", 0.5,
        context=("national insurance", "nino", "ni number", "insurance"),
    ),
    Form("medical_license", "en", r"\b[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}\b", judge="medical_license"),
    Form(
        "address", "en",
        rf"\b\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? )?(?:[A-Z][\p{{Latin}}.'’-]+ ){{1,3}}(?:{_STREET})\b"
        r"(?:\.?,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|#)\.? ?[0-9A-Za-z-]+)?",
        0.7, context=("address", "live", "lives", "home", "street", "ship", "deliver"),
    ),
    Form("address", "en", r"(?i)\b(?:zip|postal|post)(?: ?code)?\W{1,3}(\d{5}(?:-\d{4})?)\b", 0.7),
    Form("address", "en", r"(?i)\bP\.? ?O\.? ?Box \d{1,6}\b", 0.7),
    # ---- Chinese
    Form(
        "cn_social_credit_code", "zh", r"\b[1-9ANY][1-9][0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}\b", 0.3, "social_credit",
        (
            "信用代码", "税号", "纳税人识别号", "营业执照", "统一社会", "信用代碼", "稅號", "納稅人識別號", "營業執照",
            "統一社會",
        ),
    ),
    Form("phone", "zh", rf"(?:\+86|\b0086|\b86)[- ]?{_MOBILE}[- ]?\d{{4}}[- ]?\d{{4}}\b", 0.9, context=_PHONE_WORDS),
    Form("phone", "zh", rf"\b{_MOBILE}[- ]?\d{{4}}[- ]?\d{{4}}\b", 0.7, context=_PHONE_WORDS),
    Form(
        "phone", "zh",
        r"(?:\b0|\(0|\+86[ -]?)(?:10|2\d|[3-9]\d\d)[-) ]{1,2}[2-8]\d{2,3}[- ]?\d{4}(?:[-转轉]\d{1,6})?\b", 0.65,
        context=_PHONE_WORDS,
    ),
    Form("phone", "zh", r"\b0(?:10|2\d|[3-9]\d\d)[2-8]\d{6,7}\b", 0.3, context=_PHONE_WORDS),
    Form("cn_plate", "zh", rf"[{_PROVINCE}][A-HJ-NP-Z][·•. -]?[{_PLATE}]{{5}}\b", 0.85, "plate"),
    Form(
        "cn_plate", "zh", rf"[{_PROVINCE}][A-HJ-NP-Z][·•. -]?(?:[A-HJK][{_PLATE}]\d{{4}}|\d{{5}}[A-HJK])\b", 0.9,
        "plate",
    ),
    Form("cn_plate", "zh", rf"[{_PROVINCE}][A-HJ-NP-Z][·•. -]?[{_PLATE}]{{4}}[挂掛学學警港澳领領]", 0.9, "plate"),
    Form("passport", "zh", r"[护護]照\PN{0,8}?\b([EGDSPHKM][A-HJ-NP-Z]?\d{7,8})\b", 0.8),
    Form("cn_travel_permit", "zh", r"通行[证證]\PN{0,8}?\b([CWTL][A-HJ-NP-Z]?\d{7,8}|[HM]\d{8}(?:\d\d)?)\b", 0.85),
    Form("cn_travel_permit", "zh", r"回[乡鄉][证證卡]\PN{0,8}?\b([HM]\d{8}(?:\d\d)?)\b", 0.85),
    Form("cn_travel_permit", "zh", r"[台臺]胞[证證]\PN{0,8}?\b(\d{8}(?:\d\d)?)\b", 0.85),
    Form(
        "hk_id_card", "zh", r"\b[A-Z]{1,2}\d{6}\([0-9A]\)", 0.6, "hk_id",
        ("香港", "身份证", "身份證", "hkid", "hong kong"),
    ),
    Form("hk_id_card", "zh", r"(?:香港\PN{0,6}身份[证證]|\bHKID)\PN{0,8}?\b([A-Z]{1,2}\d{6}[0-9A])\b", 0.6, "hk_id"),
    Form("mo_id_card", "zh", r"(?:澳[门門]\PN{0,6}身份[证證])\PN{0,8}?\b([157]\d{6}(?:\(\d\)|\d\b))", 0.85),
    Form(
        "tw_id_card", "zh", r"\b[A-Z][1289]\d{8}\b", 0.4, "tw_id",
        ("身分證", "身份證", "身分证", "身份证", "台灣", "臺灣", "台湾", "居留證", "居留证", "taiwan"),
    ),
    Form("im_account", "zh", r"\bwxid_[0-9a-z]{10,22}\b", 0.9),
    Form(
        "im_account", "zh",
        r"(?i)(?:[微威薇]信|\bv信|\bvx|\bwechat|\bweixin)(?:号|號|账号|帐号|帳號|賬號|\s?id)?\s?(?:[：:]|是|为|為)\s?"
        r"([A-Za-z][0-9A-Za-z_-]{5,19})\b", 0.75,
    ),
    Form(
        "im_account", "zh",
        r"(?i)(?:[微威薇]信|\bv信|\bvx|\bwechat|\bweixin)(?:号|號|账号|帐号|帳號|賬號|\s?id)?\s?"
        r"([A-Za-z][0-9A-Za-z_-]{5,19})\b", 0.7, "handle",
    ),
    Form(
        "im_account", "zh", rf"(?i)(?:\bqq|扣扣|秋秋|企[鹅鵝])(?:[号號][码碼]?|群)?{_SAYS}([1-9]\d{{4,10}})\b", 0.8
    ),
    Form("bank_account", "zh", r"(?:[账帐帳賬][号號户戶]|对公户|對公戶)\PN{0,8}(\d[\d -]{9,28}\d)\b", 0.75),
    Form("date_time", "zh", r"(?:19|20)\d\d年(?:1[0-2]|0?[1-9])月(?:(?:[12]\d|3[01]|0?[1-9])[日号號])?", 0.6),
    Form(
        "address", "zh",
        r"(?:住在|家住|住|位于|位於|[寄送][到往]|来自|來自|地址[是为為]?|在)?"
        r"((?:\p{Han}{2,8}?(?:省|市|自治区|自治區|特别行政区|特別行政區))?"
        r"(?:\p{Han}{1,8}?(?:市|区|區|县|縣|旗|自治州|镇|鎮|乡|鄉|街道)){1,3}"
        rf"\p{{Han}}{{1,10}}?(?:路|街|大道|巷|弄|道|胡同|村|里)\d{{1,5}}(?:{_UNITS})"
        rf"(?:\p{{Han}}{{0,8}}\d{{1,4}}(?:{_ROOMS})){{0,4}})",
        0.75, context=("地址", "住在", "住址", "寄到", "收货", "收貨", "家住"),
    ),
    Form(
        "person", "zh",
        "(?:姓名|联系人|聯絡人|收件人|收货人|收貨人|客户|客戶|患者|户名|戶名|[经經][办辦]人|[复複]核人|投保人|申[请請]人|持卡人"
        rf"|我叫|名叫|本人|我是)[：:是为為\s]{{0,3}}([{_SURNAMES}]\p{{Han}}{{1,2}})"
        r"(?:[\s，。,、；;！!？?（(]|今年|是|住|的|$)",
        0.7,
    ),
)  # fmt: skip
"""Every form. Among forms that claim the same characters with the same score the earlier row wins."""
