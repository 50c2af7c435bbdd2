"""nginx as a pass-through: the lower bound of what a gateway costs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from benchmarks import _harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks._harness import Child

_CONFIG = """
daemon off; master_process off; worker_processes 1; error_log /dev/null; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder}; keepalive_requests 1000000;
  upstream generator {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://generator; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


@contextlib.contextmanager
def serving(upstream: int, folder: Path) -> Iterator[Child]:
    """One worker in front of the generator that listens on port *upstream*; answers are passed on unbuffered."""
    port = _harness.free_port()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, upstream=upstream, port=port))
    with _harness.program(["nginx", "-p", str(folder), "-e", "/dev/null", "-c", str(config)], port) as child:
        yield child
