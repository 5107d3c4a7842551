# SPDX-License-Identifier: MIT
"""A Linux kernel of Debian's in qemu: its iSCSI initiator and its target (LIO) as peers.

The machine has no disk: an initramfs holds busybox, a few tools and the modules. Its init reads lines from a virtio console, runs
each as a command of the shell, and answers with what it printed and its exit code. The kernel's own words go to the serial
port, and so to a file. A tap device of its own is its network (qemu's user network stops for seconds under load).
"""
import glob
import os
import pathlib
import select
import shutil
import subprocess
import time

from harness import Failed, Skipped, expect, need

HOST, GUEST = "198.51.100.1", "198.51.100.2"  # addresses for documentation (RFC 5737): nobody's
LIO_NAME = "iqn.2026-11.org.libiscsiproto:lio"
MODULES = ["virtio_net", "virtio_pci", "virtio_console", "iscsi_tcp", "sd_mod", "sg", "ext4", "crc32c_generic", "sha3_generic", "iscsi_target_mod", "target_core_mod"]
TOOLS = ["iscsistart", "iscsid", "iscsiadm", "mke2fs", "e2fsck", "sg_persist", "sg_reset", "sg_unmap"]
FILES = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/iscsi/initiatorname.iscsi": "InitiatorName=iqn.2026-11.org.libiscsiproto:kernel\n",
    "etc/iscsi/iscsid.conf": "node.conn[0].timeo.noop_out_interval = 1\nnode.conn[0].timeo.noop_out_timeout = 2\n",
}
INIT = """#!/bin/busybox sh
export PATH=/tools:/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for m in /modules/*; do insmod $m 2>/dev/null; done
mount -t configfs configfs /sys/kernel/config
ip link set lo up
for n in /sys/class/net/e*; do
    ip link set ${n##*/} up && ip addr add GUEST/24 dev ${n##*/}
done
exec < /dev/hvc0 > /dev/hvc0 2>&1
stty raw -echo
echo "=== ready"
while read -r line; do
    sh -c "$line" < /dev/null
    echo "=== ended $?"
done
poweroff -f
"""
LIO = """core=/sys/kernel/config/target/core/rd_mcp_0/ram
mkdir -p $core && echo rd_pages=16384 > $core/control && echo 1 > $core/enable
mkdir -p /sys/kernel/config/target/iscsi/{name}/tpgt_1 && cd /sys/kernel/config/target/iscsi/{name}/tpgt_1 || exit 1
echo 0 > attrib/authentication; echo 1 > attrib/generate_node_acls; echo 1 > attrib/cache_dynamic_acls
echo 0 > attrib/demo_mode_write_protect
echo "CRC32C,None" > param/HeaderDigest; echo "CRC32C,None" > param/DataDigest
mkdir np/0.0.0.0:3260 lun/lun_0 && ln -s $core lun/lun_0/ram && echo 1 > enable
"""


def kernel():
    found = sorted(glob.glob("/boot/vmlinuz-*-amd64"))
    if not found:
        raise Skipped("no kernel of Debian's in /boot (linux-image-amd64)")
    return found[-1], found[-1].split("vmlinuz-", 1)[1]


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if check and done.returncode:
        raise Skipped(f"ip {' '.join(words)}: {done.stdout.decode().strip()}")


