"""The one table of categories: our name, its names in other systems, in two languages.

A parent covers its children: a rule on ``pii`` fires on ``pii.email``. ``custom.*`` is open for policies' own names.

Sources: OpenAI moderation categories (omni-moderation-2024-09-26); MLCommons AILuminate hazard taxonomy S1–S14
(as numbered by Llama Guard 3); GB/T 45654-2025 annex A, whose 31 risks are cited as ``A.<group>-<letter>``.
"""

from __future__ import annotations

from dataclasses import dataclass

from guard.errors import did_you_mean


@dataclass(frozen=True, slots=True)
class Category:
    """One row: *openai*, *mlcommons* and *gbt45654* are the nearest names there, or None."""

    name: str
    en: str
    zh: str
    openai: str | None = None
    mlcommons: str | None = None
    gbt45654: str | None = None

    @property
    def parent(self) -> str | None:
        """The name one level up, or None at the top."""
        return self.name.rpartition(".")[0] or None


_NATIONAL = tuple(
    (f"pii.{name}", en, zh, None, "S7", "A.4-f")
    for name, en, zh in (
        ("aba_routing_number", "US bank routing numbers", "美国银行路由号码"),
        ("us_itin", "US individual taxpayer numbers", "美国个人纳税人号码"),
        ("us_bank_number", "US bank account numbers", "美国银行账号"),
        ("us_mbi", "US Medicare beneficiary numbers", "美国联邦医保号码"),
        ("us_npi", "US national provider numbers", "美国医疗服务者号码"),
        ("us_passport", "US passports", "美国护照"),
        ("uk_nhs", "UK NHS numbers", "英国国民医疗号码"),
        ("uk_nino", "UK national insurance numbers", "英国国民保险号码"),
        ("uk_passport", "UK passports", "英国护照"),
        ("uk_driving_licence", "UK driving licences", "英国驾驶证"),
        ("uk_vehicle_registration", "UK vehicle plates", "英国车牌"),
        ("uk_postcode", "UK postcodes", "英国邮编"),
        ("au_abn", "Australian business numbers", "澳大利亚企业号码"),
        ("au_acn", "Australian company numbers", "澳大利亚公司号码"),
        ("au_tfn", "Australian tax file numbers", "澳大利亚税号"),
        ("au_medicare", "Australian Medicare numbers", "澳大利亚医保号码"),
        ("ca_sin", "Canadian social insurance numbers", "加拿大社会保险号码"),
        ("de_id_card", "German identity cards", "德国身份证"),
        ("de_passport", "German passports", "德国护照"),
        ("de_tax_id", "German tax identification numbers", "德国税务识别号"),
        ("de_tax_number", "German tax numbers", "德国税号"),
        ("de_vat_id", "German VAT numbers", "德国增值税号"),
        ("de_social_security", "German pension insurance numbers", "德国养老保险号码"),
        ("de_health_insurance", "German health insurance numbers", "德国医疗保险号码"),
        ("es_nif", "Spanish tax and identity numbers", "西班牙身份与税号"),
        ("es_nie", "Spanish numbers of foreigners", "西班牙外国人号码"),
        ("es_passport", "Spanish passports", "西班牙护照"),
        ("fi_personal_identity_code", "Finnish personal identity codes", "芬兰个人身份号码"),
        ("in_aadhaar", "Indian Aadhaar numbers", "印度身份号码"),
        ("in_gstin", "Indian goods and services tax numbers", "印度商品服务税号"),
        ("in_pan", "Indian permanent account numbers", "印度永久账号"),
        ("in_passport", "Indian passports", "印度护照"),
        ("in_vehicle_registration", "Indian vehicle plates", "印度车牌"),
        ("in_voter", "Indian voter numbers", "印度选民号码"),
        ("it_driver_license", "Italian driving licences", "意大利驾驶证"),
        ("it_fiscal_code", "Italian fiscal codes", "意大利税号"),
        ("it_identity_card", "Italian identity cards", "意大利身份证"),
        ("it_passport", "Italian passports", "意大利护照"),
        ("it_vat_code", "Italian VAT numbers", "意大利增值税号"),
        ("kr_brn", "Korean business numbers", "韩国企业号码"),
        ("kr_driver_license", "Korean driving licences", "韩国驾驶证"),
        ("kr_frn", "Korean numbers of foreigners", "韩国外国人登录号码"),
        ("kr_passport", "Korean passports", "韩国护照"),
        ("kr_rrn", "Korean resident numbers", "韩国居民登录号码"),
        ("ng_nin", "Nigerian identity numbers", "尼日利亚身份号码"),
        ("ng_vehicle_registration", "Nigerian vehicle plates", "尼日利亚车牌"),
        ("ph_passport", "Philippine passports", "菲律宾护照"),
        ("ph_tin", "Philippine tax numbers", "菲律宾税号"),
        ("ph_umid", "Philippine identity cards", "菲律宾统一身份证"),
        ("pl_pesel", "Polish PESEL numbers", "波兰身份号码"),
        ("se_organisationsnummer", "Swedish organisation numbers", "瑞典组织号码"),
        ("se_personnummer", "Swedish personal identity numbers", "瑞典个人身份号码"),
        ("sg_nric_fin", "Singapore identity numbers", "新加坡身份号码"),
        ("sg_uen", "Singapore entity numbers", "新加坡机构号码"),
        ("th_tnin", "Thai identity numbers", "泰国身份号码"),
        ("tr_license_plate", "Turkish vehicle plates", "土耳其车牌"),
        ("tr_national_id", "Turkish identity numbers", "土耳其身份号码"),
        ("za_company_registration", "South African company numbers", "南非公司号码"),
        ("za_driver_license", "South African driving licences", "南非驾驶证"),
        ("za_id_number", "South African identity numbers", "南非身份号码"),
        ("za_income_tax_number", "South African tax numbers", "南非税号"),
        ("za_license_plate", "South African vehicle plates", "南非车牌"),
        ("za_passport", "South African passports", "南非护照"),
        ("za_vat_number", "South African VAT numbers", "南非增值税号"),
    )
)
"""Numbers that one country gives out, as Presidio calls them."""

