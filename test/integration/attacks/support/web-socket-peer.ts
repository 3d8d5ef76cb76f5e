import type { Socket } from 'node:net';
import { newIdentity } from '../../../compliance/protocol/second-identity.ts';
import {
  dialNoise,
  type OpenOptions,
  SecondWebSocket,
  type SecondWebSocketLink,
} from '../../../compliance/protocol/second-web-socket.ts';
import { RawPeer, tracked } from './raw-peer.ts';

/** Opens a WebSocket with the victim, frame by frame. */
export async function openWebSocket(port: number, options: OpenOptions = {}): Promise<SecondWebSocket> {
  const webSocket = await SecondWebSocket.open(port, options);
  tracked(webSocket.carrier);
  return webSocket;
}

/** A peer over a WebSocket, which can break every layer of it. */
export interface WebSocketPeer {
  readonly peer: RawPeer;
  readonly link: SecondWebSocketLink;
  readonly webSocket: SecondWebSocket;
}

/** Proves its id, and says nothing yet. */
export async function openWebSocketPeer(port: number, options: OpenOptions = {}): Promise<WebSocketPeer> {
  const webSocket = await openWebSocket(port, options);
  const identity = newIdentity();
  const { link } = await dialNoise(webSocket, { identity });
  const peer = new RawPeer(link.stream as unknown as Socket, identity.id, webSocket.carrier);
  return { peer, link, webSocket };
}

/** Goes through the whole handshake. */
export async function connectWebSocket(port: number, options: OpenOptions = {}): Promise<WebSocketPeer> {
  const connected = await openWebSocketPeer(port, options);
  await connected.peer.greet();
  return connected;
}
