import type { Address, Transport } from '../../src/index.ts';
import { type Libp2pEncryption, lan, libp2p } from '../../src/libp2p/index.ts';
import type { Engine } from './engines.ts';

// The loggers of libp2p look at them, and what looks at them first opens them: no test has left them behind.
void [process.stdin, process.stdout, process.stderr];

/** libp2p over TCP, encrypted in one way. */
export function libp2pOverTcp(encryption: Libp2pEncryption, networkKey?: string): Engine {
  return {
    name: `libp2p() over TCP, ${encryption}${networkKey === undefined ? '' : ', with a network key'}`,
    host: '127.0.0.1',
    ...(networkKey !== undefined && { networkKey }),
    transport: () => libp2p(lan({ encryption: [encryption] })),
  };
}

/** Of listeners, by the ports that the suite knows: their multiaddrs have more in them than host and port. */
type Book = Map<number, string>;

/** libp2p over WebSockets. */
export function libp2pOverWebSocket(): Engine {
  const book: Book = new Map();
  const transport = (): Transport => mapped((port) => `/ip4/127.0.0.1/tcp/${port}/ws`, book);
  const skips = {
    'only holders of the network key connect': 'it looks for the port at the end of addresses',
  };
  return { name: 'libp2p() over WebSockets', host: '127.0.0.1', transport, skips };
}

/** libp2p over WebRTC without a relay. */
export function libp2pOverWebRtc(): Engine {
  const book: Book = new Map();
  const transport = (): Transport => mapped((port) => `/ip4/127.0.0.1/udp/${port}/webrtc-direct`, book);
  const datagrams = 'a port of UDP does not say that nobody listens';
  const later = 'the library below gives its port back some time later';
  const skips = {
    'nobody there is a refused connection': datagrams,
    'closing a transport ends its listener and all its links': datagrams,
    'an address is free again once its listener has closed': later,
    'a transport that has closed listens again': later,
    'only holders of the network key connect': 'WebRTC cannot check a network key',
  };
  return { name: 'libp2p() over WebRTC', host: '127.0.0.1', transport, skips };
}

/** A transport that listens and dials at a host and a port, in place of its multiaddrs. */
function mapped(multiaddrOf: (port: number) => string, book: Book): Transport {
  const inner = libp2p(lan({ listen: [multiaddrOf(0)] }));
  const listen: Transport['listen'] = async (address, onLink) => {
    const bound = await inner.listen({ ...address, text: multiaddrOf(address.port) }, onLink);
    for (const { port, text } of bound) book.set(port, text!);
    return bound;
  };
  const dial: Transport['dial'] = (address, signal, expected) =>
    inner.dial(dialled(address), signal, expected);
  const dialled = (address: Address): Address =>
    address.text === undefined
      ? { ...address, text: (book.get(address.port) ?? multiaddrOf(address.port)).replace(/\/p2p\/\w+$/, '') }
      : address;
  return {
    schemes: inner.schemes,
    attach: (context) => inner.attach(context),
    parse: (text) => inner.parse!(text),
    listen,
    dial,
    close: () => inner.close(),
  };
}