_ROWS = (
    # name, English, 中文, OpenAI moderation, MLCommons, GB/T 45654
    ("toxicity", "Toxic language", "有害言论", "harassment", None, "A.4-a"),
    ("toxicity.severe", "Severe toxicity", "严重有害言论", "harassment", None, "A.4-a"),
    ("toxicity.obscene", "Obscene language", "污言秽语", None, None, "A.1-f"),
    ("toxicity.insult", "Insults", "侮辱", "harassment", None, "A.4-d"),
    ("toxicity.threat", "Threats", "威胁", "harassment/threatening", "S1", "A.4-a"),
    ("harassment", "Harassment", "骚扰", "harassment", None, "A.4-d"),
    ("harassment.threatening", "Threatening harassment", "威胁性骚扰", "harassment/threatening", "S1", "A.4-a"),
    ("hate", "Hate and attacks on identity", "仇恨与身份攻击", "hate", "S10", "A.2-i"),
    ("hate.threatening", "Threatening hate", "威胁性仇恨", "hate/threatening", "S10", "A.2-i"),
    ("sexual", "Sexual content", "色情内容", "sexual", "S12", "A.1-f"),
    ("sexual.minors", "Sexual content involving minors", "涉及未成年人的色情内容", "sexual/minors", "S4", "A.1-f"),
    ("violence", "Violence", "暴力", "violence", "S1", "A.1-f"),
    ("violence.graphic", "Graphic violence", "血腥暴力", "violence/graphic", "S1", "A.1-f"),
    ("self_harm", "Self-harm", "自我伤害", "self-harm", "S11", "A.4-a"),
    ("self_harm.intent", "Intent to self-harm", "自我伤害意图", "self-harm/intent", "S11", "A.4-a"),
    ("self_harm.instructions", "Instructions for self-harm", "自我伤害教唆", "self-harm/instructions", "S11", "A.4-a"),
    ("illicit", "Illicit activity", "违法行为", "illicit", "S2", "A.1-h"),
    ("illicit.violent", "Violent illicit activity", "暴力违法行为", "illicit/violent", "S9", "A.1-d"),
    ("defamation", "Defamation", "诽谤", None, "S5", "A.4-c"),
    ("specialized_advice", "Specialised advice", "专业建议", None, "S6", "A.5-a"),
    ("intellectual_property", "Intellectual property", "知识产权", None, "S8", "A.3-a"),
    ("elections", "Elections", "选举", None, "S13", "A.1-g"),
    ("prompt_attack", "Prompt attack", "提示词攻击", None, None, None),
    ("prompt_attack.injection", "Prompt injection", "提示词注入", None, None, None),
    ("prompt_attack.jailbreak", "Jailbreak", "越狱", None, None, None),
    ("prompt_attack.leak", "Prompt extraction", "提示词套取", None, None, None),
    ("pii", "Personal data", "个人信息", None, "S7", "A.4-f"),
    ("pii.person", "Names of persons", "姓名", None, "S7", "A.4-f"),
    ("pii.location", "Places", "地点", None, "S7", "A.4-f"),
    ("pii.organization", "Organisations", "组织机构", None, "S7", "A.4-f"),
    ("pii.address", "Postal addresses", "通信地址", None, "S7", "A.4-f"),
    ("pii.date_time", "Dates and times", "日期时间", None, "S7", "A.4-f"),
    ("pii.email", "E-mail addresses", "电子邮箱", None, "S7", "A.4-f"),
    ("pii.phone", "Telephone numbers", "电话号码", None, "S7", "A.4-f"),
    ("pii.credit_card", "Payment card numbers", "银行卡号", None, "S7", "A.4-f"),
    ("pii.iban", "International bank account numbers", "国际银行账号", None, "S7", "A.4-f"),
    ("pii.bank_account", "Bank account numbers", "银行账号", None, "S7", "A.4-f"),
    ("pii.crypto_wallet", "Cryptocurrency wallets", "加密货币钱包", None, "S7", "A.4-f"),
    ("pii.ip_address", "IP addresses", "IP 地址", None, "S7", "A.4-f"),
    ("pii.mac_address", "MAC addresses", "MAC 地址", None, "S7", "A.4-f"),
    ("pii.url", "Web addresses", "网址", None, "S7", "A.4-f"),
    ("pii.us_ssn", "US social security numbers", "美国社会安全号", None, "S7", "A.4-f"),
    ("pii.passport", "Passport numbers", "护照号码", None, "S7", "A.4-f"),
    ("pii.driver_license", "Driving licence numbers", "驾驶证号", None, "S7", "A.4-f"),
    ("pii.tax_id", "Tax numbers", "税号", None, "S7", "A.4-f"),
    ("pii.medical_license", "Medical licence numbers", "医师执业证号", None, "S7", "A.4-f"),
    ("pii.cn_resident_id", "Chinese resident identity numbers", "居民身份证号", None, "S7", "A.4-f"),
    ("pii.cn_social_credit_code", "Chinese unified social credit codes", "统一社会信用代码", None, "S7", "A.4-f"),
    ("pii.cn_plate", "Chinese vehicle plates", "车牌号", None, "S7", "A.4-f"),
    (
        "pii.cn_travel_permit",
        "Chinese permits to travel to and from Hong Kong, Macau, Taiwan",
        "港澳台通行证",
        None,
        "S7",
        "A.4-f",
    ),
    ("pii.hk_id_card", "Hong Kong identity cards", "香港身份证", None, "S7", "A.4-f"),
    ("pii.mo_id_card", "Macau identity cards", "澳门身份证", None, "S7", "A.4-f"),
    ("pii.tw_id_card", "Taiwan identity cards", "台湾身份证", None, "S7", "A.4-f"),
    ("pii.im_account", "Accounts of messengers", "微信、QQ 等账号", None, "S7", "A.4-f"),
    *_NATIONAL,
    ("secret", "Secrets", "密钥与凭证", None, None, "A.3-c"),
    ("secret.api_key", "API keys", "API 密钥", None, None, "A.3-c"),
    ("secret.token", "Access tokens", "访问令牌", None, None, "A.3-c"),
    ("secret.private_key", "Private keys", "私钥", None, None, "A.3-c"),
    ("secret.password", "Passwords", "口令", None, None, "A.3-c"),
    ("secret.connection_string", "Connection strings", "连接字符串", None, None, "A.3-c"),
    ("nsfw", "Sexual pictures", "色情图像", "sexual", "S12", "A.1-f"),
    ("mark", "Provenance marks", "来源标识", None, None, None),
    ("quality", "Low quality", "低质量内容", None, None, "A.5-b"),
    ("custom", "A policy's own category", "策略自定义类别", None, None, None),
)

CATEGORIES: dict[str, Category] = {row[0]: Category(*row) for row in _ROWS}
OPEN_PARENTS = ("custom", "mark", "quality")
"""Parents below which a policy or classifier may name children of its own."""

OPENAI_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
"""The 13 keys of an OpenAI moderation answer, in its order."""


def is_known(name: str) -> bool:
    """Whether *name* is in the table or below an open parent."""
    return name in CATEGORIES or any(name.startswith(f"{parent}.") for parent in OPEN_PARENTS)


def covers(parent: str, name: str) -> bool:
    """Whether a rule on *parent* fires on a finding of *name*.

    >>> covers("pii", "pii.email"), covers("pii.email", "pii")
    (True, False)
    """
    return name == parent or name.startswith(f"{parent}.")


def openai_name(name: str) -> str | None:
    """The OpenAI moderation category of *name*, its own or its nearest ancestor's."""
    current: str | None = name
    while current:
        category = CATEGORIES.get(current)
        if category is not None and category.openai is not None:
            return category.openai
        if category is not None and category.parent is None:
            return None
        current = current.rpartition(".")[0]
    return None


def suggest(name: str) -> str:
    """A hint for a category name that is not known."""
    return did_you_mean(name, CATEGORIES)
