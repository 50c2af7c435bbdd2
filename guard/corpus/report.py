"""The report: one page that needs nothing else, for a person who has to decide what to do about a corpus.

It holds no script and fetches nothing; its own Content-Security-Policy says so. Nothing of the content is on it, unless
excerpts are given.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from guard.corpus import charts
from guard.corpus.summary import risk
from guard.corpus.words import RISKS, words
from guard.report import SHOWN
from guard.taxonomy import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from guard.corpus.examples import Excerpt

_CHARTED = 12
_LISTED = 15
_STYLE = """
:root{color-scheme:light;--ink:#1f2933;--dim:#5d6875;--line:#e3e7ec;--bar:#c9d6ea;--paper:#fff}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:16px;font:15px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans CJK SC",
"Microsoft YaHei",sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem;margin:.2em 0}h2{font-size:1.15rem;margin:1.8em 0 .4em}h3{font-size:.95rem;margin:.6em 0 .2em}
p{margin:.3em 0;color:var(--dim);overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:14px 0}
.tile{border:1px solid var(--line);border-radius:8px;padding:10px 12px}
.tile b{display:block;font-size:1.4rem;font-variant-numeric:tabular-nums}.tile span{color:var(--dim);font-size:.85rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:4px 28px;align-items:start}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{padding:4px 6px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{color:var(--dim);font-weight:500}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;width:1%}
.of{background:linear-gradient(var(--bar),var(--bar)) no-repeat left/var(--w) 100%}
.dim{color:var(--dim);font-size:.85em}.none td{color:#9aa3ad}
.charts{display:flex;flex-wrap:wrap;gap:8px 20px}.charts figure{margin:0;min-width:0;max-width:100%}
figcaption{font-size:.85rem;font-weight:600}svg{max-width:100%;height:auto}
details{border:1px solid var(--line);border-radius:8px;margin:8px 0;padding:6px 12px}
summary{cursor:pointer;font-weight:600;overflow-wrap:anywhere}
.record{border-top:1px solid var(--line);padding:8px 0}.record:first-of-type{border:0}
.strip{position:relative;height:10px;background:#eef1f5;border-radius:3px;margin:4px 0}
.strip i{position:absolute;top:0;bottom:0;min-width:3px;background:#b23a48;border-radius:2px}
blockquote{margin:4px 0;padding:4px 10px;border-left:3px solid var(--line);overflow-wrap:anywhere;white-space:pre-wrap}
mark{background:#f6d5d8}footer{margin:2.5em 0 1em;font-size:.8rem;color:var(--dim);overflow-wrap:anywhere}
"""


def page(
    summary: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    locale: str = "en",
    excerpts: Mapping[int, Sequence[Excerpt]] | None = None,
) -> str:
    """The report on *summary*; with *excerpts* of rows if they are to be shown."""
    return _Page(summary, manifest, locale, excerpts).html()


class _Page:
    """Builds the page, section by section."""

    def __init__(
        self,
        summary: Mapping[str, Any],
        manifest: Mapping[str, Any],
        locale: str,
        excerpts: Mapping[int, Sequence[Excerpt]] | None,
    ) -> None:
        self.summary = summary
        self.manifest = manifest
        self.words = words(locale)
        self.chinese = self.words["lang"].startswith("zh")
        self.excerpts = excerpts

    def html(self) -> str:
        said, summary = self.words, self.summary
        sections = [
            self._head(),
            _section(said["decisions"], "", self._pair(self._actions(), self._counts("rules", "rule"))),
            _section(said["categories"], said["categories_note"].format(shown=SHOWN), self._categories()),
            self._charts(),
            _section(
                said["worst"], said["worst_shown" if self.excerpts is not None else "worst_masked"], self._worst()
            ),
            _section(said["coverage"], "", self._pair(self._coverage(), self._quarantine())),
            _section(said["gb"], said["gb_note"], self._risks()),
        ]
        foot = said["foot"].format(fingerprint=summary["fingerprint"], digest=summary["results_sha256"])
        return (
            f'<!doctype html>\n<html lang="{said["lang"]}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f'<meta name="referrer" content="no-referrer"><title>{escape(said["title"])}</title>'
            f"<style>{_STYLE}</style></head><body>{''.join(sections)}<footer>{escape(foot)}</footer></body></html>\n"
        )

    def _head(self) -> str:
        said, summary = self.words, self.summary
        inputs = self.manifest["inputs"]
        size = sum(one["bytes"] for one in inputs)
        about = said["of"].format(
            policy=summary["policy"], inputs=said["inputs"].format(count=len(inputs)), bytes=_bytes(size)
        )
        lines = [f"<h1>{escape(said['title'])}</h1><p>{escape(about)}</p>"]
        if summary["population"] is not None:
            sample = said["sample"].format(judged=f"{summary['records']:,}", population=f"{summary['population']:,}")
            lines.append(f"<p>{escape(sample)}</p>")
        tiles = [(summary["records"], said["records"])]
        released = summary["released"]
        tiles += [
            (released.get(name, {"records": 0})["records"], said[name]) for name in ("as it is", "changed", "refused")
        ]
        tiles.append((summary["quarantined"], said["quarantined"]))
        for count, name in (
            (summary["duplicates"], "duplicates"),
            (sum(summary["coverage"]["unscannable"].values()), "unscannable"),
            (sum(summary["failures"].values()), "failures"),
        ):
            if count:
                tiles.append((count, said[name]))
        shown = "".join(f'<div class="tile"><b>{n:,}</b><span>{escape(name)}</span></div>' for n, name in tiles)
        return "".join(lines) + f'<div class="tiles">{shown}</div>'

    @staticmethod
    def _pair(*tables: str) -> str:
        return f'<div class="pair">{"".join(f"<div>{one}</div>" for one in tables)}</div>'

    def _actions(self) -> str:
        said = self.words
        rows = [(escape(said.get(n, n)), one) for n, one in self.summary["actions"].items()]
        return self._table(said["action"], rows)

    def _counts(self, name: str, head: str) -> str:
        return self._table(self.words[head], [(escape(n), one) for n, one in self.summary[name].items()])

    def _categories(self) -> str:
        rows = [(self._category(name), one) for name, one in self.summary["categories"].items()]
        half = (len(rows) + 1) // 2
        head = self.words["category"]
        return self._pair(self._table(head, rows[:half]), self._table(head, rows[half:]) if rows[half:] else "")

    def _category(self, name: str) -> str:
        known = CATEGORIES.get(name)
        title = (known.zh if self.chinese else known.en) if known is not None else ""
        return f"{escape(title)} <span class=dim>{escape(name)}</span>" if title else escape(name)

    def _table(self, head: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
        if not rows:
            return f"<h3>{escape(head)}</h3><p>{escape(self.words['nothing'])}</p>"
        lines = []
        for name, one in rows:
            share = _percent(one["share"])
            if "interval" in one:
                low, high = one["interval"]
                share += f"<br><span class=dim>{_percent(low)}–{_percent(high)}</span>"
            width = f"{100 * one['share']:.2f}%"
            lines.append(
                f'<tr><td class="of" style="--w:{width}">{name}</td><td class="n">{one["records"]:,}</td>'
                f'<td class="n">{share}</td></tr>'
            )
        said = self.words
        return (
            f"<table><tr><th>{escape(head)}</th><th class=n>{escape(said['records'])}</th>"
            f"<th class=n>{escape(said['share'])}</th></tr>{''.join(lines)}</table>"
        )

    def _charts(self) -> str:
        said, summary = self.words, self.summary
        if not charts.available():
            return _section(said["scores"], said["no_charts"], "")
        found = ""
        ranked = sorted(summary["scores"], key=lambda name: -_weight(summary["scores"][name]))[:_CHARTED]
        drawn = [(self._category(name), charts.scores(name, summary["scores"][name], said)) for name in ranked]
        if drawn:
            found += _section(said["scores"], said["scores_note"], _figures(drawn))
        if len(summary["months"]) > 1:
            month = [
                (escape(said["records"]), charts.stacked("months", summary["months"], said, shares=False)),
                (escape(said["share"]), charts.stacked("shares", summary["months"], said, shares=True)),
            ]
            found += _section(said["trends"], "", _figures(month))
        for column, values in summary["by"].items():
            if len(values) > 1:
                top = dict(list(values.items())[:_LISTED])
                title = said["by"].format(column=said["source"] if column == "source" else column)
                drawn = [
                    (escape(said["share"]), charts.stacked(f"{column}-s", top, said, shares=True, across=True)),
                    (escape(said["records"]), charts.stacked(f"{column}-n", top, said, shares=False, across=True)),
                ]
                found += _section(title, "", _figures(drawn))
        if summary["together"]:
            rules = list(summary["rules"])[:_LISTED]
            drawn = [("", charts.together(rules, summary["together"]))]
            found += _section(said["together"], "", _figures(drawn))
        return found

    def _worst(self) -> str:
        found = []
        for rule, entries in self.summary["worst"].items():
            records = "".join(map(self._record, entries))
            found.append(f"<details><summary>{escape(rule)}</summary>{records}</details>")
        return "".join(found) or f"<p>{escape(self.words['nothing'])}</p>"

    def _record(self, entry: Mapping[str, Any]) -> str:
        said = self.words
        place = f"{said['source']} {entry['source']}, {said['row']} {entry['row']}, {said['offset']} {entry['offset']}"
        name = f"<b>{escape(str(entry['id']))}</b> " if self.excerpts is not None else ""
        seen = dict.fromkeys((f["category"], f"{f['score']:.2f}") for f in entry["findings"])
        scores = ", ".join(f"{escape(category)} {score}" for category, score in seen)
        length = max(entry["characters"], 1)
        marks = "".join(
            f'<i style="left:{min(99.0, 100 * f["start"] / length):.2f}%;'
            f'width:{min(100.0, 100 * (f["end"] - f["start"]) / length):.2f}%"></i>'
            for f in entry["findings"]
            if f["start"] is not None
        )
        quotes = "".join(
            f"<blockquote>{escape(before)}<mark>{escape(it)}</mark>{escape(behind)}</blockquote>"
            for before, it, behind in (self.excerpts or {}).get(entry["row"], ())
        )
        action = escape(said.get(entry["action"], entry["action"]))
        return (
            f'<div class="record">{name}{action}: {scores}<div class="strip">{marks}</div>{quotes}'
            f"<span class=dim>{escape(place)}</span></div>"
        )

    def _coverage(self) -> str:
        said, coverage = self.words, self.summary["coverage"]
        rows = [(said["checked"], coverage["checked"])]
        rows += [(said["exempt"].format(rule=name), count) for name, count in coverage["exempt"].items()]
        rows += [(f"{said['unscannable']}: {why}", count) for why, count in coverage["unscannable"].items()]
        rows += [(f"{said['failures']}: {why}", count) for why, count in self.summary["failures"].items()]
        rows.append((said["unchecked"], coverage["unchecked"]))
        return _plain(rows)

    def _quarantine(self) -> str:
        said, quarantine = self.words, self.summary["quarantine"]
        head = f"<h3>{escape(said['quarantine'])}</h3>"
        if not quarantine["reasons"]:
            return head + f"<p>{escape(said['nothing'])}</p>"
        return head + f"<p>{escape(said['quarantine_note'])}</p>" + _plain(quarantine["reasons"].items())

    def _risks(self) -> str:
        """All 31, those that nothing looks for too."""
        looked = {found for name in self.summary["scores"] if (found := risk(name)) is not None}
        counts = self.summary["gbt45654"]
        lines = []
        for code, titles in RISKS.items():
            title = escape(titles[1] if self.chinese else titles[0])
            one = counts.get(code)
            if one is not None:
                width = f"{100 * one['share']:.2f}%"
                lines.append(
                    f'<tr><td class=n>{code}</td><td class="of" style="--w:{width}">{title}</td>'
                    f'<td class="n">{one["records"]:,}</td><td class="n">{_percent(one["share"])}</td></tr>'
                )
            else:
                nothing = "0" if code in looked else escape(self.words["not_covered"])
                lines.append(
                    f'<tr class="none"><td class=n>{code}</td><td>{title}</td>'
                    f'<td class="n" colspan=2>{nothing}</td></tr>'
                )
        half = (len(lines) + 1) // 2
        return self._pair(*(f"<table>{''.join(part)}</table>" for part in (lines[:half], lines[half:])))


def _section(title: str, note: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{f'<p>{escape(note)}</p>' if note else ''}{body}</section>"


def _figures(drawn: Iterable[tuple[str, str]]) -> str:
    figures = "".join(f"<figure><figcaption>{title}</figcaption>{svg}</figure>" for title, svg in drawn)
    return f'<div class="charts">{figures}</div>'


def _plain(rows: Iterable[tuple[str, int]]) -> str:
    lines = "".join(f'<tr><td>{escape(name)}</td><td class="n">{count:,}</td></tr>' for name, count in rows)
    return f"<table>{lines}</table>"


def _weight(bins: Sequence[int]) -> float:
    """How much of a distribution is high: what a reader wants to see first."""
    return sum(count * (place + 0.5) ** 2 for place, count in enumerate(bins))


def _percent(share: float) -> str:
    return f"{share:.2%}" if share == 0 or share >= 0.0001 else "&lt;0.01%"


def _bytes(size: int) -> str:
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} B"
