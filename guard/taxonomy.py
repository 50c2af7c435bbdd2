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
        "Permits to travel between the mainland, Hong Kong, Macau and Taiwan",
        "港澳台通行证",
        None,
        "S7",
        "A.4-f",
    ),
    ("pii.hk_id_card", "Hong Kong identity cards", "香港身份证", None, "S7", "A.4-f"),
    ("pii.mo_id_card", "Macau identity cards", "澳门身份证", None, "S7", "A.4-f"),
    ("pii.tw_id_card", "Taiwan identity cards", "台湾身份证", None, "S7", "A.4-f"),
    ("pii.im_account", "Accounts of messengers", "微信、QQ 等账号", None, "S7", "A.4-f"),
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
