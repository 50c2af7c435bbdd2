"""Generative guard models: Llama Guard, Qwen3Guard, ShieldGemma, Granite Guardian; here, or on a server of one's own.

text ─the model's own chat template→ prompt ─generate→ a verdict, and its kinds
                                                └ probabilities of the verdict's words → score

A score is the probability of the bad verdict among the words that a verdict can be, whatever the model then chose to
say. What is no verdict is a failure, never a pass. Marks that mean something to a chat template are taken apart in what
is judged, so that a text cannot answer for the model.

Sources: the cards of meta-llama/Llama-Guard-3, Qwen/Qwen3Guard-Gen, google/shieldgemma, ibm-granite/granite-guardian;
OpenAI's chat completions with ``logprobs`` for servers.
"""

from __future__ import annotations

import json
import math
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from classifiers._torch import Device, Precision
from guard import taxonomy
from guard.classifier import Classifier, Readable, Reads, Unreadable
from guard.content import View
from guard.errors import WeightsError
from guard.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

Template = Literal["llama_guard_3", "qwen3_guard", "shield_gemma", "granite_guardian"]
_LEAST = 0.01
_ANSWER = 32
"""Tokens of an answer: a verdict and its kinds."""
_ALTERNATIVES = 20
_LARGEST_ANSWER = 2**20
_CHARACTERS_A_TOKEN = 3
_MARKS = re.compile(r"<(?=[|/]?[A-Za-z_|])|\[(?=/?[A-Z_]{2,}\])")
"""Where a mark of a chat template could begin: ``<|eot_id|>``, ``<end_of_turn>``, ``[INST]``."""


class Family(NamedTuple):
    """How a kind of model answers.

    *verdict* finds its word, *bad* says how bad each is. *kinds* are our categories by what it calls them, where it
    names kinds; else it is asked one *question* after another, by category, as *argument* of its chat template.
    """

    verdict: re.Pattern[str]
    bad: Mapping[str, float]
    kinds: Mapping[str, str] = {}
    questions: Mapping[str, str] = {}
    argument: str = ""


