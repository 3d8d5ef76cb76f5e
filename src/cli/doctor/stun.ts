import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { type RuntimeTimer, systemRuntime } from '../../base/runtime.ts';
import { parseStunServer } from '../../libp2p/stun-server.ts';

/** How a server sees a UDP socket of this machine (RFC 8489). */
export interface StunAnswer {
  readonly server: string;
  /** The address that the server sees. `undefined` if the server did not answer. */
  readonly seen: { readonly host: string; readonly port: number } | undefined;
}

const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const mappedAddress = 0x0001;
const xorMappedAddress = 0x0020;
const changeRequest = 0x0003;
const otherAddress = 0x802c;
const cookie = 0x2112_a442;
const headBytes = 20;

/** When a request is sent, again because packets get lost, and when it times out. In milliseconds. */
const sentAtMs = [0, 500, 1_500];
const patienceMs = 3_000;

/**
 * Whose UDP packets a router lets in to a port from which this machine has sent packets. `'anybody'`: everyone's.
 * `'hosts'`: those of hosts to which this machine has sent packets. `'ports'`: only those of the same hosts and ports.
 * `'unknown'`: no server could test it.
 */
export type UdpFilter = 'anybody' | 'hosts' | 'ports' | 'unknown';

/**
 * Finds out whose packets the router lets in. It requests answers from another host and from another port of a server
 * (RFC 5780, section 4.4). Few servers have two hosts; they announce it. Each server gets a new socket, because earlier
 * packets to a server would open the router for it. A server that announces it and answers from where it was asked tests
 * nothing.
 */
export async function askFilter(servers: readonly string[]): Promise<UdpFilter> {
  for (const server of servers) {
    const socket = createSocket('udp4');
    socket.on('error', () => {});
    try {
      await new Promise<void>((resolve) => socket.bind(0, resolve));
      const first = await exchange(socket, server).catch(() => undefined);
      if (first === undefined || !hasOtherAddress(first.packet)) continue;
      const fromOther = await exchange(socket, server, 'host and port');
      if (fromOther !== undefined) {
        if (comesFrom(fromOther, first, 'host and port')) return 'anybody';
        continue;
      }
      const fromPort = await exchange(socket, server, 'port');
      if (fromPort === undefined) return 'ports';
      if (comesFrom(fromPort, first, 'port')) return 'hosts';
    } finally {
      socket.close();
    }
  }
  return 'unknown';
}

/** Queries all servers from one UDP socket, so that their answers can be compared. */
export async function askStun(servers: readonly string[]): Promise<readonly StunAnswer[]> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  try {
    await new Promise<void>((resolve) => socket.bind(0, resolve));
    return await Promise.all(
      servers.map(async (server) => ({ server, seen: await ask(socket, server).catch(() => undefined) })),
    );
  } finally {
    socket.close();
  }
}

async function ask(socket: Socket, server: string): Promise<StunAnswer['seen']> {
  const { packet } = (await exchange(socket, server)) ?? {};
  return packet && readAnswer(packet, packet.subarray(8, headBytes));
}

interface Answer {
  readonly packet: Buffer;
  readonly from: RemoteInfo;
}

/** Whether a server did as it was asked, and answered from elsewhere. */
function comesFrom(answer: Answer, first: Answer, elsewhere: 'host and port' | 'port'): boolean {
  const isOtherHost = answer.from.address !== first.from.address;
  return answer.from.port !== first.from.port && (isOtherHost || elsewhere === 'port');
}

/** @returns the answer. `undefined` if none arrives in time. */
async function exchange(
  socket: Socket,
  server: string,
  from?: 'host and port' | 'port',
): Promise<Answer | undefined> {
  const parsed = server.startsWith('stun:') ? parseStunServer(server) : undefined;
  if (parsed === undefined) return undefined;
  const { address } = await lookup(parsed.host, { family: 4 });
  const id = systemRuntime.randomBytes(12, 'numbers of requests');
  const request = requestWith(id, from);
  const timers: RuntimeTimer[] = [];
  let hear: ((packet: Buffer, from: RemoteInfo) => void) | undefined;
  try {
    return await new Promise((resolve) => {
      hear = (packet, from) => {
        if (readAnswer(packet, id) !== undefined) resolve({ packet, from });
      };
      socket.on('message', hear);
      for (const atMs of sentAtMs)
        timers.push(
          systemRuntime.setTimeout(() => socket.send(request, parsed.port, address, () => {}), atMs),
        );
      timers.push(systemRuntime.setTimeout(() => resolve(undefined), patienceMs));
    });
  } finally {
    for (const timer of timers) timer.cancel();
    if (hear !== undefined) socket.off('message', hear);
  }
}

/** Flags of RFC 5780, section 7.2. */
const changeFlags = { 'host and port': 0x6, port: 0x2 } as const;

function requestWith(id: Uint8Array, from: keyof typeof changeFlags | undefined): Buffer {
  const bodyBytes = from === undefined ? 0 : 8;
  const request = Buffer.alloc(headBytes + bodyBytes);
  request.writeUInt16BE(bindingRequest, 0);
  request.writeUInt16BE(bodyBytes, 2);
  request.writeUInt32BE(cookie, 4);
  request.set(id, 8);
  if (from === undefined) return request;
  request.writeUInt16BE(changeRequest, headBytes);
  request.writeUInt16BE(4, headBytes + 2);
  request.writeUInt32BE(changeFlags[from], headBytes + 4);
  return request;
}

/** Whether a server announces another host and port from which it can answer. */
export function hasOtherAddress(packet: Uint8Array): boolean {
  return [...attributesOf(packet)].some(({ type }) => type === otherAddress);
}

/** Reads the answer to the request with this id. `undefined` for all other packets. */
export function readAnswer(packet: Uint8Array, id: Uint8Array): StunAnswer['seen'] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (packet.length < headBytes || view.getUint16(0) !== bindingSuccess) return undefined;
  if (!Buffer.from(packet.subarray(8, headBytes)).equals(id)) return undefined;
  for (const { type, at, length } of attributesOf(packet)) {
    const isIpv4 =
      length >= 8 &&
      at + 12 <= Math.min(packet.length, headBytes + view.getUint16(2)) &&
      view.getUint8(at + 5) === 1;
    if (isIpv4 && (type === xorMappedAddress || type === mappedAddress)) {
      const mask = type === xorMappedAddress ? cookie : 0;
      const number = (view.getUint32(at + 8) ^ mask) >>> 0;
      const host = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
      return { host, port: view.getUint16(at + 6) ^ (mask >>> 16) };
    }
  }
  return undefined;
}

function* attributesOf(
  packet: Uint8Array,
): Generator<{ readonly type: number; readonly at: number; readonly length: number }> {
  if (packet.length < headBytes) return;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const end = Math.min(packet.length, headBytes + view.getUint16(2));
  for (let at = headBytes; at + 4 <= end; ) {
    const length = view.getUint16(at + 2);
    yield { type: view.getUint16(at), at, length };
    // Attributes are padded to multiples of four bytes.
    at += 4 + Math.ceil(length / 4) * 4;
  }
}
