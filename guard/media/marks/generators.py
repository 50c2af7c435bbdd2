"""Traces that generators leave in metadata: their settings, prompts, names and signatures.

What counts is the content: a field called ``parameters`` or ``prompt`` alone says nothing. The list follows the
writers' own sources (AUTOMATIC1111's stable-diffusion-webui, ComfyUI, InvokeAI, NovelAI, Fooocus, Draw Things) and
files of others.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = (
    "a1111", "comfyui", "invokeai", "novelai", "fooocus", "drawthings", "xai", "midjourney", "google", "tencent",
    "named",
)  # fmt: skip

_MOST = 1 << 20
_A1111 = re.compile(
    r"\bSteps: \d{1,4}, (?:.{0,400}?, )?(?:Sampler|CFG scale|Seed|Schedule type): ?[\w.+ -]+", re.DOTALL
)
_SIGNATURE = re.compile(r"\ASignature: [A-Za-z0-9+/=_-]{40,4000}\Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_JOB = re.compile(r"\bJob ID: ?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_NAMES = re.compile(
    r"\b(?:Stable Diffusion|NovelAI|ComfyUI|InvokeAI|Midjourney|DALL[-·. ]?E|Ideogram(?: AI)?|Leonardo\.?AI|"
    r"Adobe Firefly|Black Forest Labs|FLUX\.1|Google Imagen|Imagen \d|Made with Google AI|Edited with Google AI|"
    r"Draw Things|Fooocus|Playground AI|Krea AI|ElevenLabs|Runway Gen)"
    r"|\A(?:Grok|Sora|Kling|Suno|Udio|Recraft|Imagen)(?: AI)?\Z"
    r"|即梦|豆包|可灵|通义万相|文心一格|混元",
)
_NAMING = frozenset({"Software", "CreatorTool", "Make", "Credit", "ISFT", "ENCODER", "AISystemUsed", "Source"})


def traces(fields: list[tuple[str, str]]) -> Iterator[tuple[int, str, str]]:
    """Of *fields* (key and text) those that a generator wrote: number, one of `KINDS`, its name if it says one."""
    uuid = any(key == "Artist" and _UUID.fullmatch(text.strip()) for key, text in fields)
    for number, (key, text) in enumerate(fields):
        kind = _kind(key, text[:_MOST], uuid=uuid)
        if kind:
            yield number, kind, ""
        elif key in _NAMING and (named := _NAMES.search(text[:1_000].strip())):
            yield (
                number,
                "novelai" if named[0] == "NovelAI" else "google" if "Google" in named[0] else "named",
                named[0],
            )


def _kind(key: str, text: str, *, uuid: bool) -> str:
    if key in {"parameters", "UserComment", "Comment", "Description"} and _A1111.search(text):
        return "a1111"
    if uuid and key == "ImageDescription" and _SIGNATURE.match(text.strip()):
        return "xai"
    if key in {"Description", "ImageDescription", "description", "Comment"} and _JOB.search(text):
        return "midjourney"
    if text[:1] not in {"{", "["} or key not in _OF_JSON:
        return ""
    return _kind_of_json(key, text)


_OF_JSON = {
    "prompt", "workflow", "Comment", "parameters", "UserComment", "ImageDescription", "invokeai_metadata",
    "sd-metadata", "invokeai_graph", "fooocus_scheme",
}  # fmt: skip


def _kind_of_json(key: str, text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # ComfyUI writes NaN and cut-off graphs are common; the words of its format are enough.
        return "comfyui" if key in {"prompt", "workflow"} and '"class_type"' in text and '"inputs"' in text else ""
    if not isinstance(value, dict):
        return ""
    kind = ""
    if (key == "prompt" and any(isinstance(node, dict) and "class_type" in node for node in value.values())) or (
        key == "workflow" and isinstance(value.get("nodes"), list) and "links" in value
    ):
        kind = "comfyui"
    elif key.startswith("invokeai") or (key == "sd-metadata" and "image" in value):
        kind = "invokeai"
    elif {"steps", "sampler", "seed"} <= set(value) and {"uc", "signed_hash", "request_type"} & set(value):
        kind = "novelai"
    elif {"base_model", "negative_prompt"} <= set(value) and {"metadata_scheme", "steps"} & set(value):
        kind = "fooocus"
    elif {"sampler", "seed", "scale"} <= set(value) and {"c", "v2"} & set(value):
        kind = "drawthings"
    elif {"ServiceProvider", "ServiceUser"} & set(value):
        kind = "tencent"
    return kind
