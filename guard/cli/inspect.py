"""``guard inspect``: what is known of where files come from, for people or as JSON.

It asks the same classifiers as policies do, with the options of a policy where one is named.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from guard import registry
from guard.classifier import Classifier, Unreadable
from guard.content import AudioPart, ImagePart, Modality, VideoPart, View
from guard.media.marks import metadata
from guard.media.marks.model import Asserts, Mark, Report, Status

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from guard.classifier import Readable
    from guard.media.marks.model import Inspector

NAMES = (
    "provenance", "watermark", "rivagan", "pixel_decoder", "sound_watermark", "sound_decoder", "text_marks",
    "text_provenance", "text_watermark", "match", "text_match",
)  # fmt: skip
"""The classifiers that are asked, as far as they are installed."""
_OF_THE_POLICY = frozenset({"pixel_decoder", "rivagan", "sound_decoder"})
"""Those that need a model or messages of the operator's."""
EXIT = {"absent": 0, "present": 0, "bad": 1, "inconclusive": 2}
_WORDS = {
    "en": {
        "present": "marks found", "absent": "no marks found", "bad": "marks found, some of them not sound",
        "inconclusive": "cannot be told", "text": "text", "unknown": "unknown type", "unread": "not read",
        "trusted": "signed, intact, by a trusted signer", "intact": "signed, intact, by an unknown signer",
        "credential": "signed, intact, but the certificate is no good", "declared": "declared, unsigned",
        "detected": "detected", "tampered": "CHANGED since signed", "malformed": "there, but not as it should be",
        "conflict": "there more than once, in contradiction", "inconclusive_mark": "cannot be made out",
        "generated": "says: AI-generated", "edited": "says: edited or composed with AI",
        "possible": "says: possibly AI-generated", "suspected": "says: suspected to be AI-generated",
        "human": "says: captured or made by people", "known": "known content", "nothing": "",
        "issuer": "by", "carrier": "in", "code": "why", "statistic": "statistic", "p_value": "by chance",
        "note": "No mark is no proof: most are lost when a file is saved again. Invisible marks of vendors "
                "whose readers are not public (SynthID in pictures, sound and film) cannot be seen here.",
    },
    "zh": {
        "present": "发现标识", "absent": "未发现标识", "bad": "发现标识，其中有不可靠的", "inconclusive": "无法判定",
        "text": "文本", "unknown": "未知类型", "unread": "未能读取",
        "trusted": "已签名、完整，签名者受信任", "intact": "已签名、完整，签名者未知",
        "credential": "已签名、完整，但证书无效", "declared": "声明，未签名", "detected": "检测到",
        "tampered": "签名后被篡改", "malformed": "存在但不合规范", "conflict": "多处标识相互矛盾",
        "inconclusive_mark": "无法判定", "generated": "声明：由人工智能生成", "edited": "声明：经人工智能编辑或合成",
        "possible": "声明：可能由人工智能生成", "suspected": "声明：疑似由人工智能生成",
        "human": "声明：由人拍摄或创作", "known": "已知内容", "nothing": "",
        "issuer": "签发者", "carrier": "位置", "code": "依据", "statistic": "统计量", "p_value": "偶然概率",
        "note": "未发现标识不等于证明：文件重新保存后大多数标识会丢失；"
                "读取器未公开的隐形水印（图像、音频、视频中的 SynthID）在此无法检测。",
    },
}  # fmt: skip
_TITLES = {
    "en": {
        "c2pa": "C2PA manifest", "c2pa_ingredient": "C2PA ingredient", "aigc_label": "China AIGC label (GB 45438)",
        "iptc": "IPTC digital source type", "generator": "Trace of a generator", "metadata": "Metadata",
        "pixel.dwtdct": "Watermark in pixels", "audio.spread": "Watermark in sound",
        "pixel.rivagan": "Watermark in pixels (rivaGan)",
        "pixel.decoder": "Watermark in pixels (your decoder)", "audio.decoder": "Watermark in sound (your decoder)",
        "text.invisible": "Invisible characters",
        "text.kgw": "Watermark in words (green list)", "text.synthid": "Watermark in words (SynthID-Text)",
        "match": "Known content",
    },
    "zh": {
        "c2pa": "C2PA 内容凭证", "c2pa_ingredient": "C2PA 素材", "aigc_label": "AIGC 隐式标识（GB 45438）",
        "iptc": "IPTC 数字来源类型", "generator": "生成工具痕迹", "metadata": "元数据",
        "pixel.dwtdct": "像素水印", "audio.spread": "声音水印",
        "pixel.rivagan": "像素水印（rivaGan）",
        "pixel.decoder": "像素水印（自备解码器）", "audio.decoder": "声音水印（自备解码器）",
        "text.invisible": "不可见字符", "text.kgw": "文本水印（绿名单）",
        "text.synthid": "文本水印（SynthID-Text）", "match": "已知内容",
    },
}  # fmt: skip


