"""A real nginx that serves generated files and asks the gateway before it does."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from guard.audit import State
from guard.config import AssetsConfig
from guard.errors import GuardError
from guard.exchange.assets import AssetError, steps
from tests.acceptance.conftest import Answer, House, answer_of, house
from tests.fakes import CANARY, ENTITY, eventually

DOCUMENTED = Path(__file__).parents[2] / "docs" / "nginx.conf"
POLICY = """\
policy: assets
rules:
  - {id: never, directions: [output], when: {category: custom.canary, at_least: 0.9}, then: block}
  - {id: mask, directions: [output], when: {category: custom.entity}, then: redact}
  - id: look-first
    message: {en: "A person looks at this first.", zh: "须先人工审核。"}
    directions: [output]
    when: {category: quality.blank}
    then: {review: {expires: 1h}}
  - {id: looks, directions: [output], modalities: [image], when: {category: nsfw, at_least: 0.99}, then: block}
"""


def picture(*, blank: bool = False) -> bytes:
    """A PNG of one colour, or of soft clouds of all."""
    small = np.random.default_rng(7).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    image = Image.new("RGB", (96, 96), (200, 30, 30)) if blank else Image.fromarray(small).resize((96, 96))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def nginx(folder: Path, files: Path, data_port: int) -> Iterator[str]:
    """nginx, set up as the documentation says, in front of *files*; its URL."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, "`make test` installs nginx"
    port = free_port()
    text = DOCUMENTED.read_text(encoding="utf-8")
    for documented, here in (
        ("listen 8000;", f"listen 127.0.0.1:{port};"),
        ("alias /srv/generated/;", f"alias {files}/;"),
        ("http://127.0.0.1:8080/", f"http://127.0.0.1:{data_port}/"),
        (
            "default_type application/octet-stream;",
            "default_type application/octet-stream; access_log off; "
            + "".join(f"{one}_temp_path {folder}; " for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")),
        ),
    ):
        assert text.count(documented) == 1
        text = text.replace(documented, here)
    config = folder / "nginx.conf"
    user = "user root; " if os.geteuid() == 0 else ""
    config.write_text(f"daemon off; {user}worker_processes 1; pid {folder}/nginx.pid; error_log stderr;\n{text}")
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-p", str(folder), "-e", "stderr", "-c", str(config)], stdout=log, stderr=log
        )
        try:
            assert eventually(lambda: listens(port)), (folder / "nginx.log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=10)


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Site:
    """A gateway, nginx in front of a folder, and the folder."""

    def __init__(self, one: House, files: Path, url: str) -> None:
        self.house, self.files, self.url = one, files, url

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path)

    def put(self, name: str, data: bytes) -> None:
        (self.files / name).parent.mkdir(exist_ok=True)
        (self.files / name).write_bytes(data)

    def raw(self, target: str) -> Answer:
        """What nginx answers to exactly that target: clients tidy paths up."""
        port = int(self.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            chunks = []
            while chunk := connection.recv(65536):
                chunks.append(chunk)
        return answer_of(b"".join(chunks))

    def decide(self, ticket: str, what: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.house.ports.admin}/held/{ticket}/{what}"
        return httpx.post(url, json={"by": "Ann", "reason": "seen"})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    files = tmp_path / "generated"
    files.mkdir()
    with (
        house(tmp_path, POLICY, assets=AssetsConfig(files, "/assets/", 200_000)) as one,
        nginx(tmp_path, files, one.ports.data) as url,
    ):
        yield Site(one, files, url)


def test_what_passes_is_served_as_it_is_and_recorded(site: Site) -> None:
    data = picture()
    site.put("sub/a b.png", data)
    answer = site.get("/assets/sub/a%20b.png?v=2")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["x-guard-asset"] == "released"
    assert answer.headers["content-type"] == "image/png"
    (record,) = site.house.records()
    assert (record.state, record.status, record.route, record.bytes_in) == (
        State.ALLOWED, 204, "/guard/v1/asset", len(data),
    )  # fmt: skip


@pytest.mark.parametrize("text", [f"it says {CANARY}", f"call {ENTITY}"])
def test_what_is_blocked_or_would_have_to_be_changed_is_not_served(site: Site, text: str) -> None:
    site.put("a.txt", text.encode())
    answer = site.get("/assets/a.txt")
    assert (answer.status_code, answer.headers["x-guard-asset"]) == (403, "refused")
    assert text not in answer.text
    assert site.house.records()[0].state is State.BLOCKED


def test_what_is_held_is_served_once_a_person_has_released_it(site: Site) -> None:
    data = picture(blank=True)
    site.put("a.png", data)
    answer = site.get("/assets/a.png")
    assert (answer.status_code, answer.headers["x-guard-asset"]) == (403, "pending")
    ticket = answer.headers["x-guard-held"]
    assert site.get("/assets/a.png").headers["x-guard-held"] == ticket
    (line,) = json.loads(site.house.admin("/held"))["held"]
    assert (line["id"], line["media_type"], line["summary"]["rules"]) == (ticket, "image/png", ["look-first"])
    seen = httpx.get(f"http://127.0.0.1:{site.house.ports.admin}/held/{ticket}/body")
    assert (seen.content, seen.headers["content-type"]) == (data, "image/png")
    assert site.decide(ticket, "release").status_code == 200
    assert site.get("/assets/a.png").content == data
    assert site.get("/assets/a.png").content == data
    states = [(one.state, one.source) for one in site.house.records(5)]
    assert states == [
        (State.HELD, "proxy"), (State.HELD, "proxy"), (State.ALLOWED, "review"), (State.ALLOWED, "proxy"),
        (State.ALLOWED, "proxy"),
    ]  # fmt: skip


def test_heads_and_ranges_are_asked_about_like_whole_files(site: Site) -> None:
    site.put("a.txt", b"all is well")
    site.put("b.txt", f"it says {CANARY}".encode())
    some = {"range": "bytes=0-2"}
    assert httpx.head(f"{site.url}/assets/a.txt").status_code == 200
    assert httpx.get(f"{site.url}/assets/a.txt", headers=some).content == b"all"
    assert httpx.head(f"{site.url}/assets/b.txt").status_code == 403
    assert httpx.get(f"{site.url}/assets/b.txt", headers=some).status_code == 403


def test_many_who_ask_at_once_make_one_ticket_and_its_holder_hears_what_became(site: Site) -> None:
    site.put("a.png", picture(blank=True))
    with ThreadPoolExecutor(8) as pool:
        tickets = {one.headers["x-guard-held"] for one in pool.map(site.get, ["/assets/a.png"] * 16)}
    assert len(tickets) == 1
    assert len(json.loads(site.house.admin("/held"))["held"]) == 1
    (ticket,) = tickets
    url = f"{site.house.url}/guard/v1/held/{ticket}"
    assert httpx.get(url).status_code == 202
    site.decide(ticket, "release")
    answer = httpx.get(url)
    assert (answer.status_code, answer.json()["status"]) == (200, "released")


def test_a_rule_that_blocks_is_stronger_than_a_persons_release(site: Site) -> None:
    site.put("a.png", picture(blank=True))
    ticket = site.get("/assets/a.png").headers["x-guard-held"]
    site.decide(ticket, "release")
    assert site.get("/assets/a.png").status_code == 200
    policy = site.files.parent / "policy.yaml"
    policy.write_text(policy.read_text().replace("then: {review: {expires: 1h}}", "then: block"))
    assert eventually(lambda: site.get("/assets/a.png").status_code == 403)


def test_what_a_person_refused_stays_refused_and_its_bytes_are_gone(site: Site) -> None:
    site.put("a.png", picture(blank=True))
    ticket = site.get("/assets/a.png").headers["x-guard-held"]
    assert site.decide(ticket, "refuse").status_code == 200
    answer = site.get("/assets/a.png")
    assert (answer.status_code, answer.headers["x-guard-asset"]) == (403, "refused")


def test_a_file_of_another_content_under_the_same_path_is_judged_anew(site: Site) -> None:
    site.put("a.txt", b"all is well")
    assert site.get("/assets/a.txt").status_code == 200
    site.put("a.txt", f"it says {CANARY}".encode())
    assert site.get("/assets/a.txt").status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        "/assets/../secret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets/sub/%2e%2e/a.txt",
        "/assets/sub/../a.txt",
        "/assets//a.txt",
        "/assets/sub%2f..%2fa.txt",
        "/assets/sub/",
        "/assets/",
        "/assets/missing.txt",
        "/assets/a.txt%00",
        "/assets/link.txt",
        "/assets/away/secret.txt",
        "/assets/pipe",
    ],
)
def test_only_a_plain_path_of_a_file_is_one(site: Site, target: str) -> None:
    (site.files.parent / "secret.txt").write_text("the secret")
    site.put("sub/b.txt", b"well")
    site.put("a.txt", b"well")
    (site.files / "link.txt").symlink_to(site.files.parent / "secret.txt")
    (site.files / "away").symlink_to(site.files.parent)
    os.mkfifo(site.files / "pipe")
    answer = site.raw(target)
    assert answer.status in {400, 403, 404}
    assert b"secret" not in answer.body
    assert b"well" not in answer.body


