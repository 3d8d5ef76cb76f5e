"""A peerloom node in Python, on py-libp2p: it listens, dials the multiaddr of its argument if there is one, and prints
what happens.

    pip install -r requirements.txt
    python peer.py [/ip4/127.0.0.1/tcp/10001/p2p/12D3KooW…]
"""

import secrets
import sys
from dataclasses import replace

import trio
from frames import Frame, Kind, Link, number
from libp2p import new_host
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.ping import ID as PING
from libp2p.host.ping import PingService, handle_ping
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

PROTOCOL = TProtocol("/peerloom/1")


class Ended(Exception):
    """The link is over, for the reason given."""


def say(*words: object) -> None:
    print(*words, flush=True)


async def main() -> None:
    host = new_host(key_pair=create_new_key_pair(secrets.token_bytes(32)))
    host.set_stream_handler(PROTOCOL, lambda stream: talk(stream, is_dialler=False))
    host.set_stream_handler(PING, handle_ping)
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        for address in host.get_addrs():
            say("listening on", address)
        if len(sys.argv) > 1:
            await dial(host, sys.argv[1])
        await trio.sleep_forever()


async def dial(host: IHost, address: str) -> None:
    other = info_from_p2p_addr(Multiaddr(address))
    await host.connect(other)
    say("ping", await PingService(host).ping(other.peer_id, 1))
    stream = await host.new_stream(other.peer_id, [PROTOCOL])
    say("identify", host.get_peerstore().get_protocols(other.peer_id))
    await talk(stream, is_dialler=True)


async def talk(stream: INetStream, is_dialler: bool) -> None:
    link = Link(stream)
    try:
        await shake_hands(link, is_dialler)
        await link.write(Frame.text(Kind.MESSAGE, b"", "hello from python"))
        await link.write(Frame.text(Kind.DELIVER, number(1), "sure?"))
        await link.write(Frame.text(Kind.REQUEST, number(2), "who are you?"))
        while True:
            await answer(link)
    except Exception as error:
        say("end", type(error).__name__, error)
    finally:
        await stream.close()


async def shake_hands(link: Link, is_dialler: bool) -> None:
    """Both sides say hello and accept; the one that dialled begins (docs/protocol.md, section 4)."""
    if is_dialler:
        await link.write(Frame.hello("python"))
    say("hello", (await expect(link, Kind.HELLO)).body.decode())
    if is_dialler:
        await expect(link, Kind.ACCEPT)
        await link.write(Frame(Kind.ACCEPT))
    else:
        await link.write(Frame.hello("python"))
        await link.write(Frame(Kind.ACCEPT))
        await expect(link, Kind.ACCEPT)


async def expect(link: Link, kind: Kind) -> Frame:
    frame = await link.read()
    if frame.kind != kind:
        raise Ended(f"refused {frame}")
    return frame


async def answer(link: Link) -> None:
    """Reads one frame, prints it, and does what it asks for."""
    frame = await link.read()
    match frame.kind:
        case Kind.MESSAGE:
            say("message", frame)
            if frame.body == b"leave":
                await link.write(Frame(Kind.GOODBYE, b'{"code":"disconnected","message":"as asked"}'))
                raise Ended("as asked")
        case Kind.DELIVER:
            say("deliver", frame)
            await link.write(Frame(Kind.DELIVERED, frame.number))
        case Kind.REQUEST:
            say("request", frame)
            await link.write(replace(frame, kind=Kind.RESPONSE))
        case Kind.DELIVERED:
            say("delivered")
        case Kind.RESPONSE | Kind.FAILURE:
            say("response" if frame.kind == Kind.RESPONSE else "failure", frame)
        case Kind.PING:
            await link.write(replace(frame, kind=Kind.PONG))
        case Kind.STREAM_OPEN:
            reason = b'{"code":"handler","message":"no streams here"}'
            await link.write(Frame(Kind.STREAM_ABORT, frame.number + reason))
        case Kind.GOODBYE:
            raise Ended(f"goodbye {frame}")


if __name__ == "__main__":
    trio.run(main)