def inspect(options: argparse.Namespace) -> int:
    """Report on each file; the exit code is the worst of theirs."""
    asked = _inspectors(options)
    worst = 0
    for name in options.files:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        report = _report(data, asked)
        worst = max(worst, EXIT[report.state])
        if options.json:
            print(orjson.dumps(_described(name, report)).decode())
        else:
            _show(name, report, "zh" if options.locale.lower().startswith("zh") else "en")
    return worst


def _inspectors(options: argparse.Namespace) -> list[tuple[Classifier[Any], Inspector]]:
    given: Mapping[str, Mapping[str, object]] = {}
    if options.policy:
        from guard.actions import ACTIONS
        from guard.config import policy_path
        from guard.policy.loader import load_policy

        given = load_policy(policy_path(options.policy), actions=ACTIONS, catalog=registry).classifiers
    made: list[tuple[Classifier[Any], Inspector]] = []
    for name in NAMES:
        if name not in registry.names() or (name in _OF_THE_POLICY and name not in given):
            continue
        told = dict(given.get(name, {}))
        if name in {"provenance", "text_provenance"} and options.trust:
            told["trust"] = [*cast("list[str]", told.get("trust", [])), *options.trust]
        classifier = registry.create(name, told)
        classifier.load()
        made.append((classifier, cast("Inspector", classifier)))
    return made


def _report(data: bytes, asked: list[tuple[Classifier[Any], Inspector]]) -> Report:
    """What all classifiers that read such a thing say of *data*, together."""
    part = _part(data)
    if part is None:
        return Report(metadata.sniff(data), unread="of no type that is known" if data else "empty")
    modality = Modality.TEXT if isinstance(part, View) else part.modality
    reports = []
    for classifier, inspector in asked:
        if modality in classifier.modalities:
            try:
                reports.append(inspector.inspect(part))
            except Unreadable as error:
                reports.append(Report(None, unread=str(error)))
    marks = tuple(mark for report in reports for mark in report.marks)
    return Report(
        next((report.media_type for report in reports if report.media_type), None),
        marks,
        next((report.unread for report in reports if report.unread), ""),
    )


def _part(data: bytes) -> Readable | None:
    media_type = metadata.sniff(data)
    if media_type is None:
        try:
            return View.of(data.decode()) if data else None
        except UnicodeDecodeError:
            return None
    kind = media_type.partition("/")[0]
    if kind == "audio":
        return AudioPart(data)
    return VideoPart(data) if kind in {"video", "application"} else ImagePart(data)


def _described(name: str, report: Report) -> dict[str, Any]:
    said: dict[str, Any] = {"input": name, "media_type": report.media_type or "text/plain", "state": report.state}
    if report.unread:
        said["unread"] = report.unread
        said["media_type"] = report.media_type
    said["marks"] = [mark.describe() for mark in report.marks]
    return said


def _show(name: str, report: Report, locale: str) -> None:
    words = _WORDS[locale]
    kind = report.media_type or (words["unknown"] if report.unread else words["text"])
    print(f"{name} ({kind}): {words[report.state]}")
    if report.unread:
        print(f"  {words['unread']}: {report.unread}")
    for mark in report.marks:
        _show_mark(mark, words, _TITLES[locale])
    if report.state == "absent":
        print(f"  {words['note']}")


def _show_mark(mark: Mark, words: Mapping[str, str], titles: Mapping[str, str]) -> None:
    title = titles.get(mark.family, mark.family) + (f" · {mark.kind}" if mark.kind else "")
    status = words["inconclusive_mark" if mark.status is Status.INCONCLUSIVE else mark.status.value]
    says = f"; {words[mark.asserts.value]}" if mark.asserts is not Asserts.NOTHING else ""
    print(f"  {title}: {status}{says}")
    lines = {"issuer": mark.issuer, "carrier": mark.carrier, "code": mark.code}
    if mark.statistic is not None:
        lines["statistic"] = f"{mark.statistic:.2f}"
    if mark.p_value is not None:
        lines["p_value"] = f"{mark.p_value:.2g}"
    for key, value in lines.items():
        if value:
            print(f"    {words[key]}: {_plain(value)}")
    for key, value in mark.detail.items():
        print(f"    {key}: {_plain(value)}")


def _plain(value: object) -> str:
    """*value* on one line of the terminal, without anything that could steer it."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    shown = "".join(c if c.isprintable() else "·" for c in text)
    return shown if len(shown) <= 300 else f"{shown[:300]}…"
