"""Keys that sign and are in no file: in a token, by SoftHSM's PKCS#11 module, and behind the operator's own code."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pkcs11
import pytest
from PIL import Image

from guard.classifier import Unreadable
from guard.cli.keygen import certificates
from guard.media.marks import c2pa as reader, c2pa_text
from guard.media.marks.model import Status
from guard.media.stamps import keys, signing
from guard.media.stamps.stamp import Stamp
from tests.provenance.test_stamps import mark

PIN = "4711"


class Token(NamedTuple):
    """A token with a key in it, and the chain of that key."""

    folder: Path
    module: Path
    chain: Path
    key: Path

    def uri(self, naming: str = "token=guard;object=c2pa", **asked: str) -> str:
        query = {"module-path": str(self.module), "pin-source": f"file:{self.folder / 'pin'}"} | asked
        return f"pkcs11:{naming}?" + "&".join(f"{name}={value}" for name, value in query.items())


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    _, chain, key = certificates("Example Studio")
    for name, data in (("chain.pem", chain), ("key.pem", key), ("pin", f"{PIN}\n".encode())):
        (folder / name).write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        login = ("--pin", PIN)
        run("--init-token", "--free", "--label", "guard", *login, "--so-pin", "0815")
        run("--import", str(folder / "key.pem"), "--token", "guard", "--label", "c2pa", "--id", "a1", *login)
        (module,) = sorted(Path("/usr/lib").glob("**/libsofthsm2.so"))[-1:]
        yield Token(folder, module, folder / "chain.pem", folder / "key.pem")


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").save(out, "JPEG")
    return out.getvalue()


def run(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


def sign(token: Token, key: str) -> bytes:
    data = jpeg()
    return signing.signed(data, "image/jpeg", data, str(token.chain), key, "studio/1", "trainedAlgorithmicMedia")


def is_signed(data: bytes) -> bool:
    (mark,) = reader.read(data, "image/jpeg")
    return (mark.status, mark.issuer) == (Status.INTACT, "Example Studio")


@pytest.mark.parametrize("naming", ["token=guard;object=c2pa", "token=guard;id=%a1", "token=guard;id=%A1;type=private"])
def test_a_key_in_a_token_signs(token: Token, naming: str) -> None:
    assert is_signed(sign(token, token.uri(naming)))


def is_text_signed(token: Token, key: str) -> bool:
    made = mark("一段文字".encode(), Stamp(("text_c2pa",), certificate=str(token.chain), key=key)).decode()
    (found,) = c2pa_text.read(made)
    return (found.status, found.issuer) == (Status.INTACT, "Example Studio")


def test_a_key_in_a_token_signs_texts(token: Token) -> None:
    assert is_text_signed(token, token.uri())
    with pytest.raises(Unreadable, match="NoSuchKey"):
        is_text_signed(token, token.uri("token=guard;object=other"))


def test_a_key_in_a_token_signs_for_many_at_once(token: Token) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: is_signed(sign(token, token.uri())), range(24)))


def test_a_key_in_a_token_signs_in_a_forked_worker(token: Token) -> None:
    assert is_signed(sign(token, token.uri()))
    child = os.fork()
    if not child:
        code = 1
        try:
            code = int(not is_signed(sign(token, token.uri())))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_signed(sign(token, token.uri())), "and in its parent afterwards"


def test_the_pin_may_be_in_the_environment(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_PIN", PIN)
    assert is_signed(sign(token, token.uri("token=guard;object=c2pa", **{"pin-source": "env:TOKEN_PIN"})))


@pytest.mark.parametrize(
    ("naming", "asked", "said"),
    [
        ("token=guard;object=other", {}, "NoSuchKey"),
        ("token=nobody;object=c2pa", {}, "NoSuchToken"),
        ("token=guard", {}, "name the token"),
        ("object=c2pa", {}, "name the token"),
        ("token=guard;object=c2pa", {"pin-source": "env:NO_SUCH_PIN"}, "no PIN"),
        ("token=guard;object=c2pa", {"pin-source": "file:/nowhere"}, "FileNotFoundError"),
        ("token=guard;object=c2pa", {"pin-source": PIN}, "no PIN; it should be file:PATH"),
        ("token=guard;object=c2pa", {"pin-source": f"file:/{PIN}"}, "FileNotFoundError"),
        ("token=guard;object=c2pa", {"module-path": "/nowhere.so"}, "token cannot be used"),
        ("token=guard;object=c2pa", {"pin-value": "4711"}, "`pin-value` is none of"),
    ],
)
def test_a_key_that_cannot_be_used_says_why_and_nothing_is_signed(
    token: Token, naming: str, asked: dict[str, str], said: str
) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        sign(token, token.uri(naming, **asked))
    assert PIN not in str(refused.value).replace("4711` is", "")
    assert is_signed(sign(token, token.uri())), "the next one is"


def test_what_fails_leaves_no_session_open(token: Token) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for asked in ("object=other", "id=%FF"):
                with pytest.raises(Unreadable, match="NoSuchKey"):
                    keys.es256(token.uri(f"token=guard;{asked}"))(b"")
            with pkcs11.lib(str(token.module)).get_token(token_label="guard").open(user_pin=PIN):
                code = 0  # whoever has a session open is logged in already, and told so
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


SIGNER = """
from pathlib import Path
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

def sign(data):
    key = serialization.load_pem_private_key(Path({key!r}).read_bytes(), None)
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)

def same(data):
    key = serialization.load_pem_private_key(Path({key!r}).read_bytes(), None)
    r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return r.to_bytes(32) + s.to_bytes(32)

def wrong(data):
    return b"short"

def broken(data):
    raise ConnectionError("the service with its secret address is down")
"""


@pytest.fixture
def package(token: Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with four signers, as an operator would install it."""
    (tmp_path / "studio_signers.py").write_text(SIGNER.format(key=str(token.key)))
    info = tmp_path / "studio_signers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: studio-signers\nVersion: 1.0\n")
    names = "".join(f"{name} = studio_signers:{name}\n" for name in ("sign", "same", "wrong", "broken"))
    (info / "entry_points.txt").write_text(f"[guard.signers]\n{names}")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    sys.modules.pop("studio_signers", None)


@pytest.mark.usefixtures("package")
def test_code_of_the_operator_signs(token: Token) -> None:
    assert is_signed(sign(token, "signer:sign"))
    assert is_text_signed(token, "signer:sign")
    assert is_text_signed(token, "signer:same"), "which draws no number"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "said"), [("wrong", "ValueError"), ("broken", "ConnectionError"), ("nobody", "no package has")]
)
def test_code_of_the_operator_that_fails_signs_nothing(token: Token, name: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        sign(token, f"signer:{name}")
    with pytest.raises(Unreadable, match=said):
        is_text_signed(token, f"signer:{name}")
    assert "secret" not in str(refused.value)
