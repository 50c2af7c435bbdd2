"""Makes the word lists beside it from their sources::

    python classifiers/data/wordlists/make.py profanity_en.csv en.txt zh.txt SexHateLex.txt --ordinary LABELLED.csv ...

The sources are named in ``SOURCES.md``. *LABELLED* are CSV files with a ``text`` column and, where there is one, a
``label`` column in which 1 means offensive: a term that stands in text nobody found offensive about as often as in text
that somebody did is left out.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
LISTS = ("profanity", "sexual", "slurs")
CEILING = {"profanity": 0.95, "sexual": 0.8, "slurs": 0.75}
"""The most one word can prove: a swear word is obscene by itself; a slur may be quoted, or be what the text is about."""

SWEARING = re.compile(r"f[u*@]+[ck*]|sh[i1!*]t|[a@]ss|[a@]rse|b[i1!*]tch|b[i1]otch|d[a@]mn|dam|cunt|bastard|bollock|wank|crap|piss|turd|prick|dick|cock|twat|hell|bugger|suck")
IDENTITY = re.compile(r"f[a@]g|h[o0]m[o0]|dyke|tr[a@]nn|queer|lesb|poof|batty|shem|transv|gay|fudge|pansy|sissy|ladyb")
ORDINARY = frozenset(
    "69 crow swine tart weiner wiener butt hell crap sex sexual sexually sexuality sexy dick cock balls suck sucks escort "
    "anal bondage busty domination mound rectum semen vagina penis vulva genitals nipple nipples nude nudity intercourse "
    "viagra cialis incest rape raping rapist suicide swastika playboy panties panty scat snatch spunk swinger topless "
    "butt buttcheeks breasts lesbian lesbians gay gays queer queers homosexual transvestite mound negro neonazi fecal "
    "eunuch grope hooker horny kinky lolita skeet honkey darkie coon coons spic shota xx taste voyeur hardcore orgy beaver "
    "violet sadism pegging fingering humping santorum tosser twink twinkie octopussy babeland birdlock bastinado dolt "
    "domination strappado nawashi omorashi kinbaku sodomy uterus ovary sperm orgasm erection erect virgin virgins "
    "bloody bugger dyke pansy mad lame dumb stupid idiot fat ugly loser trash weird slag flamers flamer bint git cracker "
    "crackers coolie gypsy gyp oriental redskin redneck mick wop chink gook kaffir slope zip jap japs paddy yank".split()
)
"""Ordinary or clinical words, and words whose harmless use is the common one: their score is held low."""
LOW = 0.3

ZH_SEXUAL = re.compile(
    "[淫姦妓嫖]|[迷轮乱诱]奸|鸡[巴八吧叭芭奸]|雞巴|小鸡鸡|阴[茎蒂唇户核]|陰莖|性[爱交器奴欲虐]|乳[交头沟波]|[巨酥美]乳|裸[体照聊女]|肛交|龟头|做爱|[口颜]交|射精|"
    "精液|叫床|色情|情色|三级片|肉[棒壶穴缝]|抽插|自慰|春药|迷药|后庭|打炮|阳具|毛片|欢爱|援交"
)
ZH_SWEARING = re.compile(
    "[屄屌肏婊]|[傻装牛撕妈操烂骚草死]逼|傻[比叉]|懒[叫觉趴教8八]|骚[货比穴水妇]|贱[人货种格嘴婢畜]|[下犯死臭烂]贱|他妈|她妈|妈的|娘的|尼玛|机掰|鸡掰|"
    "[操干日草艹靠赣塞驶幹插射骂][你妳您他她它伱林](?:妈|妳|娘|吗|老母|全家|祖宗|大爷|妹|奶)|操[你妳他她]|王八|狗[日娘杂屁]|杂种|混蛋|龟儿|瘪三|脑残|吃屎|滚蛋|杀洨|杂碎|去死"
)
ZH_SHORT = frozenset(
    "傻逼 傻比 傻叉 鸡巴 鸡八 鸡吧 鸡叭 鸡芭 雞巴 操你 操妳 操逼 操比 妈逼 妈比 妈的 混蛋 贱人 贱货 骚货 骚逼 骚比 杂种 狗日 巨乳 口交 肛交 叫床 肉棒 "
    "王八 瘪三 脑残 懒叫 机掰 屌丝 婊子 肏你 肏逼 荡妇 淫荡 淫妇 淫水 乱伦 轮奸 迷奸 杂碎 贱种 烂逼 臭逼".split()
)
"""Two characters stand inside other words easily: only these are taken."""
ZH_INSULTS = frozenset("废物 畜生 畜牲 鬼子 小日本 香蕉人 洋垃圾 窝囊废 印度阿三 狗男女 台巴子 狗腿子 白眼狼 丧门星".split())
ZH_TOPIC = re.compile("色情|情色|裸体|性[爱交器奴欲虐]|阴[茎唇蒂户核]|乳头|自慰|精液")
"""Words that a report, a law or a clinic needs as well."""
ZH_ORDINARY = frozenset(
    "阴道 阴茎 阴唇 阴蒂 阴户 阴毛 月经 精子 卵子 处女 性爱 性交 性器 性欲 性器官 性能力 性无能 阳萎 乳房 乳头 色情 情色 卖淫 嫖娼 强奸 强奸犯 裸体 妓女 妓院 军妓 "
    "嫖客 自慰 手淫 射精 精液 白痴 笨蛋 滚蛋 狗屁 狗屁不通 去死 人妖 三级片 色情片 慰安妇 神经病 屌丝 他妈 混蛋".split()
)

ZH_SLURS = {
    "黑鬼": 0.75, "尼哥": 0.7, "支那猪": 0.75, "支那": 0.5, "小日本鬼子": 0.7, "日本鬼子": 0.5, "高丽棒子": 0.75, "韩国棒子": 0.7, "棒子国": 0.6,
    "死基佬": 0.75, "死同性恋": 0.75, "死变态": 0.5, "死人妖": 0.75, "死娘炮": 0.7, "臭娘炮": 0.7, "绿教": 0.55, "穆畜": 0.75, "白皮猪": 0.75,
    "黑皮猪": 0.75, "黄皮猴": 0.7, "洋垃圾留学生": 0.6, "乡巴佬": 0.5, "婊子": 0.65, "臭婊子": 0.75, "母狗": 0.6, "贱女人": 0.7, "贱货": 0.65, "骚货": 0.65,
    "荡妇": 0.6, "破鞋": 0.5, "绿茶婊": 0.65, "心机婊": 0.6, "国蝻": 0.6, "蝻人": 0.55, "女拳师": 0.5, "母畜": 0.75, "婚驴": 0.7, "黑奴": 0.5,
}  # fmt: skip
"""Written for this project: Chinese words that attack people for what they are."""


def english(profanity: Path, ldnoobw: Path) -> dict[str, dict[str, tuple[float, str]]]:
    """Surge AI's words by severity, and those of LDNOOBW that it lacks."""
    lists: dict[str, dict[str, tuple[float, str]]] = {name: {} for name in LISTS}
    for row in csv.DictReader(profanity.open(encoding="utf-8")):
        term, severity = normal(row["text"]), float(row["severity_rating"])
        name = _english_list(term, row["category_1"])
        score = round(min(CEILING[name], 0.05 + 0.3 * severity), 2)
        lists[name][term] = (min(score, LOW) if term in ORDINARY else score, "surge")
    known = {term for terms in lists.values() for term in terms}
    for line in ldnoobw.read_text(encoding="utf-8").splitlines():
        term = normal(line)
        if term and term not in known and term not in ORDINARY and term.isascii():
            swears = SWEARING.search(term)
            lists["profanity" if swears else "sexual"][term] = (0.55 if swears else 0.4, "ldnoobw")
    return lists


