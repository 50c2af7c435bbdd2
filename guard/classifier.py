"""The classifier interface: prepare on the CPU, classify in batches.

A classifier is one module with one `Classifier` subclass; the module's name is its name in policies.
Ours come in through the same entry point (``guard.classifiers``) as a stranger's.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar

from guard.content import AudioPart, ImagePart, Modality, VideoPart, View
from guard.errors import RegistryError, did_you_mean

if typing.TYPE_CHECKING:
    from guard.finding import Finding, Quote

Item = TypeVar("Item")
Readable = View | ImagePart | AudioPart | VideoPart
Reads = Literal["stretches", "sentences", "whole"]
"""How a classifier reads a text that grows: see `Classifier`."""


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """Options of a classifier that has none."""


class Classifier(ABC, Generic[Item]):
    """Gives findings for prepared items.

    The contract, which ``tests/classifiers/test_contract.py`` holds every registered classifier to:

    - `prepare` turns one view or media part into an item. It may run on any thread, several at once, and must not
      keep state. It raises `Unreadable` for something that is no valid instance of its modality.
    - `cost` is the item's size in units of the classifier's choosing (characters, tokens, pixels): positive,
      and roughly proportional to time.
    - `classify` returns one list of findings per item: **same length, same order**. It is called from one
      thread at a time, and the findings of an item do not depend on its neighbours. Spans count characters of
      the view. It raises when it cannot judge; it never returns "nothing found" for something it did not read.

    *window* is the longest text it wants at once, in characters (None: any length); longer text is cut by
    the pipeline into windows that overlap by *horizon*, the longest context that one finding needs.
    *batch_cost* is the total cost of one batch, at most; a model that gains nothing by batches is given smaller ones.
    Where the right one depends on the device, *largest_batch* is set: the budget is then tuned between the two when the
    classifier is loaded, and while it works. A classifier that *pads* fills the items of a batch up to the longest, so
    that a batch costs its longest times its number; like goes with like.

    *inline_cost* is the total cost below which `classify` is so quick (well under 100 µs) that it runs on the
    event loop itself instead of the model thread. *automatic* classifiers serve every policy with a rule on one of
    their categories; others only the policies that name them. Importing the module must be cheap: heavy libraries
    are imported in `load`.

    A classifier that *vouches* for what it read judges content: what it read counts as checked. One that looks at other
    things only (whether a sound clips, a mark is there) does not. A *reader* gives texts: see `Reader`.

    *reads* says how an answer is read while it is streamed, and what is held back for that:

    - ``stretches``: findings have spans, and one depends on its own characters and up to *lookbehind* before it. The
      text is read in consecutive stretches; `pending` says from where on a match could still grow, and only that is
      held back.
    - ``sentences``: a score is of a sentence, with up to *horizon* or *lookbehind* characters before it for context,
      whichever is less. Answers are read sentence by sentence, streamed or not; and where *dilutes* says that what
      stands around a bad sentence lowers its score, each by itself as well.
    - ``whole``: only all of a text can be judged, so all of it is held back. The default, for it is always right.
    """

    Options: ClassVar[type[Any]] = NoOptions
    categories: frozenset[str] = frozenset()
    modalities: frozenset[Modality] = frozenset({Modality.TEXT})
    reads: Reads = "whole"
    horizon: int = 256
    lookbehind: int = 64
    dilutes: bool = True
    window: int | None = None
    batch_cost: int = 16_384
    largest_batch: int | None = None
    pads: bool = False
    inline_cost: int = 0
    automatic: ClassVar[bool] = True
    reader: bool = False
    vouches: bool = True
    version: str = "1"
    license: str = "Apache-2.0"

    def __init__(self, options: Any = None) -> None:
        """Take options only; files are opened and models loaded in `load`."""
        self.options = options if options is not None else self.Options()
        self.categories = self.provides(self.options)

    @classmethod
    def provides(cls, options: Any) -> frozenset[str]:  # noqa: ARG003  a subclass reads its options
        """The categories an instance with *options* can give, without loading anything."""
        return cls.categories

    def load(self) -> None:
        """Open files, load weights, warm up. Raises `WeightsError`; called once, before the first item."""
        return

    @abstractmethod
    def prepare(self, part: Readable) -> Item:
        """Turn *part* into an item, on the CPU."""

    @abstractmethod
    def cost(self, item: Item) -> int:
        """The item's size in cost units, at least 1."""

    @abstractmethod
    def classify(self, items: Sequence[Item]) -> list[list[Finding]]:
        """One list of findings per item, same length, same order."""

    def pending(self, text: str) -> int:
        """From where on *text*, which may be followed by more, could hold the beginning of a match.

        Everything found that begins before it stays as it is, whatever follows: ``len(text)`` if nothing can still
        begin or grow. Pure and quick; called on any thread. Without knowledge of one's own: the last *horizon*
        characters, or nothing where sentences are read.
        """
        return len(text) if self.reads == "sentences" else max(0, len(text) - self.horizon)


class Reader(Classifier[Item]):
    """Reads texts off media: a recogniser of speech, of letters in pictures.

    Where a `Classifier` gives findings it gives `Quote`s (`read`, which is called as `classify` is): **one list per
    item, same length, same order**, in the order in which a person would read or hear them. The gateway makes texts of
    them, which all text classifiers of the policy judge; what they see comes back on the medium, with the boxes and
    times of the quotes that it was seen in. A rule needs no other words for that than ``modalities: [audio]``.

    It has no categories, and runs where the policy names it and has a rule on what text classifiers see that looks at
    such media. What it cannot read it refuses with `Unreadable`; "no text" is an empty list.
    """

    automatic = False
    reader = True
    reads: Reads = "whole"

    @abstractmethod
    def read(self, items: Sequence[Item]) -> list[list[Quote]]:
        """One list of quotes per item, same length, same order."""

    def classify(self, items: Sequence[Item]) -> Any:
        """What was read, for whoever asks classifiers."""
        return self.read(items)


class Unreadable(Exception):  # noqa: N818  a state of the part, answered by the policy's `unscannable`
    """`prepare` could not read the part as what it claims to be; the message names no content."""


def parse_options(name: str, cls: type[Classifier[Any]], given: Mapping[str, object]) -> Any:
    """Check *given* against ``cls.Options`` (a frozen dataclass) and build it.

    Lists become tuples, so that options can be compared and hashed into a policy's revision.

    Raises:
        RegistryError: an unknown option, a wrong type, or a value the dataclass refuses.
    """
    hints = typing.get_type_hints(cls.Options)
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in hints:
            msg = f"classifier `{name}` has no option `{key}`; {did_you_mean(key, hints)}"
            raise RegistryError(msg)
        values[key] = _coerce(f"classifier `{name}`: option `{key}`", value, hints[key])
    try:
        return cls.Options(**values)
    except (TypeError, ValueError) as error:
        msg = f"classifier `{name}`: {error}"
        raise RegistryError(msg) from error


def _coerce(where: str, value: object, hint: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        return _coerce(where, value, next(a for a in args if a is not type(None)))
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_coerce(where, v, args[0]) for v in value)
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {str(k): _coerce(f"{where}.{k}", v, args[1]) for k, v in value.items()}
    if origin is typing.Literal:
        if value in args:
            return value
        msg = f"{where} is not one of {', '.join(map(str, args))}"
        raise RegistryError(msg)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
        return value
    wanted = "a list" if origin is tuple else "a mapping" if origin in (dict, Mapping) else hint.__name__
    msg = f"{where} is a {type(value).__name__}; it should be {wanted}"
    raise RegistryError(msg)
