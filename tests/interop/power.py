#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 and loss of power in the middle of writes: every write that was answered GOOD is there after a crash of the target, and every one
that was answered with FUA, with WCE 0, or before a flush is there after a loss of power.

environment: SEED, ROUNDS (of each test; a few seconds each ten), to run longer than `make check` does.
"""
import os
import pathlib
import shutil
import struct
import time

from harness import Suite, expect
from medium import (BLOCK, GOOD, UNMAP, Initiator, Medium, Mounted, Tool, after_power_loss, blocks, chance, generation_of, keys, mount,
                    read, records, reserve_out, synchronize, unmap_list, write, write_same)

suite = Suite()
COUNT = 4096
MODE_SELECT = struct.pack(">BB5xHB", 0x55, 0x10, 28, 0)
NO_CACHE = bytes(8) + bytes([8, 18]) + bytes(18)  # the caching page with WCE 0


class Account:
    """What has to be there of each block: what was answered (after a crash), what is stable (after a loss of power), what was sent last, and
    the last time it was zeroed."""

    def __init__(self):
        self.generation = 0
        self.answered, self.stable, self.sent, self.zeroed = ([0] * COUNT for _ in range(4))

    def send(self, lba, count, zeroes):
        self.generation += 1
        for n in range(lba, lba + count):
            self.sent[n] = self.generation
            if zeroes:
                self.zeroed[n] = self.generation
        return self.generation

    def answer(self, lba, count, generation, stable):
        self.answered[lba:lba + count] = [generation] * count
        if stable:
            self.stable[lba:lba + count] = [generation] * count

    def wrong(self, image, floor):
        """The blocks that hold what they may not, with what that is."""
        out = []
        for n in range(COUNT):
            found = generation_of(bytes(image[n * BLOCK:n * BLOCK + BLOCK]), n)
            if found == 0:
                good = floor[n] == 0 or self.zeroed[n] >= floor[n]
            else:
                good = found is not None and floor[n] <= found <= self.sent[n]
            if not good:
                out.append((n, found, "not before", floor[n], "zeroed", self.zeroed[n]))
        return out

    def starts_from(self, image):
        """The image as it was found is what the next round begins with."""
        self.answered = [generation_of(bytes(image[n * BLOCK:n * BLOCK + BLOCK]), n) or 0 for n in range(COUNT)]
        self.stable, self.sent, self.zeroed = list(self.answered), list(self.answered), [0] * COUNT


class Load:
    """Two initiators that write, zero and flush, never the same block twice at a time."""

    def __init__(self, server, account, rng, cached):
        self.account, self.rng, self.cached = account, rng, cached
        self.initiators = [Initiator(server, name=f"iqn.2026-11.org.example:i{n}") for n in range(2)]
        if not cached:
            expect(self.initiators[0].run(MODE_SELECT, data=NO_CACHE)[0] == GOOD, "MODE SELECT")
            self.initiators[1].settle()
        self.waits, self.busy = {}, set()

    def give(self, initiator):
        kind, count = self.rng.random(), self.rng.choice((1, 1, 2, 8, 16, 64))
        if kind < 0.06:
            covered = {n: g for n, g in enumerate(self.account.answered) if g > self.account.stable[n]}
            self.waits[initiator, initiator.submit(synchronize())] = covered
            return
        lba = self.rng.randrange(COUNT - count)
        span = set(range(lba, lba + count))
        if span & self.busy:
            return
        self.busy |= span
        zeroes, fua = kind < 0.12, kind > 0.7
        generation = self.account.send(lba, count, zeroes)
        if kind < 0.08:
            tag = initiator.submit(UNMAP, data=unmap_list(lba, count))
        elif zeroes:
            tag = initiator.submit(write_same(lba, count, kind < 0.1), data=bytes(BLOCK))
        else:
            tag = initiator.submit(write(lba, count, fua), data=blocks(lba, count, generation))
        self.waits[initiator, tag] = (lba, count, generation, not zeroes and fua or not self.cached)

    def take(self, initiator):
        for tag in list(initiator.answers):
            status, _, sense = initiator.answers.pop(tag)
            what = self.waits.pop((initiator, tag))
            expect(status == GOOD, what, "->", status, sense)
            if isinstance(what, dict):
                for n, generation in what.items():
                    self.account.stable[n] = max(self.account.stable[n], generation)
            else:
                self.account.answer(*what)
                self.busy.difference_update(range(what[0], what[0] + what[1]))

    def run(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for initiator in self.initiators:
                if len(initiator.open_tags) < 12 and initiator.room():
                    self.give(initiator)
                initiator.poll()
                self.take(initiator)

    def end(self):
        """The answers that were on their way when the target was killed count."""
        for initiator in self.initiators:
            while initiator.poll(0.2):
                pass
            self.take(initiator)
            initiator.close()


def rounds():
    return int(os.environ.get("ROUNDS", "8"))


def none(wrong, *words):
    expect(not wrong, *words, len(wrong), "blocks are wrong:", wrong[:4])


def crash(path, account, rng, cached, medium=None):
    """Writes of a random time, ended by kill -9."""
    server = Tool(suite, "--lun", f"0=file:{path}", medium=medium)
    load = Load(server, account, rng, cached)
    load.run(rng.uniform(0.1, 0.6))
    server.killed()
    load.end()


@suite.test("what was answered is there after kill -9, what is stable after a loss of power, however much of the rest is")
def files():
    path, rng, account = suite.file("image", bytes(COUNT * BLOCK)), chance(), Account()
    for turn in range(rounds()):
        before = pathlib.Path(path).read_bytes()
        account.starts_from(before)
        medium, cached = Medium(suite, log=True), turn % 3 != 2
        crash(path, account, rng, cached, medium)
        none(account.wrong(pathlib.Path(path).read_bytes(), account.answered), "round", turn, "after kill -9")
        log = records(medium.log)
        for kept in (0.0, 0.9, 0.5):
            left = after_power_loss(before, log, rng, kept)
            none(account.wrong(left, account.stable), "round", turn, "after a loss of power,", kept, "of what is not stable kept,",
                 "cached" if cached else "WCE 0")
        pathlib.Path(path).write_bytes(left)  # torn blocks are no longer in question: each is what it is found to be
        os.unlink(medium.log)
        server = Tool(suite, "--lun", f"0=file:{path}")
        initiator = Initiator(server)
        for lba in range(0, COUNT, 512):
            expect(initiator.run(read(lba, 512), 512 * BLOCK)[1] == left[lba * BLOCK:(lba + 512) * BLOCK], "read back at", lba)
        server.killed()


@suite.test("on a file system, too: created, written and reserved, and then what its device had at that moment")
def file_systems():
    rng = chance()
    for turn in range(max(1, rounds() // 4)):
        fs, account = Mounted(suite, size=64 << 20), Account()
        path = os.path.join(fs.folder, "image")
        server = Tool(suite, "--lun", f"0=file:{path},create={COUNT * BLOCK}")
        load = Load(server, account, rng, turn % 2 == 0)
        cdb, data = reserve_out(0, new=turn + 1)
        expect(load.initiators[0].run(cdb, data=data)[0] == GOOD, "REGISTER")
        load.run(rng.uniform(0.2, 0.8))
        server.killed()
        load.end()
        none(account.wrong(pathlib.Path(path).read_bytes(), account.answered), "round", turn, "after kill -9")
        cut, there = fs.image + ".cut", fs.folder + "-cut"
        shutil.copyfile(fs.image, cut)
        os.mkdir(there)
        mount(cut, there)
        try:
            expect(os.path.exists(f"{there}/image"), "the created file is not there")
            none(account.wrong(pathlib.Path(f"{there}/image").read_bytes(), account.stable), "round", turn, "after a loss of power")
            server = Tool(suite, "--lun", f"0=file:{there}/image")
            expect(keys(Initiator(server)) == [turn + 1], "the registration is lost")
            server.killed()
        finally:
            os.system(f"umount {there}")
        fs.close()
        os.unlink(cut)


suite.run()
