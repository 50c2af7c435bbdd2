# ruff: noqa: E501  a table: one row a line
r"""The known forms of prompt attacks, as a table: data for ``prompt_attack``, in RE2 syntax (linear time).

*score* is how sure the form alone makes it: 0.9 and more, nobody writes this by chance; 0.5 to 0.7, a hint that a
policy may add to others. Forms are of public knowledge; the wording is our own. Patterns see the text as it is, so invisible
characters are forms too. Between words ``_`` stands for white space and light punctuation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

INJECTION, JAILBREAK, LEAK = "prompt_attack.injection", "prompt_attack.jailbreak", "prompt_attack.leak"


@dataclass(frozen=True, slots=True)
class AttackRule:
    """One form: its *id* is the evidence of a finding, its match the span."""

    id: str
    category: str
    score: float
    pattern: str


_S = r"[\s\pZ,:;*_\-]+"
_WORDS = r"(?:[\pL\pN'’]+_){0,%d}?"
_DROP = (
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|bypass(?:ing)?|overlook|neglect|discard"
    r"|(?:do_not|don['’]?t|never|stop)_(?:follow|obey|heed|listen_to|comply_with)(?:ing)?|stop_(?:following|obeying)"
    r"|pay_no_attention_to|(?:to_)?have_forgotten)"
)
_PRIOR = r"(?:previous(?:ly)?|prior|above|earlier|preceding|former|foregoing|original|initial|existing|past)"
_ORDERS = (
    r"(?:instructions?|directions?|directives?|commands?|orders?|prompts?|guidelines?|programming|constraints?|rules?)"
)
_TELL = (
    r"(?:repeat|print|show|reveal|output|display|disclose|dump|leak|expose|recite|echo|translate|summari[sz]e|paraphrase"
    r"|share|return|list|copy|quote|spell_out|write_(?:out|down)|(?:tell|give|send)(?:_me)?)"
)
_HIDDEN = r"(?:system|initial|original|hidden|secret|internal|developer|starting|pre-?|base|core)"
_NO_LIMITS = r"(?:ethic(?:s|al)?|moral(?:ity|s)?|content|safety|legal|censorship|openai(?:['’]s)?|anthropic(?:['’]s)?|programmed|built-in)"
_LIMITS = r"(?:guidelines?|restrictions?|limits?|limitations?|filters?|filtering|polic(?:y|ies)|constraints?|rules?|boundaries|safeguards?|concerns?)"

_ZH_DROP = r"(?:忽略|无视|忘记|忘掉|忘了|抛开|丢弃|舍弃|不要理会|不用理会|别理会|不要(?:遵守|遵循|遵从|执行)|停止(?:遵守|遵循|执行)|不用管|别管|取消|覆盖|绕过|作废)"
_ZH_PRIOR = (
    r"(?:以上|上述|上面|之前|先前|前面|此前|前述|原有|原来|原先|最初|初始|你的|您的|你收到|系统|所有|一切|全部|任何)"
)
_ZH_ORDERS = r"(?:指令|指示|命令|提示词|提示语|系统提示|设定|约束|限制|规则|规定|准则|prompt)"
_ZH_TELL = r"(?:输出|重复|复述|告诉我|显示|打印|透露|泄露|展示|说出|公开|翻译|给我看|列出|发给我|返回|写出|念出|总结)"
_ZH_HIDDEN = r"(?:系统提示词?|提示词|系统消息|系统指令|初始指令|原始指令|内部指令|隐藏指令|初始设定|隐藏规则|内部规则|系统设定|预设指令|(?:system|系统)\s*prompt)"

_SOURCES: tuple[tuple[str, str, float, str], ...] = (
    # Taking back what the model was told.
    ("override.orders", INJECTION, 0.95, rf"\b{_DROP}_{_WORDS % 4}(?:{_PRIOR}|your|system)_{_WORDS % 3}{_ORDERS}\b"),
    ("override.orders-after", INJECTION, 0.95, rf"\b{_DROP}_{_WORDS % 3}{_ORDERS}_(?:\pL+_){{0,3}}?(?:above|before|earlier|previously|so_far)\b"),
    ("override.all-orders", INJECTION, 0.9, rf"\b{_DROP}_(?:all|any|every|all_of)_(?:(?:of|the|your|other|these|those)_){{0,2}}(?:instructions?|directives?|guidelines|prompts?)\b"),
    ("override.everything", INJECTION, 0.9, rf"\b{_DROP}_(?:everything|anything|all|all_that|what)_(?:above|before|prior|previous|(?:that_)?(?:you|was|I|we|has|have)_(?:\pL+_){{0,3}}?(?:told|learned|learnt|taught|said|given|instructed|know))\b"),
    ("override.new-orders", INJECTION, 0.7, r"(?:^|\n)\W*(?:new|updated|real|actual|important|urgent)_(?:system_)?(?:instructions?|task|orders?|directives?)\s*[:：]"),
    ("override.your-new-task", INJECTION, 0.8, r"\byour_(?:new|real|true|actual|only)_(?:(?:and|only|sole)_){0,2}(?:instructions?|tasks?|goal|objective|purpose|mission)_(?:is|are)\b"),
    ("override.zh-orders", INJECTION, 0.95, rf"{_ZH_DROP}.{{0,8}}?{_ZH_PRIOR}.{{0,10}}?{_ZH_ORDERS}"),
    ("override.zh-content", INJECTION, 0.55, rf"{_ZH_DROP}.{{0,4}}?(?:以上|上述|上面|之前|先前|前面).{{0,6}}?(?:要求|内容|对话|消息|提示|文字)"),
    ("override.zh-told", INJECTION, 0.9, r"(?:忘记|忘掉|忘了|忽略|无视)(?:你|您)?(?:之前|以前|此前|先前)?(?:所有|一切)?(?:被告知|学到|知道|收到)的"),
    ("override.zh-new-orders", INJECTION, 0.7, r"(?:新的?|最新|真正的?)(?:系统)?(?:指令|指示|任务)(?:是|如下)?\s*[:：]"),
    # Asking for what only the operator should see.
    ("leak.system-prompt", LEAK, 0.95, rf"\b{_TELL}_{_WORDS % 5}(?:your|the|this|its|thy)_(?:\pL+_){{0,2}}?{_HIDDEN}_?(?:prompts?|messages?|instructions?|rules?|guidelines?|directives?|configuration)\b"),
    ("leak.what-is", LEAK, 0.9, rf"\bwhat(?:['’]s|_(?:is|are|was|were|does))_(?:\pL+_){{0,2}}?your_(?:\pL+_){{0,2}}?{_HIDDEN}_?(?:prompts?|messages?|instructions?|rules?|guidelines?|directives?)\b"),
    ("leak.your-orders", LEAK, 0.85, rf"\b{_TELL}_{_WORDS % 3}(?:your|all_your|all_of_your)_(?:\pL+_){{0,2}}?(?:prompt|instructions|directives|guidelines)\b"),
    ("leak.orders-given", LEAK, 0.85, rf"\b{_TELL}_{_WORDS % 3}(?:{_PRIOR}_)(?:\pL+_){{0,1}}?(?:instructions|directives|prompts?)\b"),
    ("leak.text-above", LEAK, 0.85, rf"\b{_TELL}_(?:me_)?(?:everything|all_(?:of_)?(?:the_)?(?:text|words|content)|(?:all_)?the_(?:exact_)?(?:text|words|content))_(?:(?:written|that_is|that_was)_)?(?:above|before_this|preceding)"),
    ("leak.verbatim", LEAK, 0.85, r"\b(?:prompt|instructions)_(?:above_)?(?:\pL+_){0,2}?(?:verbatim|word[_ ]for[_ ]word|exactly_as)"),
    ("leak.starting-with", LEAK, 0.9, r"""(?:start|begin)(?:s|ning|ing)?_with\s+["'“‘]?You are\b"""),
    ("leak.zh-tell", LEAK, 0.95, rf"{_ZH_TELL}.{{0,10}}?(?:你|您|系统|初始|原始|隐藏|内部|完整|全部|上面|之前).{{0,8}}?{_ZH_HIDDEN}"),
    ("leak.zh-take", LEAK, 0.95, rf"把.{{0,4}}?(?:你|您|系统|初始|隐藏|内部).{{0,6}}?(?:{_ZH_HIDDEN}|指令|设定|规则).{{0,10}}?{_ZH_TELL}"),
    ("leak.zh-what-is", LEAK, 0.9, rf"(?:你|您)的.{{0,4}}?(?:{_ZH_HIDDEN}).{{0,4}}?(?:是什么|是啥|有哪些|内容|原文)"),
    ("leak.zh-text-above", LEAK, 0.8, rf"{_ZH_TELL}(?:这句话|本句|本消息|此消息|这条消息|以上|上面).{{0,4}}?(?:之前|以前|前面|所有|全部).{{0,4}}?(?:内容|文字|文本|话)"),
    # Marks of the chat format itself, which text from a person has no reason to hold.
    ("delimiter.special-token", INJECTION, 0.95, r"<[|｜](?:im_(?:start|end|sep)|system|user|assistant|endoftext|end|eot_id|eom_id|(?:start|end)_header_id|(?:begin|end)_of_text|endofprompt|begin▁of▁sentence|end▁of▁sentence|python_tag|fim_\w+|start|message|channel|return|call|turn)[|｜]>"),
    ("delimiter.llama", INJECTION, 0.9, r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\]"),
    ("delimiter.system-tag", INJECTION, 0.6, r"</?(?:system|assistant|system_?prompt|system_?message|developer)>|\[/?system\]"),
    ("delimiter.role-line", INJECTION, 0.55, r"(?:^|\n)[#*\s>]*(?:system|assistant|developer)(?:_(?:prompt|message|instructions?|override))?[*\s]*[:：]"),
    ("delimiter.end-of-prompt", INJECTION, 0.8, r"\b(?:end|start|begin(?:ning)?)_of_(?:the_)?(?:system|user|prompt|developer)_?(?:prompt|message|input|instructions?|query)?\b[\W_]{2,}"),
    ("delimiter.zh-role-line", INJECTION, 0.55, r"(?:^|\n)[#*\s>【\[]*(?:系统(?:提示|指令|消息|提示词)?|开发者)[*\s】\]]*[:：]"),
    # Another self, without the rules of this one.
    ("roleplay.anything-now", JAILBREAK, 0.95, r"\bdo_anything_now\b"),
    ("roleplay.dan", JAILBREAK, 0.85, r"(?-i:\b(?:[Yy]ou(?:['’]re| are| will be)(?: now)?|[Aa]ct(?:ing)? (?:as|like)|[Bb]e|[Pp]lay|[Bb]ecome|[Aa]s|[Cc]alled|[Nn]amed|[Hh]i,?|[Hh]ello,?) (?:a |an |the |now |called |named )?(?:DAN|STAN|DUDE|D\.A\.N\.?)\b)"),
    ("roleplay.mode", JAILBREAK, 0.85, r"\b(?:jailbreak|jailbroken|DAN|god|unrestricted|unfiltered|uncensored|no-?filter|evil|opposite)_mode\b"),
    ("roleplay.developer-mode", JAILBREAK, 0.85, r"\b(?:you|your|chatgpt|gpt|ai|assistant|model|llm)\b.{0,60}\b(?:developer|debug|sudo|maintenance)_mode\b|\b(?:developer|debug|sudo)_mode_(?:enabled|activated|output|engaged)\b|\bsimulat\w+_.{0,20}developer_mode\b"),
    ("roleplay.no-limits", JAILBREAK, 0.85, rf"\b(?:no|not|without|free|ignor(?:e|es|ing)|bypass(?:es|ing)?|unbound|remov(?:e|es|ing)|disabl(?:e|es|ing)|lacks?|disregard(?:s|ing)?|break)_{_WORDS % 4}{_NO_LIMITS}_(?:(?:or|and|\pL+)_){{0,4}}?{_LIMITS}\b"),
    ("roleplay.unrestricted-ai", JAILBREAK, 0.85, rf"\b(?:an?|the|as|be)_{_WORDS % 3}(?:ai|assistant|model|chatbot|bot|llm|language_model|persona|character)_(?:\pL+_){{0,3}}?(?:without|with_no|has_no|free_(?:of|from))_(?:any_|all_)?(?:\pL+_){{0,2}}?(?:restrictions?|limits?|limitations?|filters?|rules|ethics|morals?|guidelines|censorship|boundaries)\b"),
    ("roleplay.broken-free", JAILBREAK, 0.9, r"\bbroken_free_(?:of|from)_(?:\pL+_){0,4}?(?:confines|limits|chains|restrictions|rules)\b"),
    ("roleplay.never-refuse", JAILBREAK, 0.8, r"\b(?:you|it|he|she|character|ai)_(?:\pL+_){0,3}?(?:never|can(?:not|['’]t)|must_not|(?:do|does|will|should)_not|won['’]t)_(?:ever_)?(?:refuses?|declines?|rejects?|say_no)_(?:to_answer|to_respond|any|a|my|the_user|requests?|anything)"),
    ("roleplay.grandmother", JAILBREAK, 0.6, r"\b(?:act|pretend|behave|be|role-?play)_(?:\pL+_){0,3}?(?:late|deceased|dead|departed)_(?:grand(?:ma|mother|pa|father)|nan(?:na)?)\b"),
    ("roleplay.jailbroken", JAILBREAK, 0.8, r"[\[(]🔓|\bjailbreak(?:ed|ing)?_(?:yourself|the_model|response|answer)\b|\b(?:you|ai|chatgpt|model)_(?:are_|is_|have_been_|has_been_)?(?:now_)?jailbroken\b"),
    ("roleplay.tokens", JAILBREAK, 0.75, r"\byou_(?:will_)?(?:lose|have|start_with)_\d+_tokens\b.{0,200}(?:refus|reject|die|declin)|(?:refus|reject|declin)\w*.{0,60}\byou_(?:will_)?lose_\d+_tokens\b"),
    ("roleplay.zh-mode", JAILBREAK, 0.85, r"(?:越狱|DAN|无限制|不受限|上帝|无审查|无过滤|邪恶)模式"),
    ("roleplay.zh-developer-mode", JAILBREAK, 0.85, r"(?:你|您|AI|模型|助手|ChatGPT|GPT).{0,16}?(?:进入|开启|启用|激活|切换|处于|模拟|打开).{0,6}?(?:开发者|调试|管理员)模式|(?:开发者|调试|管理员)模式(?:已)?(?:启用|激活|输出)"),
    ("roleplay.zh-no-limits", JAILBREAK, 0.85, r"(?:没有|不受|摆脱|无视|不再受|解除|突破|忽略|不遵守|抛弃|无需遵守|不用遵守).{0,10}?(?:道德|伦理|法律|内容政策|安全|审查|OpenAI|规则).{0,8}?(?:约束|限制|束缚|准则|政策|过滤|底线|规范)"),
    ("roleplay.zh-unrestricted-ai", JAILBREAK, 0.85, r"(?:你是|你现在是|扮演|作为|成为|充当|变成).{0,12}?(?:没有|不受|无)(?:任何|一切)?.{0,6}?(?:限制|约束|规则|道德|审查|过滤|束缚).{0,8}?(?:AI|人工智能|助手|模型|机器人|角色)"),
    ("roleplay.zh-anything", JAILBREAK, 0.85, r"(?:现在|从现在开始|从现在起).{0,12}?(?:你).{0,12}?(?:可以|能)做任何(?:事|事情)|现在可以做任何事"),
    ("roleplay.zh-dan", JAILBREAK, 0.9, r"(?:你(?:现在)?(?:就)?是|扮演|成为|叫做?|名为|充当)\s*[“\"「]?\s*(?-i:DAN|STAN)"),
    ("roleplay.zh-never-refuse", JAILBREAK, 0.8, r"(?:你|它|他).{0,8}?(?:永远不|从不|不能|不得|不可以|绝不|不许|不准)(?:会|能|要)?拒绝(?:回答|任何|我|用户|请求)?"),
    # Orders in a dress.
    ("encoding.decode-and-obey", INJECTION, 0.85, r"\b(?:decode|decrypt|decipher|unscramble|translate)_.{0,80}?\b(?:base-?64|rot-?13|hex(?:adecimal)?|morse|caesar|cipher|binary|leet\w*)\b.{0,80}?\b(?:and|then)_(?:\pL+_){0,2}?(?:follow|execute|obey|perform|carry_out|comply|act_on)\b"),
    ("encoding.zh-decode-and-obey", INJECTION, 0.85, r"(?i)(?:解码|解密|破译).{0,30}?(?:base64|rot13|十六进制|摩斯|凯撒|密码|编码)?.{0,30}?(?:并|然后|再)(?:按照|按|照做|执行|遵循|遵照|服从)"),
    ("encoding.answer-encoded", INJECTION, 0.5, r"\b(?:respond|answer|reply|output|encode_(?:your|the)_(?:answer|reply|response|output))_(?:\pL+_){0,3}?(?:in|as|with|using)_(?:base-?64|rot-?13|hexadecimal|morse(?:_code)?|leetspeak|pig_latin)\b"),
    # What nobody can see. A flag emoji ends in at most six tag letters, after its black flag.
    ("invisible.tags", INJECTION, 0.95, r"(?:^|[^\x{1F3F4}\x{E0020}-\x{E007F}])[\x{E0001}\x{E0020}-\x{E007F}]{2,}|[\x{E0020}-\x{E007E}]{8,}"),
    ("invisible.variation-selectors", INJECTION, 0.9, r"[\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]{4,}"),
    ("invisible.zero-width-run", INJECTION, 0.7, r"[\x{200B}-\x{200D}\x{2060}-\x{2064}\x{FEFF}\x{180E}]{8,}"),
    ("invisible.bidi-override", INJECTION, 0.5, r"[\x{202D}\x{202E}]"),
)  # fmt: skip


