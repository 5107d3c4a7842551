# SPDX-License-Identifier: MIT
"""An iSCSI initiator in a few lines, for tests that need a peer that does wrong on purpose. Written from RFC 7143."""
import itertools
import socket
import struct

OP = {"nop_out": 0x00, "command": 0x01, "task": 0x02, "login": 0x03, "text": 0x04, "data_out": 0x05, "logout": 0x06,
      "snack": 0x10}
NOP_IN, RESPONSE, TASK_RESPONSE, LOGIN_RESPONSE, TEXT_RESPONSE, DATA_IN, LOGOUT_RESPONSE = 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26
R2T, ASYNC, REJECT = 0x31, 0x32, 0x3f
NO_TAG = 0xffffffff


def pad(data):
    return data + bytes(-len(data) % 4)


def header(opcode, flags=0x80, immediate=False, ahs=b"", data_len=0, lun=0, itt=1, words=(), rest=None):
    """48 bytes: the first 20, then 7 words (or `rest`, 28 bytes)."""
    first = struct.pack(">BBHB", opcode | (0x40 if immediate else 0), flags, 0, len(ahs) // 4) + data_len.to_bytes(3, "big")
    tail = rest if rest is not None else b"".join(struct.pack(">I", w) for w in words).ljust(28, b"\0")
    return first + struct.pack(">QI", lun, itt) + tail + ahs


ISIDS = itertools.count(0x1000000)


def new_isid():
    """An initiator port of its own for each session: one that is used twice reinstates the session before."""
    return b"\x80" + next(ISIDS).to_bytes(5, "big")


class Closed(Exception):
    pass


class Pdu:
    def __init__(self, bhs, data):
        self.bhs, self.data = bhs, data
        self.opcode, self.flags = bhs[0] & 0x3f, bhs[1]
        self.itt, self.ttt = struct.unpack(">II", bhs[16:24])
        self.words = struct.unpack(">7I", bhs[20:48])
        self.response, self.status = bhs[2], bhs[3]

    def text(self):
        return dict(p.split("=", 1) for p in self.data.decode().split("\0") if "=" in p)

    def __repr__(self):
        return f"<PDU {self.opcode:#x} flags {self.flags:#x} itt {self.itt:#x} {self.bhs[20:48].hex()} {len(self.data)} bytes>"


class Peer:
    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.cmdsn, self.expstatsn, self.itt = 1, 0, 1

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, raw):
        self.socket.sendall(raw)

    def read(self, n):
        got = b""
        while len(got) < n:
            try:
                more = self.socket.recv(n - len(got))
            except ConnectionResetError:
                raise Closed() from None
            if not more:
                raise Closed()
            got += more
        return got

    def receive(self):
        bhs = self.read(48)
        self.read(bhs[4] * 4)
        length = int.from_bytes(bhs[5:8], "big")
        data = self.read(length + (-length % 4))[:length]
        pdu = Pdu(bhs, data)
        if pdu.opcode not in (R2T,) and not (pdu.opcode == DATA_IN and not pdu.flags & 1) and not (
                pdu.opcode == NOP_IN and pdu.itt == NO_TAG):
            self.expstatsn = (struct.unpack(">I", bhs[24:28])[0] + 1) & 0xffffffff
        return pdu

    def closed(self):
        """Whether the target closes the connection without saying more."""
        try:
            while True:
                self.receive()
        except (Closed, ConnectionError, BrokenPipeError):
            return True
        except socket.timeout:
            return False

    # --- login ---

    def login_request(self, text, flags=0x87, isid=b"\x80\x00\x00\x00\x00\x01", tsih=0, itt=0, cid=1, versions=(0, 0), cmdsn=None):
        data = text if isinstance(text, bytes) else "".join(f"{k}={v}\0" for k, v in text.items()).encode()
        cmdsn = self.cmdsn if cmdsn is None else cmdsn
        bhs = struct.pack(">BBBBB", 0x43, flags, versions[0], versions[1], 0) + len(data).to_bytes(3, "big") + isid + struct.pack(
            ">HIHHII", tsih, itt, cid, 0, cmdsn, self.expstatsn) + bytes(16)
        return bhs + pad(data)

    def login(self, target, name="iqn.2026-11.org.example:hostile", **keys):
        keys = {"InitiatorName": name, "SessionType": "Normal", "TargetName": target, **keys}
        if target is None:
            keys.update(SessionType="Discovery")
            keys.pop("TargetName")
        isid = new_isid()
        self.send(self.login_request(keys, isid=isid))
        pdu = self.receive()
        for _ in range(5):  # the target may have proposals of its own; answer each with what it says
            if pdu.opcode != LOGIN_RESPONSE or pdu.bhs[36] or pdu.flags & 0x80:
                break
            own = {k: v for k, v in pdu.text().items() if k not in keys and k not in ("TargetPortalGroupTag", "TargetAlias",
                                                                                    "MaxRecvDataSegmentLength")}
            self.send(self.login_request(own, isid=isid))
            pdu = self.receive()
        if pdu.opcode != LOGIN_RESPONSE or pdu.bhs[36] or not pdu.flags & 0x80:
            raise AssertionError(f"login failed: {pdu} status {pdu.bhs[36]:02x}{pdu.bhs[37]:02x}")
        return pdu

    # --- full feature phase ---

    def tag(self):
        self.itt += 1
        return self.itt

    def command(self, cdb, edtl=0, read=False, write=False, final=True, data=b"", immediate=False, itt=None, cmdsn=None, lun=0,
                ahs=b"", attr=1):
        itt = self.tag() if itt is None else itt
        number = self.cmdsn if cmdsn is None else cmdsn
        if cmdsn is None and not immediate:
            self.cmdsn = (self.cmdsn + 1) & 0xffffffff
        flags = (0x80 if final else 0) | (0x40 if read else 0) | (0x20 if write else 0) | attr
        rest = struct.pack(">III", edtl, number, self.expstatsn) + cdb.ljust(16, b"\0")
        self.send(header(OP["command"], flags, immediate, ahs, len(data), lun, itt, rest=rest) + pad(data))
        return itt

    def data_out(self, itt, ttt, offset, data, datasn=0, final=True, lun=0):
        words = (ttt, 0, self.expstatsn, 0, datasn, offset, 0)
        self.send(header(OP["data_out"], 0x80 if final else 0, data_len=len(data), lun=lun, itt=itt, words=words) + pad(data))

    def nop(self, data=b"", itt=None, ttt=NO_TAG, immediate=True):
        itt = self.tag() if itt is None else itt
        words = (ttt, self.cmdsn, self.expstatsn)
        self.send(header(OP["nop_out"], 0x80, immediate, data_len=len(data), itt=itt, words=words) + pad(data))
        return itt

    def read_blocks(self, lba=0, blocks=8):
        """Reads and returns the bytes: the sign that the target is well."""
        itt = self.command(struct.pack(">BBIBHB", 0x28, 0, lba, 0, blocks, 0), blocks * 512, read=True)
        got = b""
        while True:
            pdu = self.receive()
            if pdu.opcode == DATA_IN and pdu.itt == itt:
                got += pdu.data
                if pdu.flags & 1:
                    return got
            elif pdu.opcode == RESPONSE and pdu.itt == itt:
                if pdu.status == 2 and b"\x06" in pdu.data[4:5]:  # a unit attention: once more
                    return self.read_blocks(lba, blocks)
                assert pdu.status == 0, pdu
                return got
