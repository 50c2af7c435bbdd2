"""What a refusal says: by code, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guard.decision import Cause, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_FILTER = "content_filter"

_CODES = {
    Cause.ERROR: "guard_unavailable",
    Cause.TIMEOUT: "guard_timeout",
    Cause.OVERLOAD: "guard_overloaded",
}

_FILTERED = {
    "en": "This content is not allowed by the content policy.",
    "zh": "该内容不符合内容策略，已被拦截。",
}

_WORDS: dict[Cause, dict[str, str]] = {
    Cause.UNSCANNABLE: {
        "en": "Part of this content could not be checked, so it was not let through.",
        "zh": "部分内容无法检查，因此未予放行。",
    },
    Cause.ERROR: {
        "en": "The content check is not available, so nothing was let through. Please try again later.",
        "zh": "内容检查暂不可用，内容未予放行，请稍后重试。",
    },
    Cause.TIMEOUT: {
        "en": "The content check took too long, so nothing was let through. Please try again later.",
        "zh": "内容检查超时，内容未予放行，请稍后重试。",
    },
    Cause.OVERLOAD: {
        "en": "The content check is overloaded, so nothing was let through. Please try again later.",
        "zh": "内容检查繁忙，内容未予放行，请稍后重试。",
    },
}


def in_locale(texts: Mapping[str, str], locale: str) -> str | None:
    """The text for *locale*, else for its language, else the English one, else None.

    Locales are BCP 47 tags, compared without regard to case or ``_`` (``zh_CN`` is ``zh-cn``).

    >>> in_locale({"en": "no", "zh": "否"}, "zh-Hant-TW")
    '否'
    """
    known = {_tag(name): text for name, text in texts.items() if text}
    for wanted in (_tag(locale), "en"):
        language = wanted.partition("-")[0]
        for name in (wanted, language):
            if name in known:
                return known[name]
        for name, text in known.items():
            if name.partition("-")[0] == language:
                return text
    return None


def in_english_or_chinese(texts: Mapping[str, str], locale: str) -> str:
    """One of our own texts: the Chinese one for any ``zh`` locale, the English one for all others."""
    return texts["zh" if _tag(locale).partition("-")[0] == "zh" else "en"]


def refusal(
    locale: str,
    *,
    cause: Cause = Cause.RULES,
    rules: tuple[str, ...] = (),
    message: str | None = None,
    retry_after_s: float = 0.0,
) -> Refusal:
    """What is sent for *cause*; *message* instead of our own words, if a rule brought one."""
    words = message or in_english_or_chinese(_WORDS.get(cause, _FILTERED), locale)
    return Refusal(_CODES.get(cause, CONTENT_FILTER), words, rules, retry_after_s)


def unread(pointer: str, reason: str, locale: str) -> str:
    """Says which part could not be read and why. *pointer* and *reason* hold no content; reasons are in English."""
    place = pointer or "/"
    texts = {
        "en": f"`{place}` could not be checked, so it was not let through: {reason}.",
        "zh": f"`{place}` 无法检查，因此未予放行：{reason}。",
    }
    return in_english_or_chinese(texts, locale)


def unmade(locale: str) -> str:
    """Says that something could not be changed as the policy asks."""
    texts = {
        "en": "Part of this content was to be changed by the content policy and could not be; it was not let through.",
        "zh": "按内容策略须修改部分内容，但未能完成修改，因此未予放行。",
    }
    return in_english_or_chinese(texts, locale)


def held(locale: str) -> str:
    """Says that somebody has to look at something first."""
    texts = {
        "en": "This content is held until a person has reviewed it.",
        "zh": "该内容须经人工审核后方可放行。",
    }
    return in_english_or_chinese(texts, locale)


def _tag(locale: str) -> str:
    return locale.strip().lower().replace("_", "-")
