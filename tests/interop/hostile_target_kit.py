# SPDX-License-Identifier: MIT
"""The target's side of connections, for tests that need a target that does wrong, or one whose every step they decide. Written from
RFC 7143."""
import contextlib
import socket
import struct
import threading

from harness import expect
from peer import ASYNC, DATA_IN, LOGIN_RESPONSE, LOGOUT_RESPONSE, NO_TAG, OP, R2T, RESPONSE, Closed, Peer, pad

DECLARED = ("InitiatorName", "InitiatorAlias", "TargetName", "SessionType", "MaxRecvDataSegmentLength")


class Connection(Peer):
    """The target's side of a connection that an initiator has made."""

    def __init__(self, accepted):
        self.socket = accepted
        self.socket.settimeout(20)
        self.expstatsn = self.cmdsn = 0
        self.statsn = 1

    def answer(self, opcode, request, data=b"", flags=0x80, lun=0, ttt=NO_TAG, rest=None, status=0):
        cmdsn = struct.unpack(">I", request.bhs[24:28])[0] + (0 if request.bhs[0] & 0x40 else 1)
        self.cmdsn = cmdsn = max(cmdsn, self.cmdsn)
        tail = struct.pack(">IIII", ttt, self.statsn, cmdsn, cmdsn + 8) + (rest or bytes(12))
        bhs = struct.pack(">BBBB", opcode, flags, 0, status) + len(data).to_bytes(4, "big") + struct.pack(">QI", lun, request.itt) + tail
        self.statsn += 1
        self.send(bhs + pad(data))

    def check(self, q, told, data=b"", residual=None):
        """CHECK CONDITION with this sense data, perhaps behind data."""
        if data:
            self.answer(DATA_IN, q, data, flags=0x80)
            self.statsn -= 1
        rest = struct.pack(">III", 0, 0, residual or 0)
        self.answer(RESPONSE, q, struct.pack(">H", len(told)) + told, flags=0x80 | (2 if residual else 0), rest=rest, status=2)

    def data_in(self, q, data, status=0):
        """Data of a read, as far as it was asked for, with its status."""
        room = q.words[0]
        data, at, n = data[:room], 0, 0
        short = room - len(data)
        while True:
            part = data[at:at + 65536]
            last = at + len(part) >= len(data)
            flags = (0x81 if last else 0) | (2 if last and short else 0)
            self.answer(DATA_IN, q, part, flags=flags, rest=struct.pack(">III", n, at, short if last else 0), status=status)
            self.statsn -= not last
            at, n = at + len(part), n + 1
            if last:
                return

    def r2t(self, q, at, length):
        self.answer(R2T, q, ttt=q.itt & 0x7fffffff, rest=struct.pack(">III", 0, at, length))
        self.statsn -= 1

    def async_message(self, event, words=(0, 0, 0)):
        """words: Parameter1 to 3."""
        bhs = struct.pack(">BBHI", ASYNC, 0x80, 0, 0) + struct.pack(">QIIIII", 0, NO_TAG, 0, self.statsn, self.cmdsn, self.cmdsn + 8)
        self.statsn += 1
        self.send(bhs + struct.pack(">BBHHHI", event, 0, *words, 0))

    def logout(self, request, response=0, time2wait=0):
        cmdsn = struct.unpack(">I", request.bhs[24:28])[0] + (0 if request.bhs[0] & 0x40 else 1)
        self.send(struct.pack(">BBBBIQIIIII", LOGOUT_RESPONSE, 0x80, response, 0, 0, 0, request.itt, 0, self.statsn, cmdsn, cmdsn + 8) +
                  struct.pack(">IHHI", 0, time2wait, 20, 0))
        self.statsn += 1

    def cut(self):
        """Ends the connection without a word."""
        self.socket.shutdown(socket.SHUT_RDWR)
        raise Closed()

    def login(self, status=0, text=None, tsih=1, flags=0x87, keys=None):
        """Answers one Login Request: every key that was offered, or `text` alone."""
        request = self.receive()
        expect(request.opcode == OP["login"], "no login:", request)
        self.statsn = struct.unpack(">I", request.bhs[28:32])[0] or 1
        if text is None:
            text = {}
            for key, value in request.text().items():
                if key not in DECLARED:
                    text[key] = "None" if key.endswith("Digest") else value.split(",")[-1]
            text.update({k: v for k, v in (keys or {}).items() if k in text})
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
