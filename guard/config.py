"""The gateway's configuration file, read with the same loud errors as a policy.

.. code-block:: yaml

    listen: 127.0.0.1:8080
    admin: 127.0.0.1:8081
    upstream: {url: "http://127.0.0.1:9000/v1", api_key_env: UPSTREAM_KEY, timeout_s: 600}
    policies: policies/
    protocols: [a1111, my-generators/]
    envoy: {listen: "127.0.0.1:8082"}
    drop_ins: {llm_guard: true, bedrock_guardrails: false, fms_detectors: /detectors}
    workers: 2
    audit: {sink: sqlite, path: guard-audit.db}
    held: {path: guard-held.db, max_bytes: 1073741824}
    assets: {root: generated/, prefix: /assets/, max_bytes: 33554432}
    vault: {scope: conversation, secret_env: GUARD_VAULT_SECRET, rotate_s: 86400}
    fetch: {max_bytes: 10485760, timeout_s: 10}
    limits: {body_bytes: 10485760, judge_timeout_s: 10}
    tenants: {acme: {key_sha256: "9f86d081…"}}
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from guard.errors import ConfigError, PolicyError
from guard.policy import document
from guard.vault import Scope

if TYPE_CHECKING:
    from guard.policy.document import Field

_HERE = Path(__file__).parent
POLICIES = _HERE / "policies" if (_HERE / "policies").is_dir() else _HERE.parent / "policies"
"""The policies that come with the gateway: inside an installed package, beside it in a checkout."""

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^:\[\]]+):([0-9]{1,5})")
_URL = re.compile(r"https?://[^/\s?#]+[^\s?#]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_.-]+)+")
_FOLDERS = re.compile(r"/(?:[A-Za-z0-9_.-]+/)*")
_MOST_RETRIES = 10
PLACEMENTS = ("in-process", "process", "ray")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener binds; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address | None:
        """``host:port`` or ``[v6]:port``, or None if *text* is neither."""
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match[2]) > 65535:
            return None
        return cls(match[1].strip("[]"), int(match[2]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """After how many failures in a row the generator is not called, and for how many seconds. 0 failures: never."""

    failures: int = 10
    open_s: float = 5.0


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """The generator: its base URL, the environment variable with its key, what an answer may take and how often to ask.

    Times in seconds, sizes in decoded bytes. `guard.upstream.Upstream` says what each one bounds.
    """

    url: str = ""
    api_key_env: str | None = None
    timeout_s: float = 600.0
    connect_s: float = 5.0
    idle_s: float = 60.0
    max_bytes: int = 32 * 2**20
    max_stream_bytes: int = 256 * 2**20
    retries: int = 2
    breaker: BreakerConfig = BreakerConfig()


@dataclass(frozen=True, slots=True)
class FetchConfig:
    """What fetching one remote medium may cost, and the *networks* that may be called though they are not public."""

    max_bytes: int = 10 * 2**20
    timeout_s: float = 10.0
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """Where decisions are recorded."""

    sink: str = "sqlite"
    path: str = "guard-audit.db"


@dataclass(frozen=True, slots=True)
class HeldConfig:
    """Where answers wait for a person, ``guard-held.db`` beside the audit log if *path* is empty, and its size."""

    path: str = ""
    max_bytes: int = 2**30


@dataclass(frozen=True, slots=True)
class AssetsConfig:
    """The folder of files that a web server asks about, what their paths begin with, and how large one may be."""

    root: Path
    prefix: str = "/"
    max_bytes: int = 32 * 2**20


@dataclass(frozen=True, slots=True)
class VaultConfig:
    """For how long a value has the same placeholder, and the environment variable with the secret that says which."""

    scope: Scope = Scope.REQUEST
    secret_env: str | None = None
    rotate_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. Sizes in bytes, times in seconds."""

    body_bytes: int = 10 * 2**20
    header_bytes: int = 32 * 2**10
    headers: int = 100
    url_bytes: int = 8 * 2**10
    head_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    judge_timeout_s: float = 10.0
    write_timeout_s: float = 30.0
    in_flight: int = 512