def _english_list(term: str, category: str) -> str:
    if category == "racial / ethnic slurs" or (category == "sexual orientation / gender" and IDENTITY.search(term)):
        return "slurs"
    if category == "sexual anatomy / sexual acts" and not SWEARING.search(term):
        return "sexual"
    return "profanity"


def chinese(ldnoobw: Path, sex_hate: Path, labelled: Iterable[Path]) -> dict[str, dict[str, tuple[float, str]]]:
    """LDNOOBW's and SexHateLex's words, without those that plain text uses as well."""
    lists: dict[str, dict[str, tuple[float, str]]] = {name: {} for name in LISTS}
    terms = {normal(t): "sexhatelex" for t in sex_hate.read_text(encoding="utf-8").splitlines()}
    terms |= {normal(t): "ldnoobw" for t in ldnoobw.read_text(encoding="utf-8").splitlines()}
    terms = {t: s for t, s in terms.items() if len(t) > 1 and re.search("[\u3400-\u9fff]", t) and t not in ZH_SLURS}
    offensive, plain = _occurrences(terms, labelled)
    for term, source in sorted(terms.items()):
        vulgar = bool(ZH_SEXUAL.search(term) or ZH_SWEARING.search(term)) if len(term) > 2 else term in ZH_SHORT
        bad, good = offensive[term], plain[term]
        share = (bad + 1.6) / (bad + good + 2.0)
        if share < 0.6 or not (vulgar or term in ZH_INSULTS):
            continue
        name = "sexual" if ZH_SEXUAL.search(term) and not re.search("[妈娘屄]|[操干日肏][你妳您他她]", term) else "profanity"
        score = LOW if term in ZH_ORDINARY else min(0.55 if ZH_TOPIC.search(term) else CEILING[name], share)
        lists[name][term] = (round(score, 2), source)
    lists["slurs"] = {term: (score, "own") for term, score in ZH_SLURS.items()}
    return lists


def _occurrences(terms: Iterable[str], labelled: Iterable[Path]) -> tuple[Counter[str], Counter[str]]:
    offensive: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for path in labelled:
        for row in csv.DictReader(path.open(encoding="utf-8")):
            text = normal(row["text"])
            (offensive if row.get("label") == "1" else plain).update(t for t in terms if t in text)
    return offensive, plain


def normal(text: str) -> str:
    """The form in which words are compared: NFKC, case folded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("profanity", "ldnoobw_en", "ldnoobw_zh", "sex_hate"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--ordinary", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    csv.field_size_limit(sys.maxsize)
    en = english(args.profanity, args.ldnoobw_en)
    zh = chinese(args.ldnoobw_zh, args.sex_hate, args.ordinary)
    for name in LISTS:
        rows = sorted((term, score, source) for terms in (en[name], zh[name]) for term, (score, source) in terms.items())
        body = "".join(f"{term}\t{score:.2f}\t{source}\n" for term, score, source in rows)
        (HERE / f"{name}.tsv").write_text(body, encoding="utf-8")
        print(name, len(rows))


if __name__ == "__main__":
    main()
