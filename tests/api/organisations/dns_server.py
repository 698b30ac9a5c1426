"""A DNS server on loopback that answers TXT questions from a dictionary: the real resolver asks it over UDP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@contextmanager
def serving(records: dict[str, list[str]]) -> Iterator[int]:
    """Port of the server; `records` may change while it serves. A name with None for a text is never answered."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            wire, whence = server.recvfrom(4096)
            if not wire:
                return
            question = dns.message.from_wire(wire)
            name = question.question[0].name.to_text().rstrip(".")
            answer = dns.message.make_response(question)
            answer.flags |= dns.flags.RA
            if name in records:
                texts = [f'"{text}"' for text in records[name]]
                answer.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "TXT", *texts))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            server.sendto(answer.to_wire(), whence)

    thread = threading.Thread(target=serve)
    thread.start()
    port = server.getsockname()[1]
    try:
        yield port
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", port))
        thread.join()
        server.close()
