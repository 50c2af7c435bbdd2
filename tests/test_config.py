from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from guard.config import (
    POLICIES,
    Address,
    AssetsConfig,
    BreakerConfig,
    GatewayConfig,
    HeldConfig,
    Limits,
    RayConfig,
    VaultConfig,
    is_base_url,
    load_config,
    policy_path,
)
from guard.errors import ConfigError
from guard.vault import Scope

DIGEST = hashlib.sha256(b"key").hexdigest()
WHOLE = f"""
listen: 0.0.0.0:80
admin: "[::1]:9"
upstream: {{url: "https://api.example.org/v1", api_key_env: UPSTREAM_KEY, timeout_s: 60, connect_s: 2.5,
           idle_s: 7, max_bytes: 4096, max_stream_bytes: 8192, retries: 1, breaker: {{failures: 3, open_s: 0.5}}}}
policies: policies
audit: {{sink: jsonl, path: log/records.jsonl}}
limits: {{body_bytes: 1000, header_bytes: 2000, headers: 10, url_bytes: 300, in_flight: 4, body_timeout_s: 1.5,
         judge_timeout_s: 0.25, write_timeout_s: 7}}
tenants: {{acme: {{key_sha256: {DIGEST}}}, zenith: {{key_sha256: {DIGEST.upper()}}}}}
"""


def load(folder: Path, text: str) -> GatewayConfig:
    file = folder / "gateway.yaml"
    file.write_text(text)
    return load_config(file)


def test_descriptions_of_protocols_are_bundled_ones_or_lie_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert load(tmp_path, "protocols: [a1111, mine]").protocols == ("a1111", str(tmp_path / "mine"))


def test_a_whole_file_says_everything(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)
    assert config.listen == Address("0.0.0.0", 80)
    assert config.admin == Address("::1", 9)
    assert config.upstream.url == "https://api.example.org/v1"
    assert config.upstream.api_key_env == "UPSTREAM_KEY"
    assert (config.upstream.timeout_s, config.upstream.connect_s, config.upstream.max_bytes) == (60.0, 2.5, 4096)
    assert (config.upstream.idle_s, config.upstream.max_stream_bytes, config.upstream.retries) == (7.0, 8192, 1)
    assert config.upstream.breaker == BreakerConfig(3, 0.5)
    assert (config.limits.body_bytes, config.limits.in_flight, config.limits.headers) == (1000, 4, 10)
    assert (config.limits.header_bytes, config.limits.url_bytes) == (2000, 300)
    assert (config.limits.body_timeout_s, config.limits.judge_timeout_s) == (1.5, 0.25)
    assert config.limits.write_timeout_s == 7.0
    assert config.audit.sink == "jsonl"
    assert [name for name, _ in config.tenants] == ["acme", "zenith"]
    assert {digest for _, digest in config.tenants} == {hashlib.sha256(b"key").digest()}


def test_models_may_run_on_a_ray_cluster(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "placement: ray\nworkers: 3\n"
        "ray: {address: 10.0.0.9:6379, replicas: {least: 2, most: 9}, calls_each: 4, gpus: 0.5}",
    )

    assert config.ray == RayConfig("10.0.0.9:6379", least=2, most=9, calls_each=4.0, gpus=0.5)
    assert (config.placement, config.workers) == ("ray", 3)
    assert load(tmp_path, "placement: ray").ray == RayConfig()
    with pytest.raises(ConfigError, match="`least` is 5, and `most` 4"):
        load(tmp_path, "ray: {replicas: {least: 5}}")


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, WHOLE)
    assert config.policies == str(tmp_path / "policies")
    assert config.audit.path == str(tmp_path / "log" / "records.jsonl")
    absolute = load(tmp_path, "policies: /somewhere/else\naudit: {path: /log/a.db}")
    assert (absolute.policies, absolute.audit.path) == ("/somewhere/else", "/log/a.db")


def test_policies_may_be_the_name_of_a_bundled_one_unless_something_beside_the_file_is_called_so(
    tmp_path: Path,
) -> None:
    assert load(tmp_path, "policies: strict").policies == "strict"
    (tmp_path / "strict").mkdir()
    assert load(tmp_path, "policies: strict").policies == str(tmp_path / "strict")


def test_an_empty_mapping_is_the_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "{}")
    assert config.limits == Limits()
    assert (config.upstream.retries, config.upstream.breaker) == (2, BreakerConfig(10, 5.0))
    assert (config.listen, config.admin) == (Address("127.0.0.1", 8080), Address("127.0.0.1", 8081))
    assert config.policies == ""
    assert config.tenants == ()


def test_what_waits_and_files_lie_beside_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "{}").held == HeldConfig()
    assert load(tmp_path, "{}").assets is None
    config = load(tmp_path, "held: {path: w.db, max_bytes: 1048576}\nassets: {root: out, prefix: /a/, max_bytes: 1024}")
    assert config.held == HeldConfig(str(tmp_path / "w.db"), 2**20)
    assert config.assets == AssetsConfig(tmp_path / "out", "/a/", 1024)


def test_a_vault_is_for_the_request_or_for_the_conversation(tmp_path: Path) -> None:
    assert load(tmp_path, "{}").vault == VaultConfig(Scope.REQUEST)
    given = load(tmp_path, "vault: {scope: conversation, secret_env: SECRET, rotate_s: 3600}").vault
    assert given == VaultConfig(Scope.CONVERSATION, "SECRET", 3600)


