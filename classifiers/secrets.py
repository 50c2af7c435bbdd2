"""Keys, tokens, passwords and connection strings, by their forms; the forms are in ``data/secrets.toml``.

text ─RE2 gate→ forms that occur ─their spans→ entropy, placeholders → overlaps resolved → findings
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar

from classifiers._growth import Growth, Turned
from classifiers._scan import Scanner, encode, strongest
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_MASK = re.compile(r"[xX]{6,}|\*{3,}|\.{4,}")
_PLACEHOLDER = re.compile(
    r"""^[<{\[(].*|\$\{|\{\{|^\$\w+|^%\w+%$|
    (?:^|[\W_])(?:your|my|insert|enter|change|replace|dummy|fake|sample|example|placeholder|redacted|here)(?:[\W_]|$)|
    changeme|^(?:pass(?:word|wd|phrase)?|pwd|pw|secret|token)$|^(?:process\.env|os\.|env\.|config[.\[])|0123456789|abcdefgh""",
    re.IGNORECASE | re.VERBOSE,
)
"""What stands where a secret would: masks, variables, words that say "put yours here"."""
_CODE = re.compile(r"[A-Za-z_][\w.]*(?:\(.*|\[.*)")
"""A call or an index: the value comes from somewhere else."""
_NAME = 64
"""Characters before a secret that are looked at for its name."""
_CLOSING = ".!?)]}>。！？）】"
_PREFIXED = 1.0
"""Forms of this score carry their provider's prefix: random letters behind it may spell a word and still be a key."""


@dataclass(frozen=True)
class SecretsOptions:
    """Findings below *min_score* are not reported. Provider keys score 1.0, a word and a value behind it 0.6 to 0.9."""

    min_score: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.min_score <= 1.0:
            msg = "`min_score` is not between 0 and 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class _Form:
    id: str
    category: str
    pattern: str
    score: float
    entropy: float = 0.0
    digits: int = 0
    unless: str = ""


class Secrets(Classifier[str]):
    """Finds secrets and says where."""

    Options: ClassVar[type[Any]] = SecretsOptions
    categories = frozenset(
        {"secret.api_key", "secret.token", "secret.private_key", "secret.password", "secret.connection_string"}
    )
    reads: Reads = "stretches"
    horizon = 8_320  # tokens and private keys of 8 kB
    window = 65_536
    batch_cost = 65_536
    inline_cost = 1_000
    version = "forms-2"
    options: SecretsOptions

    def load(self) -> None:
        """Read the table of forms and compile it."""
        table = tomllib.loads(resources.files("classifiers").joinpath("data/secrets.toml").read_text("utf-8"))
        rows: list[dict[str, Any]] = table["form"]
        self._forms = [form for form in (_Form(**row) for row in rows) if form.score >= self.options.min_score]
        self._harmless = [re.compile(form.unless + r"\W{0,12}$") if form.unless else None for form in self._forms]
        self._scanner = Scanner([form.pattern for form in self._forms])
        self._growth = Growth([form.pattern for form in self._forms], horizon=self.horizon)
        self.classify(["warm up: password = Tr0ub4dor&3"])

    def prepare(self, part: Readable) -> str:
        """The text itself."""
        if not isinstance(part, View):
            msg = "secrets are looked for in text only"
            raise Unreadable(msg)
        return part.text

    def cost(self, item: str) -> int:
        """Characters, at least 1."""
        return len(item) or 1

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """Findings with spans, in the order of the text."""
        return [self._judge(text) for text in items]

    def pending(self, text: str) -> int:
        """Where what could be a secret begins that has not ended, a window back at most."""
        start = max(0, len(text) - self.window)
        shown = text[start:]
        return start + self._growth.cut(Turned(shown), lambda: self._scanner.occurring(encode(shown)))

    def _judge(self, text: str) -> list[Finding]:
        forms, spans = [], []
        for index, start, end in self._scanner.find(text):
            form, secret = self._forms[index], text[start:end]
            if form.category == "secret.password":
                secret = secret.rstrip(_CLOSING)
            harmless = self._harmless[index]
            if harmless is not None and harmless.search(text, max(0, start - _NAME), start):
                continue
            if _is_real(secret, form):
                forms.append(form)
                spans.append((start, start + len(secret)))
        kept = strongest(spans, lambda i: forms[i].score)
        return [Finding(forms[i].category, forms[i].score, spans[i], evidence=f"form {forms[i].id}") for i in kept]


def entropy(text: str) -> float:
    """Shannon entropy of the characters of *text*, in bits a character.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    length = len(text)
    return sum(-n / length * math.log2(n / length) for n in Counter(text).values()) + 0.0


def _is_real(secret: str, form: _Form) -> bool:
    """Whether *secret* can be one, and not a mask, a variable or an example."""
    if form.category == "secret.private_key":
        return True
    if sum(map(str.isdigit, secret)) < form.digits or entropy(secret) < form.entropy:
        return False
    if _MASK.search(secret) or (form.score < _PREFIXED and _PLACEHOLDER.search(secret)):
        return False
    return form.category != "secret.password" or _CODE.fullmatch(secret) is None
