"""Proofs and refutations for numbers that mean a person: check digits, dates, address blocks. Pure.

Every check takes the text of a candidate and says whether it can be what it looks like.
"""

from __future__ import annotations

import datetime
import ipaddress
import re

_DIGITS = re.compile(r"[^0-9]")
_DATE = re.compile(
    r"(?:(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}(?:[ T]\d{1,2})?|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)?\d\d)", re.ASCII
)

_PRICE = re.compile(r"[0-9]+\.[0-9]{1,2}")
_EXTENSION = re.compile(r"\s?(?:x|ext)", re.IGNORECASE)

_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PROVINCES = frozenset(
    map(
        str,
        (
            *range(11, 16),
            *range(21, 24),
            *range(31, 38),
            *range(41, 47),
            *range(50, 55),
            *range(61, 66),
            71,
            81,
            82,
            83,
        ),
    )
)
_TW_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
"""Letters of Taiwan's counties in the order of their numbers, from 10 on."""
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
"""Letters and digits of an IBAN by country: SWIFT IBAN registry (ISO 13616)."""

_CARDS: tuple[tuple[tuple[str, ...], int, int], ...] = (
    (("4",), 13, 19),  # Visa
    (("51", "52", "53", "54", "55"), 16, 16),  # Mastercard
    (tuple(map(str, range(2221, 2721))), 16, 16),
    (("34", "37"), 15, 15),  # American Express
    (("30", "36", "38", "39"), 14, 19),  # Diners Club
    (("35",), 16, 19),  # JCB
    (("60", "64", "65"), 16, 19),  # Discover, RuPay
    (("62", "9558"), 16, 19),  # UnionPay
    (("50", "56", "57", "58", "63", "67"), 12, 19),  # Maestro
)
"""How numbers of payment cards begin, and how many digits they have at least and at most."""


def digits(text: str) -> str:
    """The ASCII digits of *text*, in order."""
    return _DIGITS.sub("", text)


def dialled(text: str) -> str:
    """A telephone number without its extension."""
    return _EXTENSION.split(text, maxsplit=1)[0]


def luhn(text: str) -> bool:
    """Whether the digits of *text* end in a right Luhn check digit (ISO/IEC 7812-1), and are not all the same."""
    number = digits(text)
    total = sum(int(d) for d in number[-1::-2]) + sum(sum(divmod(2 * int(d), 10)) for d in number[-2::-2])
    return total % 10 == 0 and len(set(number)) > 1


def card_number(text: str) -> bool:
    """Whether the digits of *text* can be a payment card's number: a network's range and length, and Luhn's digit.

    Ranges of the networks (ISO/IEC 7812; UnionPay's 62 and the older 9558 of China, 16 to 19 digits). A bar code of 13
    digits that begins with 6 is none.
    """
    number = digits(text)
    fits = any(number.startswith(starts) and least <= len(number) <= most for starts, least, most in _CARDS)
    return fits and luhn(number)


def iban_length(text: str) -> int:
    """How many characters at the start of *text* are an IBAN, 0 if none are.

    An IBAN has the length of its country and is 1 modulo 97 (ISO 13616, ISO/IEC 7064 MOD 97-10); what follows may look
    like one more group of it, and is the next word of the sentence.
    """
    places = [i for i, c in enumerate(text) if c.isalnum()][: _IBAN_LENGTHS.get(text[:2], 0)]
    if not places or len(places) < _IBAN_LENGTHS[text[:2]] or text[places[-1] + 1 : places[-1] + 2].isalnum():
        return 0
    code = "".join(text[i] for i in places)
    return places[-1] + 1 if int("".join(str(int(c, 36)) for c in code[4:] + code[:4])) % 97 == 1 else 0


def resident_id(text: str) -> bool:
    """Whether *text* is a Chinese resident identity number of 18 characters (GB 11643, ISO/IEC 7064 MOD 11-2)."""
    code = "".join(c for c in text.upper() if c.isalnum())
    if len(code) != 18 or not _is_region(code) or not _is_date(code[6:14]):
        return False
    remainder = sum(int(d) * w for d, w in zip(code[:17], _RESIDENT_WEIGHTS, strict=True)) % 11
    return code[17] == "10X98765432"[remainder]


def old_resident_id(text: str) -> bool:
    """Whether *text* can be an identity number of the form used until 1999: 15 digits, no check digit."""
    return len(text) == 15 and _is_region(text) and _is_date("19" + text[6:12])


def social_credit_code(text: str) -> bool:
    """Whether *text* is a unified social credit code (GB 32100, weights 3^i modulo 31)."""
    if len(text) != 18 or any(c not in _CREDIT_ALPHABET for c in text):
        return False
    total = sum(_CREDIT_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(text[:17]))
    return _CREDIT_ALPHABET.index(text[17]) == -total % 31


def hk_id_card(text: str) -> bool:
    """Whether *text* is the number of a Hong Kong identity card: weights 9 to 2 over letters and digits, modulo 11."""
    code = "".join(c for c in text if c.isalnum())
    if not 8 <= len(code) <= 9:
        return False
    values = [36] * (9 - len(code)) + [int(c, 36) for c in code[:-1]]
    total = sum(value * weight for value, weight in zip(values, range(9, 1, -1), strict=True))
    return (total + (10 if code[-1] == "A" else int(code[-1], 36))) % 11 == 0


def tw_id_card(text: str) -> bool:
    """Whether *text* is the number of a Taiwan identity card: the letter's number and eight digits, modulo 10."""
    number = _TW_LETTERS.index(text[0]) + 10
    values = [number // 10, number % 10, *map(int, text[1:])]
    return (
        sum(value * weight for value, weight in zip(values, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0
    )


def handle(text: str) -> bool:
    """Whether *text* looks like an account that somebody chose, not like a word: it has a digit or a low line."""
    return any(c.isdigit() or c == "_" for c in text)


def plate(text: str) -> bool:
    """Whether what follows the province and city of a vehicle plate has a digit, as every issued plate has."""
    return any(c in "0123456789" for c in text[2:])


def public_address(text: str) -> bool:
    """Whether *text* is an IP address that can point at somebody: not loopback, documentation, multicast or unset."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


def mac_address(text: str) -> bool:
    """Whether *text* is a hardware address other than all zeros and broadcast."""
    return len(set(text.upper()) - set(":-")) > 1


def looks_like_date(text: str) -> bool:
    """Whether *text* has the shape of a numeric date, which telephone numbers in national form can share."""
    return _DATE.fullmatch(text.strip()) is not None


def looks_like_price(text: str) -> bool:
    """Whether *text* is a decimal number with one or two places."""
    return _PRICE.fullmatch(text.strip()) is not None


def _is_region(code: str) -> bool:
    """Whether a resident identity number begins with a province, a prefecture and a county of it (GB/T 2260)."""
    return code[:2] in _PROVINCES and code[2:4] != "00" and code[4:6] != "00"


def _is_date(text: str) -> bool:
    try:
        day = datetime.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return day.year >= 1850
