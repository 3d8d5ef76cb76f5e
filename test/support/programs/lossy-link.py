"""Two network interfaces with a bad line between them: packets get lost, and arrive late.

    lossy-link.py <loss, percent> <delay, milliseconds> <seed>

Prints the names of the two interfaces, then carries packets until its standard input is closed; the interfaces go
with it. For kernels without netem. Needs Linux, root and /dev/net/tun.
"""
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
MAX_PACKET_BYTES = 65_536


def make_interface():
    """The kernel puts a number in the place of %d."""
    interface = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH22x", b"lossy%d", IFF_TUN | IFF_NO_PI)
    name = fcntl.ioctl(interface, TUNSETIFF, request)[:16].rstrip(b"\0").decode()
    return interface, name


def carry(one, other, loss, delay, chance):
    under_way = []  # (due, number, towards, packet)
    number = 0
    towards = {one: other, other: one}
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        for ready in select.select([one, other, sys.stdin], [], [], wait)[0]:
            if ready is sys.stdin:
                return
            packet = os.read(ready, MAX_PACKET_BYTES)
            if chance.random() >= loss:
                number += 1
                heapq.heappush(under_way, (time.monotonic() + delay, number, towards[ready], packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(under_way)
            try:
                os.write(target, packet)
            except OSError:
                pass  # that end is down


loss_percent, delay_ms, seed = (float(argument) for argument in sys.argv[1:])
(first, first_name), (second, second_name) = make_interface(), make_interface()
print(first_name, second_name, flush=True)
carry(first, second, loss_percent / 100, delay_ms / 1000, random.Random(seed))
