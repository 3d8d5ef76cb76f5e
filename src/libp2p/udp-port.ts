import { requiredBuiltin } from '../base/builtin.ts';

/** A listening address for WebRTC with any port. */
const anyPort = /^(?<before>\/ip[46]\/(?<host>[^/]+)\/udp)\/0(?=\/webrtc-direct(\/|$))/;

/**
 * Chooses the port of a WebRTC listener if its address has port 0. libp2p itself chooses a port that is free for TCP,
 * but may be in use for UDP. The node would then not start or, if another node of this process uses the port, receive
 * that node's packets.
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