class Vm:
    def __init__(self, suite):
        need("qemu-system-x86_64", "cpio", "modprobe", "busybox", "ip", *TOOLS)
        if os.geteuid() or not os.path.exists("/dev/net/tun"):
            raise Skipped("a tap device needs root and /dev/net/tun")
        self.image, self.version = kernel()
        self.folder = pathlib.Path(suite.path("vm"))
        self.tap = f"iscsi{os.getpid()}"
        self._fill(self.folder / "root")
        self.process = None

    def _fill(self, root):
        for name in ("bin", "tools", "modules", "proc", "sys", "dev", "mnt", "tmp", "run/lock/iscsi", "etc/iscsi", "var/lock", "var/lib/iscsi"):
            (root / name).mkdir(parents=True)
        shutil.copy(shutil.which("busybox"), root / "bin/busybox")
        for name, text in FILES.items():
            (root / name).write_text(text)
        for tool in TOOLS:
            self._tool(root, shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"))
        for number, module in enumerate(self._modules()):
            shutil.copy(module, root / f"modules/{number:02}-{os.path.basename(module)}")
        (root / "init").write_text(INIT.replace("GUEST", GUEST))
        (root / "init").chmod(0o755)
        files = b"\0".join(str(p.relative_to(root)).encode() for p in sorted(root.rglob("*")))
        done = subprocess.run(["cpio", "--null", "-o", "-H", "newc", "--quiet"], cwd=root, input=files, stdout=subprocess.PIPE, check=True)
        (self.folder / "initrd").write_bytes(done.stdout)

    @staticmethod
    def _tool(root, path):
        shutil.copy(os.path.realpath(path), root / "tools" / os.path.basename(path))
        for word in subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True).stdout.decode().split():
            if word.startswith("/"):
                to = root / word.lstrip("/")
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(os.path.realpath(word), to)

    def _modules(self):
        paths = []
        for name in MODULES:
            out = subprocess.run(["modprobe", "-S", self.version, "--show-depends", name], stdout=subprocess.PIPE, check=False).stdout
            paths += [line.split()[1] for line in out.decode().splitlines() if line.startswith("insmod")]
        return dict.fromkeys(paths)

    def start(self):
        ip("tuntap", "add", "dev", self.tap, "mode", "tap")
        ip("addr", "add", f"{HOST}/24", "dev", self.tap)
        ip("link", "set", self.tap, "up")
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", "768", "-display", "none", "-no-reboot",
             "-monitor", "none", "-serial", f"file:{self.folder}/console", "-chardev", "stdio,id=commands",
             "-device", "virtio-serial-pci", "-device", "virtconsole,chardev=commands", "-kernel", self.image,
             "-initrd", str(self.folder / "initrd"), "-append", "console=ttyS0 panic=1 rdinit=/init",
             "-nic", f"tap,model=virtio-net-pci,ifname={self.tap},script=no,downscript=no"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.buffer = b""
        self._until(b"=== ready", 120)

    def console(self):
        return (self.folder / "console").read_text(errors="replace")[-2000:]

    def _until(self, mark, seconds):
        """What came before the line that begins with `mark`, and that line."""
        end = time.monotonic() + seconds
        while True:
            at = self.buffer.find(mark)
            stop = self.buffer.find(b"\n", at) if at >= 0 else -1
            if stop >= 0:
                before, line, self.buffer = self.buffer[:at], self.buffer[at:stop], self.buffer[stop + 1:]
                return before.decode(errors="replace").replace("\r", ""), line.decode().strip()
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"the machine did not answer in {seconds} s; it said: {self.buffer[-800:]!r}; its kernel: {self.console()}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                raise Failed(f"the machine ended; it said: {self.buffer[-800:]!r}; its kernel: {self.console()}")
            self.buffer += piece

    def sh(self, command, ok=(0,), timeout=180):
        """Runs a command in the machine; its output."""
        self.process.stdin.write(command.strip().replace("\n", "; ").encode() + b"\n")
        text, line = self._until(b"=== ended", timeout)
        code = int(line.split()[-1])
        expect(ok is None or code in ok, f"in the machine: {command}: exit code {code}; output: {text[-1500:]}; kernel: {self.console()}")
        return text

    def serve(self):
        """LIO with a RAM disk of 64 MiB as LUN 0, open to all."""
        self.sh(LIO.replace("{name}", LIO_NAME))
        return f"iscsi://{GUEST}/{LIO_NAME}/0"

    def login(self, server, target, *options, count=1):
        """A session of the kernel's initiator with a target of this host; returns its disks when all `count` are there."""
        before = set(self.disks())
        self.sh(f"iscsistart -i iqn.2026-11.org.libiscsiproto:kernel -t {target} -g 1 -a {HOST} -p {server.port} {' '.join(options)}")
        for _ in range(50):
            found = set(self.disks()) - before
            if len(found) == count:
                return sorted(found)
            self.sh("sleep 0.2")
        raise Failed(f"the kernel logged in and found the disks {found} instead of {count}; it says: {self.console()}")

    def disks(self):
        return self.sh("ls /sys/block").split()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        ip("link", "del", self.tap, check=False)
