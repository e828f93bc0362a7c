"""A file system that answers nothing, as that of a dead NFS server: who touches it hangs.

    with HungFileSystem(node, "/var/lib/kachecks"): ...

Not even SIGKILL ends who waits for it (Linux 6.18: a request that FUSE's server has read is waited
for). When the context is left it is gone, and they go on.

As a program (`hung_file_system.py PID MOUNT_POINT`) this is the server, in the mount namespace of
that process. It prints a line when the file system is there.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.pairs.node import Node

CLONE_NEWNS = 0x20000
FUSE_INIT = 26
"""The one request that is answered: with it the kernel asks whether somebody serves (fuse(4))."""


class HungFileSystem:
    """One, over a directory of a node."""

    def __init__(self, node: Node, directory: str) -> None:
        self._node = node
        self._directory = directory
        node.run(["mkdir", "-p", directory])
        command = [sys.executable, __file__, str(node.inside.pid), directory]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE)

    def __enter__(self) -> HungFileSystem:
        assert self._server.stdout is not None
        assert self._server.stdout.readline(), "no hung file system: see stderr"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.communicate()
        self._node.run(["umount", "--lazy", self._directory])


def main() -> None:
    pid, mount_point = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    _must(libc.setns(namespace, CLONE_NEWNS))
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    _must(libc.mount(b"hung", mount_point.encode(), b"fuse", 0, options))
    request = os.read(device, 1 << 17)
    _length, opcode, unique = struct.unpack_from("IIQ", request)
    _major, minor = struct.unpack_from("II", request, 40)
    assert opcode == FUSE_INIT
    # struct fuse_init_out: version, readahead, flags, limits.
    answer = struct.pack("IIIIHHIIHHI7I", 7, minor, 65536, 0, 12, 10, 65536, 1, 0, 0, 0, *[0] * 7)
    os.write(device, struct.pack("IiQ", 16 + len(answer), 0, unique) + answer)
    print("hung", flush=True)
    while True:
        os.read(device, 1 << 17)


def _must(result: int) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    main()