def _spaced(pattern: str) -> str:
    """Put the class of what separates words where the table writes ``_``, outside of classes and escapes."""
    out, depth, position = [], 0, 0
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            out.append(pattern[position : position + 2])
            position += 2
            continue
        depth += (character == "[") - (character == "]" and depth > 0)
        out.append(_S if character == "_" and depth == 0 else character)
        position += 1
    return "".join(out)


# Tokens of chat formats are spelled with real underscores.
_LITERAL = frozenset({"delimiter.special-token", "delimiter.llama"})
RULES = tuple(
    AttackRule(name, category, score, "(?i)" + (pattern if name in _LITERAL else _spaced(pattern)))
    for name, category, score, pattern in _SOURCES
)

_FAR = re.compile(r"\.\{0,(?:1[1-9]|[2-9]\d)")
_UNREAD = frozenset({"invisible.tags", "override.new-orders"})  # these begin with any character, or any line of Chinese
_LOOSER = {
    r"[\pL\pN'’]": r"[^\x{0}-\x{26}\x{28}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{A9}\x{3000}-\x{3002}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF20}]",
    r"\pL": r"[A-Za-z\x{AA}-\x{2FFF}\x{3003}-\x{FF00}\x{FF21}-\x{10FFFF}]",
    r"\pZ": r"\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}",
}
"""Classes of Unicode, and classes with as much in them or a little more that take a hundredth of the states."""


def interruptible() -> dict[str, str]:
    """By id, patterns of the rules whose words stand close together; they match what the rules do, or a little more.

    Of the others any mention of what they begin with (``you``) could go on for a sentence or two.
    """
    kept = {rule.id: rule.pattern for rule in RULES if rule.id not in _UNREAD and not _FAR.search(rule.pattern)}
    for narrow, loose in _LOOSER.items():
        kept = {name: pattern.replace(narrow, loose) for name, pattern in kept.items()}
    return kept
