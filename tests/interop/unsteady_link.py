# SPDX-License-Identifier: MIT
"""A bad network between an initiator and a server, in user space: a relay that delays, splits, stalls, cuts and damages.

What happens to a connection comes from a seed and its number, so a run can be repeated; how long things take does not. A damaged
byte is only for sessions with both digests, because nothing else can find it out.
"""
import contextlib
import random
import socket
import struct
import threading
import time

# what a cut looks like to both ends: a reset, with what was under way lost
RESET = struct.pack("ii", 1, 0)


class UnsteadyLink:
    """Listens on a port of its own and relays to 127.0.0.1:`port`, as long as it is open."""

    def __init__(self, port, seed=1, cut_every=0, damage_every=0, stall=0.0, delay=0.002, piece=9000):
        """cut_every, damage_every: bytes between two cuts or two damaged bytes, on average (0: never)."""
        self.to, self.seed = port, seed
        self.cut_every, self.damage_every, self.stall, self.delay, self.piece = cut_every, damage_every, stall, delay, piece
        self.cuts = self.damaged = self.connections = self.bytes = 0
        self.lock = threading.Lock()
        self.ends = set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.open = False
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut_all()

    def cut_all(self):
        """Every connection of this moment ends."""
        with self.lock:
            ends, self.ends = self.ends, set()
        for end in ends:
            self._reset(end)

    @staticmethod
    def _reset(end):
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.shutdown(socket.SHUT_RDWR)
        end.close()

    def _accept(self):
        while self.open:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:  # nobody serves now
                self._reset(near)
                continue
            number = self.connections
            self.connections += 1
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.ends |= {near, far}
            for way, (here, there) in enumerate(((near, far), (far, near))):
                threading.Thread(target=self._relay, args=(here, there, random.Random(f"{self.seed}/{number}/{way}")), daemon=True).start()

    def _relay(self, here, there, rng):
        cut = rng.expovariate(1 / self.cut_every) + 2000 if self.cut_every else None
        hurt = rng.expovariate(1 / self.damage_every) + 2000 if self.damage_every else None
        moved = 0
        try:
            while True:
                data = here.recv(rng.randrange(1, self.piece))
                if not data:
                    break
                if rng.random() < 0.02:
                    time.sleep(rng.random() * self.delay)
                if self.stall and rng.random() < 0.001:
                    time.sleep(rng.random() * self.stall)
                moved += len(data)
                self.bytes += len(data)
                if hurt is not None and moved > hurt:
                    at = rng.randrange(len(data))
                    data = data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]
                    hurt = moved + rng.expovariate(1 / self.damage_every)
                    self.damaged += 1
                there.sendall(data)
                if cut is not None and moved > cut:
                    self.cuts += 1
                    break
        except OSError:
            pass
        with self.lock:
            known = {here, there} & self.ends
            self.ends -= known
        for end in known:
            self._reset(end)
