# SPDX-License-Identifier: MIT
"""The target's side of connections, for tests that need a target that does wrong, or one whose every step they decide. Written from
RFC 7143."""
import contextlib
import socket
import struct
import threading

from harness import expect
from peer import LOGIN_RESPONSE, NO_TAG, OP, Closed, Peer, pad

DECLARED = ("InitiatorName", "InitiatorAlias", "TargetName", "SessionType", "MaxRecvDataSegmentLength")


class Connection(Peer):
    """The target's side of a connection that an initiator has made."""

    def __init__(self, accepted):
        self.socket = accepted
        self.socket.settimeout(20)
        self.expstatsn = 0
        self.statsn = 1

    def answer(self, opcode, request, data=b"", flags=0x80, lun=0, ttt=NO_TAG, rest=None, status=0):
        cmdsn = struct.unpack(">I", request.bhs[24:28])[0] + (0 if request.bhs[0] & 0x40 else 1)
        tail = struct.pack(">IIII", ttt, self.statsn, cmdsn, cmdsn + 8) + (rest or bytes(12))
        bhs = struct.pack(">BBBB", opcode, flags, 0, status) + len(data).to_bytes(4, "big") + struct.pack(">QI", lun, request.itt) + tail
        self.statsn += 1
        self.send(bhs + pad(data))

    def login(self, status=0, text=None, tsih=1, flags=0x87):
        """Answers one Login Request: every key that was offered, or `text` alone."""
        request = self.receive()
        expect(request.opcode == OP["login"], "no login:", request)
        self.statsn = struct.unpack(">I", request.bhs[28:32])[0] or 1
        if text is None:
            text = {}
            for key, value in request.text().items():
                if key not in DECLARED:
                    text[key] = "None" if key.endswith("Digest") else value.split(",")[-1]
        data = text if isinstance(text, bytes) else "".join(f"{k}={v}\0" for k, v in text.items()).encode()
        cmdsn = struct.unpack(">I", request.bhs[24:28])[0]
        bhs = struct.pack(">BBBB", LOGIN_RESPONSE, 0 if status else flags, 0, 0) + len(data).to_bytes(4, "big") + \
            request.bhs[8:14] + struct.pack(">HIIIII", 0 if status else tsih, request.itt, 0, self.statsn, cmdsn, cmdsn + 8) + \
            struct.pack(">H", status) + bytes(10)
        self.statsn += 1
        self.send(bhs + pad(data))
        return request


class Target:
    """Listens; `script` is run for each connection with its number. What an attack makes of the connection is no failure."""

    def __init__(self, script, host="127.0.0.1"):
        self.script, self.count = script, 0
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.listener.bind((host, 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.fault = None
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self.listener.accept()
                with Connection(accepted) as c:
                    try:
                        self.script(c, self.count)
                    except (Closed, OSError):
                        pass
                    except Exception as fault:  # told by the test
                        self.fault = fault
                self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)  # what the script saw last counts
        if kind is None and self.fault:
            raise self.fault