def test_what_nobody_can_look_at_is_not_served(site: Site) -> None:
    site.put("large.txt", b"a" * 200_001)
    site.put("page.txt", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    site.put("program.bin", bytes(range(256)))
    assert site.get("/assets/large.txt").headers["x-guard-asset"] == "asset_too_large"
    assert site.get("/assets/page.txt").status_code == 403
    assert site.get("/assets/program.bin").status_code == 403


def test_without_an_answer_of_the_gateway_nothing_is_served(site: Site) -> None:
    def failing(_: Any) -> Any:
        raise RuntimeError

    site.put("a.txt", b"all is well")
    site.house.canary.trouble = failing
    assert site.get("/assets/a.txt").status_code == 500


def test_the_gateway_itself_says_what_is_wrong_with_a_question(site: Site) -> None:
    url = f"{site.house.url}/guard/v1/asset"
    assert httpx.get(url).json()["error"]["code"] == "missing_header"
    assert httpx.post(url, headers={"x-original-uri": "/assets/a.txt"}).status_code == 405
    answer = httpx.get(url, headers={"x-original-uri": "http://10.0.0.1/a.txt"})
    assert (answer.status_code, answer.headers["x-guard-asset"]) == (403, "unknown_asset")


def test_without_the_setting_there_is_no_such_endpoint(standing_house: House) -> None:
    assert httpx.get(f"{standing_house.url}/guard/v1/asset").status_code == 404


def test_a_folder_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(GuardError, match="is no folder"),
        house(tmp_path, POLICY, assets=AssetsConfig(tmp_path / "missing")),
    ):
        pass


@pytest.mark.parametrize("uri", [b"", b"assets/a", b"/assets", b"/other/a", b"/assets/a\\b", b"/assets/a%0d%0ab"])
def test_what_is_no_path_below_the_prefix_is_refused(uri: bytes) -> None:
    with pytest.raises(AssetError):
        steps(uri, "/assets/")
