"""A provider on a real port that misbehaves on purpose: lists of customers as Stripe gives them, page by page.

Belongs here: serving, and each way of going wrong. Does not belong here: what is expected of who asks.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PER_PAGE = 3
#: Answers request number `n` in place of the provider; False lets the provider answer.
Trouble = Callable[[int, "Handler"], bool]


class Provider(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pages: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.customers = [
            {"id": f"cus_{n:03}", "object": "customer", "created": 1_700_000_000 - n, "email": f"c{n}@shop.example"}
            for n in range(pages * PER_PAGE)
        ]
        self.trouble: Trouble = lambda *_: False
        self.count = 0
        self.mutex = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def ids(self) -> list[str]:
        return [str(c["id"]) for c in self.customers]


class Handler(BaseHTTPRequestHandler):
    server: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with self.server.mutex:
            self.server.count += 1
            number = self.server.count
        if self.server.trouble(number, self):
            return
        self.answer(200, self.page())

    def page(self) -> dict[str, Any]:
        after = parse_qs(urlsplit(self.path).query).get("starting_after", [""])[0]
        start = self.server.ids.index(after) + 1 if after else 0
        data = self.server.customers[start : start + PER_PAGE]
        return {"object": "list", "data": data, "has_more": start + PER_PAGE < len(self.server.customers)}

    def answer(self, status: int, body: Any, **headers: str) -> None:
        self._send(status, json.dumps(body).encode(), headers)

    def half(self) -> None:
        """Promises the whole page, sends half of it and hangs up."""
        whole = json.dumps(self.page()).encode()
        self._send(200, whole[: len(whole) // 2], {"Content-Length": str(len(whole))})
        self.close_connection = True

    def hang_up(self) -> None:
        """No answer at all."""
        self.close_connection = True

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return None