@dataclass(frozen=True, slots=True)
class RayConfig:
    """Which cluster models run on, and what each classifier has of it: see `guard.placement.cluster.Cluster`."""

    address: str = "auto"
    least: int = 1
    most: int = 4
    calls_each: float = 8.0
    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Everything `guard serve` needs to know."""

    listen: Address = Address("127.0.0.1", 8080)
    admin: Address = Address("127.0.0.1", 8081)
    upstream: UpstreamConfig = UpstreamConfig()
    policies: str = ""
    workers: int = 1
    """Processes that answer requests."""
    placement: str = "in-process"
    """Where models run: ``in-process``; ``process``, one server of their own that all workers share; or ``ray``."""
    ray: RayConfig = RayConfig()
    protocols: tuple[str, ...] = ()
    """Descriptions of generators' protocols besides the built-in ones: files, folders, or names of bundled ones."""
    envoy: Address | None = None
    """Where Envoy's external processing is served, if it is."""
    drop_ins: tuple[tuple[str, str | None], ...] = ()
    """Other systems' APIs by name: the prefix below which one is served, "" for its own paths, None for not at all."""
    audit: AuditConfig = AuditConfig()
    held: HeldConfig = HeldConfig()
    assets: AssetsConfig | None = None
    """Which files are judged for a web server that serves them; None: none are."""
    vault: VaultConfig = VaultConfig()
    fetch: FetchConfig | None = None
    """How media at addresses in requests are fetched; None: they are not."""
    limits: Limits = Limits()
    tenants: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """Tenant names, each with the sha256 of its key. None: no key is asked for."""


def policy_path(name: str | Path) -> Path:
    """The file or folder *name*, or the bundled policy of that name.

    A folder that happens to be called as a bundled policy does not hide it; ``./NAME`` means the folder.

    Raises:
        ConfigError: there is neither.
    """
    path = Path(name)
    known = _bundled()
    if path.is_file() or (path.exists() and str(name) not in known):
        return path
    if str(name) in known:
        return POLICIES / f"{name}.yaml"
    hint = f"name a file, a folder, or a bundled policy ({', '.join(known)})"
    raise ConfigError(name, 1, 1, "there is no such policy", hint)


def _bundled() -> list[str]:
    return sorted(p.stem for p in POLICIES.glob("*.yaml") if not p.stem.endswith("_test"))


def load_config(path: str | Path) -> GatewayConfig:
    """The configuration in the file *path*. A relative path in it counts from the file's folder.

    ``policies`` may also be the name of a bundled policy.

    Raises:
        ConfigError: the first thing that is wrong with it.
    """
    try:
        config = _config(document.read_file(path))
    except PolicyError as error:
        raise ConfigError(error.path, error.line, error.col, error.problem, error.hint) from None
    home = Path(path).parent
    return replace(
        config,
        policies=_policies_beside(home, config.policies),
        protocols=tuple(str((home / one).absolute()) if (home / one).exists() else one for one in config.protocols),
        audit=replace(config.audit, path=str(home / config.audit.path)),
        held=replace(config.held, path=str(home / config.held.path) if config.held.path else ""),
        assets=replace(config.assets, root=(home / config.assets.root).absolute()) if config.assets else None,
    )


def _policies_beside(home: Path, name: str) -> str:
    """*name* as counted from *home*, or the bundled policy of that name if nothing there has it."""
    if not name:
        return ""
    beside = home / name
    return name if name in _bundled() and not beside.exists() else str(beside.absolute())


def is_base_url(text: str) -> bool:
    """Whether *text* is what an upstream's ``url`` should be."""
    return _URL.fullmatch(text) is not None


