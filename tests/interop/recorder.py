# SPDX-License-Identifier: MIT
"""A relay between an initiator and a target that keeps every PDU of both directions, for tests of what a tool sends."""
import contextlib
import socket
import threading

from peer import Pdu


def whole_pdus(stream):
    """The PDUs of a direction of a connection without digests; a last one that is not whole is left out."""
    at = 0
    while at + 48 <= len(stream):
        length = int.from_bytes(stream[at + 5:at + 8], "big")
        start = at + 48 + stream[at + 4] * 4
        end = start + length + (-length % 4)
        if end > len(stream):
            return
        yield Pdu(bytes(stream[at:at + 48]), bytes(stream[start:start + length]))
        at = end


class Connection:
    def __init__(self):
        self.sent, self.got = bytearray(), bytearray()  # by the initiator
        self.first_end = None                           # who closed first: "initiator" or "target"

    def requests(self):
        return list(whole_pdus(self.sent))

    def responses(self):
        return list(whole_pdus(self.got))


class Recorder:
    """Listens on a port of its own and relays to 127.0.0.1:`port`."""

    def __init__(self, port):
        self.to, self.connections = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to))
            kept = Connection()
            self.connections.append(kept)
            for here, there, stream, who in ((near, far, kept.sent, "initiator"), (far, near, kept.got, "target")):
                thread = threading.Thread(target=self._relay, args=(here, there, kept, stream, who), daemon=True)
                self.threads.append(thread)
                thread.start()

    @staticmethod
    def _relay(here, there, kept, stream, who):
        with contextlib.suppress(OSError):
            while True:
                data = here.recv(65536)
                if not data:
                    break
                stream += data
                there.sendall(data)
        kept.first_end = kept.first_end or who
        with contextlib.suppress(OSError):
            there.shutdown(socket.SHUT_WR)

    def requests(self):
        """Every PDU that the initiator sent, over all connections."""
        return [pdu for c in self.connections for pdu in c.requests()]
