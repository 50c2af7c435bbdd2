"""Text to speech: eSpeak NG says something in English or Chinese: ``POST /speak``.

Needs the package ``espeakng-loader`` (the library, GPL-3.0, and its voices) and the extra ``audio``, for the policy
hears what was said. *loudness* 0 is a synthesiser that failed and 1000 one that was turned up too far.
"""

from __future__ import annotations

import base64
import ctypes
import functools
import io
import threading
import wave
from typing import TYPE_CHECKING, Any

import numpy as np

from examples.serving import Wrong, main, number, word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ASKED: tuple[dict[str, Any], ...] = (
    {"say": "The parcel leaves at noon."},
    {"say": "包裹中午发出。", "voice": "zh"},
    {"say": "Please shutt upp now, will you?", "speed": 130},
    {"say": "The parcel leaves at noon.", "loudness": 0},
)
_VOICES = {"en": b"en-us", "zh": b"cmn"}
_LONGEST = 500
_SYNCHRONOUS, _CHARACTERS, _UTF8, _RATE = 2, 1, 1, 1
_ONE_AT_A_TIME = threading.Lock()


class _Synthesiser:
    """The library, which keeps one voice for the whole process. See ``speak_lib.h`` of eSpeak NG."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        folder = str(espeakng_loader.get_data_path()).encode()
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, folder, 0))
        self._pieces: list[NDArray[np.int16]] = []
        take = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._take = take(self._came)  # kept, for the library keeps its address
        self._library.espeak_SetSynthCallback(self._take)

    def _came(self, samples: Any, count: int, _: Any) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text: str, voice: str, speed: int) -> NDArray[np.int16]:
        """The samples of *text*; *speed* in words a minute."""
        written = text.encode()
        with _ONE_AT_A_TIME:
            self._pieces.clear()
            self._library.espeak_SetVoiceByName(_VOICES[voice])
            self._library.espeak_SetParameter(_RATE, speed, 0)
            self._library.espeak_Synth(written, len(written) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
            self._library.espeak_Synchronize()
            return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)


@functools.cache
def _synthesiser() -> _Synthesiser:
    return _Synthesiser()


def speak(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one request with a WAV file."""
    text, voice = asked.get("say"), word(asked, "voice", tuple(_VOICES), "en")
    if not isinstance(text, str) or not 0 < len(text.strip()) <= _LONGEST:
        msg = f"say should be a text of up to {_LONGEST} characters"
        raise Wrong(msg)
    synthesiser = _synthesiser()
    samples = synthesiser.say(text, voice, number(asked, "speed", 80, 400, 150))
    loudness = number(asked, "loudness", 0, 1000, 100) / 100
    louder = np.clip(samples * loudness, -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(synthesiser.rate)
        sound.writeframes(louder.tobytes())
    return {"sound": base64.b64encode(file.getvalue()).decode(), "voice": voice}


if __name__ == "__main__":
    main("voice")
