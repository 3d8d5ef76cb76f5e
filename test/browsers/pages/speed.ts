// The page of scripts/page-speed.ts.
import { noise } from '@libp2p/noise';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { Node } from 'peerloom';

/** What sends a message. `undefined`: it takes more at once. */
type Send = (message: Uint8Array) => Promise<void> | undefined;

const bufferedBytes = 4 * 1024 * 1024;

const systems: Record<string, (address: string) => Promise<Send>> = {
  async raw(address) {
    const webSocket = new WebSocket(address);
    await new Promise((resolve) => {
      webSocket.onopen = resolve;
    });
    const hasRoom = async (): Promise<void> => {
      while (webSocket.bufferedAmount > bufferedBytes / 2)
        await new Promise((resolve) => setTimeout(resolve, 0));
    };
    return (message) => {
      webSocket.send(message as Uint8Array<ArrayBuffer>);
      return webSocket.bufferedAmount > bufferedBytes ? hasRoom() : undefined;
    };
  },

  async peerloom(address) {
    const node = new Node('page', 0, { name: 'page' });
    await node.start();
    const peer = await node.connectWithNode(address);
    return (message) => (peer.send(message) ? undefined : peer.drained());
  },

  /** Its users write the length of a message before it. */
  async libp2p(address) {
    const node = await createLibp2p({
      transports: [webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 4_000_000 } })],
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false },
    });
    const stream = await node.dialProtocol(multiaddr(address), '/speed/1.0.0');
    const drained = (): Promise<void> =>
      new Promise((resolve) => {
        stream.addEventListener('drain', () => resolve(), { once: true });
      });
    return (message) => {
      const prefixed = new Uint8Array(4 + message.length);
      new DataView(prefixed.buffer).setUint32(0, message.length);
      prefixed.set(message, 4);
      return stream.send(prefixed) ? undefined : drained();
    };
  },
};

let send: Send;

async function connect(system: string, address: string): Promise<void> {
  send = await systems[system]!(address);
}

/** @returns when it began, in milliseconds since 1970. */
async function sendMany(length: number, count: number): Promise<number> {
  const message = crypto.getRandomValues(new Uint8Array(length));
  const start = performance.timeOrigin + performance.now();
  for (let sent = 0; sent < count; sent++) {
    const room = send(message);
    if (room !== undefined) await room;
  }
  return start;
}

Object.assign(globalThis, { page: { connect, sendMany } });
