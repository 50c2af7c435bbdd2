"""A bookshop's customer service in several turns, Chinese and English: ``POST /dialog``.

Retrieval (TF-IDF): the answer is the shop's own page that fits best to what was said, the last turn above all.
The server keeps the turns of a session, as many bots do.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from examples.serving import Wrong, main
from guard.demo.generator import Page, Retriever, read_pages

if TYPE_CHECKING:
    from collections.abc import Mapping

ASKED: tuple[dict[str, Any], ...] = (
    {"session": "s1", "say": "怎么退货？"},
    {"session": "s2", "say": "How do I return a book? I paid with 4111 1111 1111 1111."},
    {"session": "s2", "say": "and who pays for it?"},
    {"session": "s2", "say": "Oh, shut up!"},
)
_SESSIONS, _TURNS = 1000, 6
_LANGUAGES = ("en", "zh")
_AGAIN = {
    "en": "I am not sure what you mean. Could you say it differently?",
    "zh": "我没有明白您的意思，能换一种说法吗？",
}
_turns: OrderedDict[str, list[str]] = OrderedDict()
_one_at_a_time = threading.Lock()


@functools.cache
def _pages(language: str) -> tuple[list[Page], Retriever]:
    pages = read_pages(resources.files("guard.demo").joinpath(f"corpus_{language}.txt").read_text("utf-8"))
    return pages, Retriever(pages)


def reply(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one turn: what to say, and from which page it is."""
    said, session = asked.get("say"), str(asked.get("session", ""))[:64]
    if not isinstance(said, str) or not said.strip():
        raise Wrong("say should be a text")
    with _one_at_a_time:
        turns = _turns.setdefault(session, []) if session else []
        _turns.move_to_end(session) if session else None
        turns += [said]
        del turns[:-_TURNS]
        if len(_turns) > _SESSIONS:
            _turns.popitem(last=False)
        heard = list(turns)
    language = "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in said) else "en"
    pages, retriever = _pages(language)
    weights = np.asarray(retriever.weights(heard))
    best = int(weights.argmax())
    sure = float(weights[best] / (weights.sum() or 1))
    if len(pages) > 1 and weights.min() == 1:
        return {"say": _AGAIN[language], "turn": len(heard), "sources": []}
    source = {"question": pages[best].question, "share": round(sure, 4)}
    return {"say": pages[best].answer, "turn": len(heard), "sources": [source]}


if __name__ == "__main__":
    main("bot")
