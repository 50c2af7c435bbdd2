"""Ollama's endpoint for a single prompt, request and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from guard.protocols.ollama import OllamaAdapter
from guard.protocols.ollama_fields import GENERATE, GENERATE_ANSWER
from guard.protocols.ollama_stream import OllamaStream

if TYPE_CHECKING:
    from guard.protocols.contract import Object
    from guard.protocols.stream import AnswerStream


class OllamaGenerate(OllamaAdapter):
    """``POST /api/generate``."""

    name = "ollama_generate"
    routes: ClassVar[tuple[str, ...]] = ("/api/generate",)
    request: ClassVar[Object] = GENERATE
    answer: ClassVar[Object] = GENERATE_ANSWER
    holder: ClassVar[str] = ""
    said: ClassVar[str] = "response"

    def codec(self, asked: Any) -> AnswerStream:  # noqa: ARG002
        """Line by line."""
        return OllamaStream.of_generate()


ADAPTER = OllamaGenerate()