def _config(root: Field) -> GatewayConfig:
    known = (
        "listen", "admin", "workers", "placement", "ray", "upstream", "policies", "protocols", "drop_ins", "envoy",
        "audit", "held", "assets", "vault", "fetch", "limits", "tenants",
    )  # fmt: skip
    top = root.members(known)
    config = GatewayConfig()
    if "listen" in top:
        config = replace(config, listen=_address(top["listen"]))
    if "admin" in top:
        config = replace(config, admin=_address(top["admin"]))
    if "workers" in top:
        config = with_workers(config, top["workers"].whole(1))
    if "placement" in top:
        config = replace(config, placement=top["placement"].one_of(PLACEMENTS))
    if "ray" in top:
        config = replace(config, ray=_ray(top["ray"]))
    if "upstream" in top:
        config = replace(config, upstream=_upstream(top["upstream"]))
    if "policies" in top:
        config = replace(config, policies=top["policies"].text())
    if "protocols" in top:
        config = replace(config, protocols=tuple(item.text() for item in top["protocols"].items()))
    if "drop_ins" in top:
        config = replace(config, drop_ins=tuple((n, _prefix(f)) for n, f in top["drop_ins"].entries().items()))
    if "envoy" in top:
        config = replace(config, envoy=_address(top["envoy"].members(("listen",), required=("listen",))["listen"]))
    if "audit" in top:
        config = replace(config, audit=_audit(top["audit"]))
    if "held" in top:
        config = replace(config, held=_held(top["held"]))
    if "assets" in top:
        config = replace(config, assets=_assets(top["assets"]))
    if "vault" in top:
        config = replace(config, vault=_vault(top["vault"]))
    if "fetch" in top:
        config = replace(config, fetch=_fetch(top["fetch"]))
    if "limits" in top:
        config = replace(config, limits=_limits(top["limits"]))
    if "tenants" in top:
        config = replace(config, tenants=tuple(_tenant(name, f) for name, f in top["tenants"].entries().items()))
    return config


def with_workers(config: GatewayConfig, workers: int) -> GatewayConfig:
    """*config* with so many *workers*; several share their models unless `placement` says otherwise."""
    alone = workers == 1 or config.placement == "ray"
    return replace(config, workers=workers, placement=config.placement if alone else "process")


def _ray(value: Field) -> RayConfig:
    found = value.members(("address", "replicas", "calls_each", "cpus", "gpus"))
    config = RayConfig()
    if "address" in found:
        config = replace(config, address=found["address"].text())
    if "replicas" in found:
        ends = found["replicas"].members(("least", "most"))
        config = replace(config, **{name: one.whole(1) for name, one in ends.items()})  # type: ignore[arg-type]
        if config.least > config.most:
            found["replicas"].fail(f"`least` is {config.least}, and `most` {config.most}", "turn them round")
    for name in ("calls_each", "cpus", "gpus"):
        if name in found:
            least = 0.0 if name == "gpus" else 0.01
            config = replace(config, **{name: found[name].number(least, 1000)})  # type: ignore[arg-type]  # a number
    return config


def _address(value: Field) -> Address:
    address = Address.parse(value.text())
    if address is None:
        value.fail(f"{value.name} is no address", "write host:port, such as 127.0.0.1:8080")
    return address


def _prefix(value: Field) -> str | None:
    given = value.plain()
    if isinstance(given, bool):
        return "" if given else None
    if not isinstance(given, str) or _PREFIX.fullmatch(given) is None:
        value.fail(f"{value.name} is neither true, false nor a prefix", "write a prefix such as /detectors")
    return given


def _upstream(value: Field) -> UpstreamConfig:
    times, sizes = ("timeout_s", "connect_s", "idle_s"), ("max_bytes", "max_stream_bytes")
    found = value.members(("url", "api_key_env", *times, *sizes, "retries", "breaker"), required=("url",))
    url = found["url"].text()
    if not is_base_url(url):
        found["url"].fail("`url` is no http or https base URL", "write something like https://api.openai.com/v1")
    config = UpstreamConfig(url)
    if "api_key_env" in found:
        config = replace(config, api_key_env=found["api_key_env"].text())
    for name in times:
        if name in found:
            longest = 86_400 if name == "timeout_s" else 600
            config = replace(config, **{name: found[name].number(0.1, longest)})  # type: ignore[arg-type]  # a time
    for name in sizes:
        if name in found:
            config = replace(config, **{name: found[name].whole(1024)})  # type: ignore[arg-type]  # a size
    if "retries" in found:
        config = replace(config, retries=_retries(found["retries"]))
    if "breaker" in found:
        config = replace(config, breaker=_breaker(found["breaker"]))
    return config