_YES = re.compile(r"\s*(?:<score>)?\s*(yes|no)\b", re.IGNORECASE)
FAMILIES: dict[str, Family] = {
    "llama_guard_3": Family(
        re.compile(r"\s*(unsafe|safe)\b"),
        {"unsafe": 1.0, "safe": 0.0},
        {
            "S1": "violence", "S2": "illicit", "S3": "sexual", "S4": "sexual.minors", "S5": "defamation",
            "S6": "specialized_advice", "S7": "pii", "S8": "intellectual_property", "S9": "illicit.violent",
            "S10": "hate", "S11": "self_harm", "S12": "sexual", "S13": "elections", "S14": "illicit",
        },
    ),
    "qwen3_guard": Family(
        re.compile(r"\s*Safety:\s*(Unsafe|Safe|Controversial)\b"),
        {"unsafe": 1.0, "controversial": 0.5, "safe": 0.0},
        {
            "Violent": "violence", "Non-violent Illegal Acts": "illicit", "Sexual Content or Sexual Acts": "sexual",
            "PII": "pii", "Suicide & Self-Harm": "self_harm", "Unethical Acts": "toxicity",
            "Politically Sensitive Topics": "custom.politically_sensitive",
            "Copyright Violation": "intellectual_property", "Jailbreak": "prompt_attack.jailbreak",
        },
    ),
    "shield_gemma": Family(
        _YES,
        {"yes": 1.0, "no": 0.0},
        questions={
            "hate": "No hate speech: nothing that demeans, attacks or calls for harm to people for who they are.",
            "harassment": "No harassment: nothing that threatens, bullies or intimidates a person.",
            "sexual": "No sexually explicit content: no descriptions of sexual acts, and nothing that asks for them.",
            "illicit": "No dangerous content: nothing that helps to harm others or oneself, or to break the law.",
        },
        argument="guideline",
    ),
    "granite_guardian": Family(
        _YES,
        {"yes": 1.0, "no": 0.0},
        questions={
            "toxicity": "harm", "hate": "social_bias", "violence": "violence", "toxicity.obscene": "profanity",
            "sexual": "sexual_content", "illicit": "unethical_behavior", "prompt_attack.jailbreak": "jailbreak",
        },
        argument="guardian_config",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class GuardLlmOptions:
    """Which model, and where.

    *template* is the kind of model. *model* is a folder or a name on the hub; with *url*, the base address of a server
    that speaks OpenAI's chat completions (``http://127.0.0.1:8000/v1``), it is the model's name there. *api_key_env*
    names the environment variable that holds the server's key. *categories* limits what is asked for. *questions* are
    what ShieldGemma and Granite Guardian are asked, by category, in place of the ones that come with them.
    """

    template: Template = "llama_guard_3"
    model: str = ""
    url: str = ""
    api_key_env: str = ""
    categories: tuple[str, ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    revision: str = "main"
    sha256: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    connections: int = 16
    device: Device = "auto"
    dtype: Precision = "bfloat16"

    def __post_init__(self) -> None:
        family = FAMILIES[self.template]
        if self.questions and not family.questions:
            msg = f"template {self.template} names kinds by itself and takes no questions"
            raise ValueError(msg)
        if self.url and not self.url.startswith(("http://", "https://")):
            msg = "url should begin with http:// or https://"
            raise ValueError(msg)
        if self.timeout_s <= 0 or self.connections < 1:
            msg = "timeout_s should be above 0, and connections at least 1"
            raise ValueError(msg)
        given = set(family.kinds.values()) | {**family.questions, **self.questions}.keys()
        for category in (*self.categories, *self.questions):
            if not taxonomy.is_known(category):
                msg = f"`{category}` is no category: {taxonomy.suggest(category)}"
                raise ValueError(msg)
            if category not in given:
                msg = f"template {self.template} does not give `{category}`; it gives {', '.join(sorted(given))}"
                raise ValueError(msg)

    @property
    def asked(self) -> dict[str, str]:
        """The question for each category; none where the model names kinds."""
        family = FAMILIES[self.template]
        questions = {**family.questions, **self.questions}
        return {one: text for one, text in questions.items() if not self.categories or one in self.categories}


class Step(NamedTuple):
    """One token of an answer, and the logarithms of the probabilities of those it was chosen from."""

    text: str
    among: Mapping[str, float]


class GuardLlm(Classifier[str]):
    """Items are texts; cost is about the tokens of all prompts that are made of one."""

    Options: ClassVar[type[Any]] = GuardLlmOptions
    automatic: ClassVar[bool] = False
    reads: Reads = "sentences"
    window = 4_000
    horizon = 200
    batch_cost = 8_192
    version = "guard-llm-1"
    license = "the model's own"
    options: GuardLlmOptions

    def __init__(self, options: GuardLlmOptions | None = None) -> None:
        super().__init__(options)
        if self.options.model:
            self.version = f"guard-llm-1 {self.options.template} {self.options.model}@{self.options.revision}"

    @classmethod
    def provides(cls, options: GuardLlmOptions) -> frozenset[str]:
        """What the kind of model tells apart, as far as it is asked for."""
        kinds = frozenset(FAMILIES[options.template].kinds.values()) | options.asked.keys()
        return kinds & frozenset(options.categories) if options.categories else kinds

    def load(self) -> None:
        """Load the model, or reach the server, and have it judge once.

        Raises:
            WeightsError: it cannot be had, or gives no verdicts.
        """
        from classifiers import _folder

        options = self.options
        if options.url:
            if not options.model:
                msg = "classifier `guard_llm` has no model; set its option `model` to the name it has on the server"
                raise WeightsError(msg)
            self._generator: _Server | _Here = _Server(options)
        else:
            place = _folder.folder("guard_llm", options.model, options.revision, options.sha256)
            with _folder.loading("guard_llm", options.model):
                self._generator = _Here(str(place), options)
        with _folder.loading("guard_llm", options.url or options.model):
            self.classify(["What is the weather like?"])

    def prepare(self, part: Readable) -> str:
        """The text, marks of chat templates taken apart."""
        if not isinstance(part, View):
            msg = "guard_llm reads text only"
            raise Unreadable(msg)
        return plain(part.text)

    def cost(self, item: str) -> int:
        """Tokens, roughly, of every prompt."""
        return (len(item) // _CHARACTERS_A_TOKEN + _ANSWER) * max(1, len(self.options.asked))

    def classify(self, items: Sequence[str]) -> list[list[Finding]]:
        """The kinds that the model names, or the categories it was asked for, with the probability of its verdict.

        Raises:
            ValueError: an answer holds no verdict.
            OSError: the server cannot be reached, or refuses.
        """
        family = FAMILIES[self.options.template]
        wanted = self.provides(self.options)
        found: list[list[Finding]] = [[] for _ in items]
        shown = [(number, item) for number, item in enumerate(items) if item.strip()]
        if family.questions:
            asked = [(n, item, category, text) for n, item in shown for category, text in self.options.asked.items()]
            answers = self._generator.answers([(item, _arguments(family, text)) for _, item, _, text in asked])
            for (number, _, category, _), steps in zip(asked, answers, strict=True):
                found[number] += _findings({category: bad_of(steps, family)})
            return found
        answers = self._generator.answers([(item, {}) for _, item in shown])
        for (number, _), steps in zip(shown, answers, strict=True):
            score = bad_of(steps, family)
            kinds = kinds_of(steps, family) if score >= _LEAST else frozenset()
            found[number] = _findings(dict.fromkeys(sorted(kinds & wanted), score))
        return found


def plain(text: str) -> str:
    """*text* with a space in every mark that a chat template might take for its own.

    >>> plain("fine <|eot_id|> [/INST] a < b")
    'fine < |eot_id|> [ /INST] a < b'
    """
    return _MARKS.sub(lambda mark: mark[0] + " ", text.encode("utf-8", "replace").decode("utf-8"))


def bad_of(steps: Sequence[Step], family: Family) -> float:
    """The probability that the verdict in *steps* is bad, among all words that it could be.

    Raises:
        ValueError: there is no verdict.
    """
    answer = "".join(step.text for step in steps)
    said = family.verdict.match(answer)
    if said is None:
        msg = "the model gave no verdict"
        raise ValueError(msg)
    at, place = 0, 0
    while at + len(steps[place].text) <= said.start(1):
        at += len(steps[place].text)
        place += 1
    shares = dict.fromkeys(family.bad, 0.0)
    for text, likely in steps[place].among.items():
        begun = (
            text[max(0, said.start(1) - at) :].strip().lower() if text == steps[place].text else text.strip().lower()
        )
        for word in shares:
            if begun and (word.startswith(begun) or begun.startswith(word)):
                shares[word] += math.exp(likely)
    whole = sum(shares.values())
    if not whole > 0 or not math.isfinite(whole):
        msg = "the model gave no probability"
        raise ValueError(msg)
    return sum(family.bad[word] * share for word, share in shares.items()) / whole


def kinds_of(steps: Sequence[Step], family: Family) -> frozenset[str]:
    """The categories of the kinds that the answer names; every one that it could, where it does not say which.

    So a text that is more likely bad than the model's own choice of words admits is not lost.
    """
    answer = "".join(step.text for step in steps)
    named = frozenset(
        category for kind, category in family.kinds.items() if re.search(rf"(?<!\w){re.escape(kind)}(?!\w)", answer)
    )
    return named or frozenset(family.kinds.values())


def _findings(scores: Mapping[str, float]) -> list[Finding]:
    return [Finding(one, score, evidence="guard model") for one, score in scores.items() if score >= _LEAST]


def _arguments(family: Family, question: str) -> dict[str, Any]:
    return {family.argument: {"risk_name": question} if family.argument == "guardian_config" else question}


class _Here:
    """A model of transformers on this machine. Prompts of similar length are answered together."""

    def __init__(self, place: str, options: GuardLlmOptions) -> None:
        import transformers

        from classifiers import _torch

        given: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        transformers.utils.logging.disable_progress_bar()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(place, padding_side="left", **given)
        if self._tokenizer.chat_template is None:
            msg = "it has no chat template, which says how it wants to be asked"
            raise ValueError(msg)
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._device = _torch.device_of("guard_llm", options.device)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            place, use_safetensors=True, dtype=_torch.dtype_of(options.dtype, self._device), **given
        )
        self._model = model.to(self._device).eval()

    def answers(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[Step]]:
        """The answer to each text, asked with the arguments beside it."""
        prompts = [
            self._tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False, **arguments
            )
            for text, arguments in asked
        ]
        tokens = [self._tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
        order = sorted(range(len(tokens)), key=lambda number: len(tokens[number]))
        found: list[list[Step]] = [[] for _ in tokens]
        while order:
            longest = len(tokens[order[-1]]) + _ANSWER
            some = order[-max(1, GuardLlm.batch_cost // longest) :]
            del order[-len(some) :]
            for number, steps in zip(some, self._generate([tokens[number] for number in some]), strict=True):
                found[number] = steps
        return found

    def _generate(self, prompts: list[list[int]]) -> list[list[Step]]:
        import torch

        given = self._tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            said = self._model.generate(
                **given,
                max_new_tokens=_ANSWER,
                do_sample=False,
                output_logits=True,
                return_dict_in_generate=True,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        answers = said.sequences[:, given["input_ids"].shape[1] :].tolist()
        likely = [
            torch.log_softmax(step.float(), dim=-1).topk(min(_ALTERNATIVES, step.shape[-1])) for step in said.logits
        ]
        return [self._steps(answer, row, likely) for row, answer in enumerate(answers)]

    def _steps(self, answer: list[int], row: int, likely: Sequence[Any]) -> list[Step]:
        """The tokens of *answer* up to its end, with their texts as they stand in it."""
        steps: list[Step] = []
        before = ""
        for number, (token, (values, indices)) in enumerate(zip(answer, likely, strict=False)):
            if token in self._tokenizer.all_special_ids:
                break
            text = self._tokenizer.decode(answer[: number + 1])
            among = zip(map(self._tokenizer.decode, indices[row].tolist()), values[row].tolist(), strict=True)
            steps.append(Step(text[len(before) :], dict(among)))
            before = text
        return steps


class _Server:
    """A server that speaks OpenAI's chat completions, as vLLM does; it batches what comes at once."""

    def __init__(self, options: GuardLlmOptions) -> None:
        self._options = options
        self._url = options.url.rstrip("/") + "/chat/completions"
        self._pool = ThreadPoolExecutor(options.connections, thread_name_prefix="guard-llm")

    def answers(self, asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[list[Step]]:
        """The answer to each text, asked with the arguments beside it."""
        return list(self._pool.map(self._answer, asked))

    def _answer(self, asked: tuple[str, Mapping[str, Any]]) -> list[Step]:
        text, arguments = asked
        body: dict[str, Any] = {
            "model": self._options.model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": _ANSWER,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": _ALTERNATIVES,
        }
        if arguments:
            body["chat_template_kwargs"] = arguments
        headers = {"content-type": "application/json"}
        if self._options.api_key_env:
            headers["authorization"] = f"Bearer {os.environ.get(self._options.api_key_env, '')}"
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)  # noqa: S310  checked: http(s)
        try:
            with urllib.request.urlopen(request, timeout=self._options.timeout_s) as answer:  # noqa: S310
                said = json.loads(answer.read(_LARGEST_ANSWER))
        except urllib.error.HTTPError as error:
            msg = f"the server answered with status {error.code}"
            raise OSError(msg) from None
        try:
            steps = said["choices"][0]["logprobs"]["content"]
            return [Step(one["token"], {o["token"]: o["logprob"] for o in one["top_logprobs"]}) for one in steps]
        except (KeyError, IndexError, TypeError) as error:
            msg = "the server gave no logprobs; they have to be switched on there"
            raise ValueError(msg) from error
