"""JPEGs whose coefficients are set freely, as no encoder does: ITU-T T.81, baseline, grey."""

from __future__ import annotations

import struct

import numpy as np

_ORDER = sorted(
    range(64), key=lambda place: (place // 8 + place % 8, (place // 8 if sum(divmod(place, 8)) % 2 else place % 8))
)
_STEP = 8
_SIZES, _RUNS = range(12), [0x00, 0xF0, *(run << 4 | size for run in range(16) for size in range(1, 11))]
_RUN_OF_ZEROS, _END = 0xF0, 0x00
_CODES = {symbol: format(number, "08b") for number, symbol in enumerate(_RUNS)}  # as long as each other


def jpeg(samples: np.ndarray) -> bytes:
    """*samples*, (height, width), multiples of 8, of any value: those beyond 0 to 255 are kept by the coefficients."""
    height, width = samples.shape
    place = np.arange(8)
    basis = np.cos((2 * place[None] + 1) * place[:, None] * np.pi / 16) / 2
    basis[0] /= np.sqrt(2)
    blocks = samples.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 8, 8) - 128.0
    levels = np.round(basis @ blocks @ basis.T / _STEP).astype(int).reshape(-1, 64)[:, _ORDER]
    bits = "".join(_block(block, before) for block, before in zip(levels, [0, *levels[:-1, 0]], strict=True))
    bits += "1" * (-len(bits) % 8)
    body = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, bytes([0, *[_STEP] * 64])),
            _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
            _segment(0xC4, bytes([0, *(len(_SIZES) * (bits == 4) for bits in range(1, 17)), *_SIZES])),
            _segment(0xC4, bytes([0x10, *(len(_RUNS) * (bits == 8) for bits in range(1, 17)), *_RUNS])),
            _segment(0xDA, b"\1\1\0\0\x3f\0"),
            body,
            b"\xff\xd9",
        )
    )


def _block(levels: np.ndarray, before: int) -> str:
    step = int(levels[0] - before)
    bits = [format(abs(step).bit_length(), "04b"), _value(step)]
    run = 0
    for level in map(int, levels[1:]):
        if not level:
            run += 1
            continue
        bits += [_CODES[_RUN_OF_ZEROS]] * (run // 16)
        bits += [_CODES[run % 16 << 4 | abs(level).bit_length()], _value(level)]
        run = 0
    return "".join(bits + [_CODES[_END]] * (run > 0))


def _value(level: int) -> str:
    size = abs(level).bit_length()
    return format(level if level > 0 else level + (1 << size) - 1, f"0{size}b") if size else ""


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data