def test_the_keys_of_tenants_are_not_shown(tmp_path: Path) -> None:
    assert DIGEST[:16] not in repr(load(tmp_path, WHOLE))
    assert "sha256" not in repr(load(tmp_path, WHOLE))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lisen: 127.0.0.1:80", "1:1: the file has no key `lisen`; did you mean `listen`?"),
        ("listen: localhost", "1:9: `listen` is no address; write host:port"),
        ("listen: 127.0.0.1:99999", "is no address"),
        ("listen: 80", "listen"),
        ("upstream: http://x", "`upstream`"),
        ("upstream: {}", "url"),
        ("upstream: {url: localhost:9000}", "1:17: `url` is no http or https base URL"),
        ("upstream: {url: 'http://'}", "is no http or https base URL"),
        ("upstream: {url: 'http://x/?a=b'}", "is no http or https base URL"),
        ("upstream: {url: 'http://x', timeout_s: 0}", "timeout_s"),
        ("upstream: {url: 'http://x', timeout: 3}", "did you mean `timeout_s`?"),
        ("upstream: {url: 'http://x', max_bytes: 1.5}", "max_bytes"),
        ("upstream: {url: 'http://x', idle_s: 601}", "idle_s"),
        ("upstream: {url: 'http://x', max_stream_bytes: 1}", "max_stream_bytes"),
        ("upstream: {url: 'http://x', retries: 11}", "`retries` is 11; it should be 10 or less"),
        ("upstream: {url: 'http://x', retries: -1}", "retries"),
        ("upstream: {url: 'http://x', breaker: 3}", "breaker"),
        ("upstream: {url: 'http://x', breaker: {failure: 3}}", "did you mean `failures`?"),
        ("upstream: {url: 'http://x', breaker: {open_s: 0}}", "open_s"),
        ("audit: {sink: sqlit}", "did you mean `sqlite`?"),
        ("held: {max_bytes: 1}", "it should be 1048576 or more"),
        ("assets: {prefix: /a/}", "root"),
        ("assets: {root: x, prefix: a}", "write something like /assets/"),
        ("assets: {root: x, prefix: /a}", "write something like /assets/"),
        ("vault: {scope: session}", "`scope` cannot be `session`; known: conversation, request"),
        (
            "vault: {secret_env: S}",
            "1:21: `secret_env` says nothing where each request has its own key; add `scope: conv",
        ),
        ("vault: {scope: conversation, rotate_s: 1}", "rotate_s"),
        ("limits: {body_bytes: -1}", "body_bytes"),
        ("limits: {body_bytes: true}", "body_bytes"),
        ("limits: {judge_timeout_s: .nan}", "judge_timeout_s"),
        ("limits: {in_fligt: 1}", "did you mean `in_flight`?"),
        ("tenants: {acme: {key: x}}", "key_sha256"),
        ("tenants: {acme: {key_sha256: abc}}", "sha256sum"),
        ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "2:1:"),
        ("- listen", "1:1:"),
        ("listen: [", "gateway.yaml:"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_what_would_be_right(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path / 'gateway.yaml'}:")
    assert says in str(raised.value)


def test_a_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.yaml:1:1: "):
        load_config(tmp_path / "gateway.yaml")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("example.org:0", Address("example.org", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[]:1", None),
        ("::1:8080", None),
        (":80", None),
        ("host:", None),
        ("host:65536", None),
        ("host:-1", None),
        ("host:٣", None),
        ("", None),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address | None) -> None:
    assert Address.parse(text) == address


def test_an_address_prints_as_it_is_written() -> None:
    for text in ("127.0.0.1:80", "[::1]:8080"):
        assert str(Address.parse(text)) == text


@pytest.mark.parametrize("url", ["http://x", "https://api.example.org/v1", "http://[::1]:9000/v1", "http://u:p@x:1/"])
def test_a_base_url_is_one(url: str) -> None:
    assert is_base_url(url)


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "http:/x", "http://", "http://x y", "http://x?a", "http://x#a"])
def test_anything_else_is_no_base_url(url: str) -> None:
    assert not is_base_url(url)


def test_a_policy_path_is_a_file_a_folder_or_a_bundled_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert policy_path("default") == POLICIES / "default.yaml"
    assert policy_path(tmp_path) == tmp_path
    (tmp_path / "default").write_text("mine")
    assert policy_path("default") == Path("default")


def test_a_folder_does_not_hide_the_bundled_policy_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()
    assert policy_path("default") == POLICIES / "default.yaml"
    assert policy_path("./default") == Path("default")
    Path("gateway.yaml").write_text("policies: default")
    assert policy_path(load_config("gateway.yaml").policies) == tmp_path / "default"


@pytest.mark.parametrize("name", ["nowhere", "default_test", "x/default", "../policies/default", "default.yaml.bak"])
def test_a_policy_that_is_not_there_is_refused_with_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError,
        match=r"there is no such policy; .*ca-sb942, cn-gb45438, default, eu-cop-2026, minors, quality, strict",
    ):
        policy_path(name)


def test_a_drop_in_is_switched_on_or_off_or_given_a_prefix(tmp_path: Path) -> None:
    config = load(tmp_path, "drop_ins: {llm_guard: true, perspective: false, fms_detectors: /detectors/v2}")
    assert dict(config.drop_ins) == {"llm_guard": "", "perspective": None, "fms_detectors": "/detectors/v2"}


@pytest.mark.parametrize("value", ["detectors", "/", "/a/", "/a b", "7", "[]", '"/{id}"'])
def test_a_prefix_is_a_plain_path(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match="write a prefix"):
        load(tmp_path, f"drop_ins: {{llm_guard: {value}}}")


def test_envoy_is_answered_where_that_is_said(tmp_path: Path) -> None:
    assert load(tmp_path, 'envoy: {listen: "127.0.0.1:8082"}').envoy == Address("127.0.0.1", 8082)
    assert GatewayConfig().envoy is None
    with pytest.raises(ConfigError, match="has no `listen`"):
        load(tmp_path, "envoy: {}")
