"""The policies in force: read from a file or a folder, chosen per request, replaced as a whole.

One snapshot is in force at a time and never changes. A reload reads, checks, has the classifiers prepared, and only
then puts a new snapshot in its place, by one assignment; whatever fails on the way leaves the last good one.
A `Policy` that was selected stays valid for as long as its request runs.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guard.errors import PolicyError
from guard.policy import document, patterns
from guard.policy.loader import parse_policy
from guard.policy.model import Policy

if TYPE_CHECKING:
    from guard.decision import Action
    from guard.policy.serving import Catalog

log = logging.getLogger(__name__)

Prepare = Callable[[Sequence[Policy]], None]
"""Makes ready what policies need (loads classifiers); raises if it cannot."""

CACHED_CHOICES = 4096
LONGEST_CACHED_NAME = 256
"""Names come from clients: longer ones are matched anew each time, so that they cannot fill the memory."""


class _Snapshot:
    """Policies that are in force together."""

    def __init__(self, policies: tuple[Policy, ...], digest: str) -> None:
        self.policies = policies
        self.digest = digest
        self.choose = functools.lru_cache(CACHED_CHOICES)(self.choose_anew)

    def choose_anew(self, route: str, tenant: str, model: str) -> Policy | None:
        best: tuple[patterns.Rank, Policy] | None = None
        for policy in self.policies:
            rank = patterns.rank_of(policy.match, route, tenant, model)
            if rank is not None and (best is None or rank > best[0]):
                best = (rank, policy)
        return best[1] if best else None


class PolicyStore:
    """The policies of a file or folder. `select` may be called from any thread; reloads, from one at a time."""

    def __init__(
        self,
        path: str | Path,
        *,
        actions: Mapping[str, type[Action]],
        catalog: Catalog,
        prepare: Prepare | None = None,
    ) -> None:
        """Read *path* for the first time.

        Raises:
            PolicyError: a policy cannot be used. What *prepare* raises comes through as well.
        """
        self.path = Path(path)
        self.last_error: str | None = None
        """Why the last reload was refused, or None if it was not."""
        self._actions = actions
        self._catalog = catalog
        self._routes: tuple[str, ...] = ()
        files = read_files(self.path)
        self._attempted = _digest(files)
        self._snapshot = self._read(files, self._attempted)
        if prepare is not None:
            prepare(self.policies)

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy in force, in the order of their files' names."""
        return self._snapshot.policies

    @property
    def revision(self) -> str:
        """16 hex digits that name all the policies in force together."""
        return hashlib.sha256(" ".join(policy.revision for policy in self.policies).encode()).hexdigest()[:16]

    def select(self, route: str, tenant: str | None = None, model: str | None = None) -> Policy:
        """The policy for a request: the one whose match is most specific by route, then tenant, then model.

        Raises:
            PolicyError: there is none; `check_routes` finds that out before a request does.
        """
        snapshot = self._snapshot
        tenant, model = tenant or "", model or ""
        short = max(len(route), len(tenant), len(model)) <= LONGEST_CACHED_NAME
        chosen = (snapshot.choose if short else snapshot.choose_anew)(route, tenant, model)
        if chosen is None:
            raise PolicyError(self.path, 1, 1, "no policy matches a request", "add one that matches every route")
        return chosen

    def check_routes(self, routes: Sequence[str]) -> None:
        """See to it that each of *routes* has a policy for every tenant and model, now and after every reload.

        Raises:
            PolicyError: one has not.
        """
        self._check(self._snapshot, routes)
        self._routes = tuple(routes)

    def changed(self) -> bool:
        """Whether the files differ from those of the last load or attempt at one. Reads them: a few kilobytes."""
        try:
            return _digest(read_files(self.path)) != self._attempted
        except PolicyError as error:
            return self.last_error != str(error)

    def reload(self, prepare: Prepare | None = None) -> bool:
        """Put the files as they are now in force; True if that was done.

        Never raises for what is wrong with them: the last good policies stay, and `last_error` says why.
        """
        self._attempted = ""
        try:
            files = read_files(self.path)
            self._attempted = _digest(files)
            fresh = self._read(files, self._attempted)
            self._check(fresh, self._routes)
            if prepare is not None:
                prepare(fresh.policies)
        except PolicyError as error:
            self.last_error = str(error)
        except Exception as error:  # noqa: BLE001  a stranger's classifier may raise anything; none may stop the gateway
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            self._snapshot, self.last_error = fresh, None
            log.info("policies reloaded", extra={"revision": self.revision})
            return True
        log.error("policies not reloaded: %s", self.last_error)
        return False

    def _read(self, files: Mapping[Path, bytes], digest: str) -> _Snapshot:
        policies = tuple(
            parse_policy(document.decode(data, path), path=path, actions=self._actions, catalog=self._catalog)
            for path, data in files.items()
        )
        for i, policy in enumerate(policies):
            for earlier in policies[:i]:
                _refuse_conflict(policy, earlier)
        return _Snapshot(policies, digest)

    def _check(self, snapshot: _Snapshot, routes: Sequence[str]) -> None:
        for route in routes:
            mine = [p for p in snapshot.policies if patterns.rank(p.match.routes, route) is not None]
            if not mine:
                raise PolicyError(self.path, 1, 1, f"route `{route}` has no policy", "add it to a policy's `match`")
            if not any(patterns.is_total(p.match.tenants) and patterns.is_total(p.match.models) for p in mine):
                raise PolicyError(
                    mine[0].path,
                    mine[0].match.line,
                    1,
                    f"route `{route}` has policies for some tenants or models only",
                    'add a policy for the others, with `tenants: ["*"]` and `models: ["*"]`',
                )


def read_files(path: Path) -> dict[Path, bytes]:
    """The policy files that *path* is or holds, by name; their tests and hidden files left out.

    Raises:
        PolicyError: there is none, or one cannot be read.
    """
    try:
        paths = sorted(policy_files(path)) if path.is_dir() else [path]
        found: dict[Path, bytes] = {}
        for one in paths:
            with one.open("rb") as file:
                found[one] = file.read(document.MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(path, 1, 1, f"policies cannot be read: {error.strerror}", "check the path") from error
    if not found:
        raise PolicyError(path, 1, 1, "the folder holds no policy", "put a `<name>.yaml` into it")
    return found


def policy_files(folder: Path) -> list[Path]:
    """The policy files in *folder*."""
    return [
        path
        for path in folder.iterdir()
        if path.suffix in {".yaml", ".yml"}
        and not path.name.startswith(".")
        and not path.stem.endswith("_test")
        and path.is_file()
    ]


def _digest(files: Mapping[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for path, data in files.items():
        digest.update(f"{path.name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _refuse_conflict(policy: Policy, earlier: Policy) -> None:
    if policy.name == earlier.name:
        raise PolicyError(policy.path, 1, 1, f"policy `{policy.name}` is also in {earlier.path}", "rename one")
    tie = patterns.tied(policy.match, earlier.match)
    if tie is not None:
        route, tenant, model = tie
        raise PolicyError(
            policy.path,
            policy.match.line,
            1,
            f"`{policy.name}` ties with `{earlier.name}` of {earlier.path}: both match route `{route}`, "
            f"tenant `{tenant}`, model `{model}` equally well",
            "make the `match` of one more specific",
        )