def _retries(value: Field) -> int:
    retries = value.whole(0)
    if retries > _MOST_RETRIES:
        value.fail(f"`retries` is {retries}", f"it should be {_MOST_RETRIES} or less")
    return retries


def _breaker(value: Field) -> BreakerConfig:
    found = value.members(("failures", "open_s"))
    config = BreakerConfig()
    if "failures" in found:
        config = replace(config, failures=found["failures"].whole(0))
    if "open_s" in found:
        config = replace(config, open_s=found["open_s"].number(0.1, 3600))
    return config


def _audit(value: Field) -> AuditConfig:
    found = value.members(("sink", "path"))
    config = AuditConfig()
    if "sink" in found:
        config = replace(config, sink=found["sink"].one_of(("sqlite", "jsonl")))
    if "path" in found:
        config = replace(config, path=found["path"].text())
    return config


def _held(value: Field) -> HeldConfig:
    found = value.members(("path", "max_bytes"))
    config = HeldConfig()
    if "path" in found:
        config = replace(config, path=found["path"].text())
    if "max_bytes" in found:
        config = replace(config, max_bytes=found["max_bytes"].whole(2**20))
    return config


def _assets(value: Field) -> AssetsConfig:
    found = value.members(("root", "prefix", "max_bytes"), required=("root",))
    config = AssetsConfig(Path(found["root"].text()))
    if "prefix" in found:
        prefix = found["prefix"].text()
        if _FOLDERS.fullmatch(prefix) is None:
            found["prefix"].fail("`prefix` is not what paths begin with", "write something like /assets/")
        config = replace(config, prefix=prefix)
    if "max_bytes" in found:
        config = replace(config, max_bytes=found["max_bytes"].whole(1024))
    return config


def _vault(value: Field) -> VaultConfig:
    found = value.members(("scope", "secret_env", "rotate_s"))
    config = VaultConfig()
    if "scope" in found:
        config = replace(config, scope=Scope(found["scope"].one_of(Scope)))
    for name in ("secret_env", "rotate_s"):
        if name in found and config.scope is Scope.REQUEST:
            found[name].fail(f"`{name}` says nothing where each request has its own key", "add `scope: conversation`")
    if "secret_env" in found:
        config = replace(config, secret_env=found["secret_env"].text())
    if "rotate_s" in found:
        config = replace(config, rotate_s=found["rotate_s"].number(60, 366 * 86_400))
    return config


def _fetch(value: Field) -> FetchConfig | None:
    if value.is_null:
        return None
    found = value.members(("max_bytes", "timeout_s", "networks"))
    config = FetchConfig()
    if "max_bytes" in found:
        config = replace(config, max_bytes=found["max_bytes"].whole(1024))
    if "timeout_s" in found:
        config = replace(config, timeout_s=found["timeout_s"].number(0.1, 600))
    if "networks" in found:
        config = replace(config, networks=tuple(_network(item) for item in found["networks"].items()))
    return config


def _network(value: Field) -> str:
    try:
        return str(ipaddress.ip_network(value.text()))
    except ValueError:
        value.fail(f"{value.name} is no network", "write something like 10.20.0.0/16")


def _limits(value: Field) -> Limits:
    sizes = ("body_bytes", "header_bytes", "headers", "url_bytes", "in_flight")
    times = ("head_timeout_s", "body_timeout_s", "judge_timeout_s", "write_timeout_s")
    found = value.members((*sizes, *times))
    limits = Limits()
    for name, one in found.items():
        amount: float = one.whole(1) if name in sizes else one.number(0.001, 3600)
        limits = replace(limits, **{name: amount})  # type: ignore[arg-type]  # whole() gives the ints
    return limits


def _tenant(name: str, value: Field) -> tuple[str, bytes]:
    found = value.members(("key_sha256",), required=("key_sha256",))
    digest = found["key_sha256"].text().lower()
    if not _SHA256.fullmatch(digest):
        found["key_sha256"].fail("`key_sha256` is no sha256", "write the 64 hex digits of `printf %s KEY | sha256sum`")
    return name, bytes.fromhex(digest)
