import { requiredBuiltin } from '../base/builtin.ts';

/** Where a node listens for WebRTC at any port. */
const anyPort = /^(?<before>\/ip[46]\/(?<host>[^/]+)\/udp)\/0(?=\/webrtc-direct(\/|$))/;

/**
 * Chooses the port of a listener for WebRTC that may have any. libp2p itself chooses one that is free for TCP, which may be
 * in use for UDP: the node would not start or, where another node of this process uses it, receive what is for that one.
 */
export async function withUdpPort(text: string): Promise<string> {
  const { before, host } = anyPort.exec(text)?.groups ?? {};
  if (before === undefined) return text;
  const { createSocket } = requiredBuiltin('node:dgram', 'listening for WebRTC');
  const socket = createSocket(text.startsWith('/ip6/') ? 'udp6' : 'udp4');
  const bound = Promise.withResolvers<number>();
  socket.once('error', bound.reject);
  socket.bind(0, host, () => bound.resolve(socket.address().port));
  try {
    return text.replace(anyPort, `${before}/${await bound.promise}`);
  } finally {
    socket.close();
  }
}
