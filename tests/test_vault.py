from __future__ import annotations

from pathlib import Path

import pytest

from guard.config import AuditConfig, GatewayConfig, VaultConfig
from guard.content import Content, Direction, TextPart
from guard.errors import ConfigError
from guard.server.app import create_gateway
from guard.vault import Scope, Vault

SECRET = b"s" * 32


def turn(*texts: str) -> Content:
    """A conversation: system, user, assistant, user …"""
    roles = ("system", "user", "assistant") + ("user", "assistant") * len(texts)
    parts = tuple(TextPart(text, f"/{n}", role=role) for n, (text, role) in enumerate(zip(texts, roles, strict=False)))
    return Content(Direction.INPUT, parts)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


FIRST = turn("be kind", "I am Ana")
LATER = turn("be kind, it is Tuesday", "I am Ana", "hello Ana", "write to me")


def test_each_request_has_a_key_of_its_own():
    vault = Vault()

    keys = {vault.key(FIRST, "acme") for _ in range(10)}

    assert len(keys) == 10
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("secret", [None, SECRET], ids=["own", "shared"])
def test_the_turns_of_a_conversation_have_one_key(secret: bytes | None):
    vault = Vault(Scope.CONVERSATION, secret=secret)

    assert vault.key(FIRST, "acme") == vault.key(LATER, "acme")


def test_two_tenants_two_conversations_and_nobody_never_share_a_key():
    vault = Vault(Scope.CONVERSATION, secret=SECRET)
    keys = [
        vault.key(FIRST, "acme"),
        vault.key(FIRST, "bcme"),
        vault.key(FIRST, None),
        vault.key(FIRST, ""),
        vault.key(turn("be kind", "I am Bo"), "acme"),
        vault.key(turn(), "acme"),
    ]

    assert len(set(keys)) == len(keys)


def test_processes_with_one_secret_agree_and_those_with_none_do_not():
    agreed = {Vault(Scope.CONVERSATION, secret=SECRET).key(FIRST, "acme") for _ in range(2)}
    apart = {Vault(Scope.CONVERSATION).key(FIRST, "acme") for _ in range(2)}

    assert (len(agreed), len(apart)) == (1, 2)


@pytest.mark.parametrize("secret", [None, SECRET], ids=["own", "shared"])
def test_keys_change_when_their_time_is_over(secret: bytes | None):
    clock = Clock()
    vault = Vault(Scope.CONVERSATION, secret=secret, rotate_s=100.0, clock=clock)
    first = vault.key(FIRST, "acme")
    clock.now += 99
    same = vault.key(FIRST, "acme")
    clock.now += 1
    other = vault.key(FIRST, "acme")

    assert first == same != other


def test_a_secret_of_the_process_is_forgotten_with_its_period():
    clock = Clock()
    vault = Vault(Scope.CONVERSATION, rotate_s=100.0, clock=clock)
    first = vault.key(FIRST, "acme")
    clock.now += 100
    vault.key(FIRST, "acme")
    clock.now -= 100

    assert vault.key(FIRST, "acme") != first


def test_a_secret_that_could_be_guessed_is_refused():
    with pytest.raises(ValueError, match="has 8 bytes; it should have at least 32"):
        Vault(Scope.CONVERSATION, secret=b"password")


@pytest.mark.parametrize(
    ("secret", "error"),
    [(None, "the environment variable `SECRET` is not set; export"), ("short", "has 5 bytes; it should have at least")],
)
def test_a_gateway_whose_secret_is_missing_or_weak_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None, error: str
):
    monkeypatch.delenv("SECRET", raising=False)
    if secret is not None:
        monkeypatch.setenv("SECRET", secret)
    config = GatewayConfig(vault=VaultConfig(Scope.CONVERSATION, "SECRET"), audit=AuditConfig(path=str(tmp_path / "a")))

    with pytest.raises(ConfigError, match=error):
        create_gateway(config)
