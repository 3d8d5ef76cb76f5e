import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { type RuntimeTimer, systemRuntime } from '../../base/runtime.ts';

/** How a server sees a UDP socket of this machine (RFC 8489). */
export interface StunAnswer {
  readonly server: string;
  /** `undefined`: it did not answer. */
  readonly seen: { readonly host: string; readonly port: number } | undefined;
}

const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const mappedAddress = 0x0001;
const xorMappedAddress = 0x0020;
const cookie = 0x2112_a442;
const headBytes = 20;

/** Packets get lost: when a request is sent, and when it is given up, in milliseconds. */
const sentAtMs = [0, 500, 1_500];
const patienceMs = 3_000;

const serverPattern = /^stun:(?<host>\[[^\]]+\]|[^:]+)(?::(?<port>\d{1,5}))?$/;

/** Asks all servers from one UDP socket, so that their answers can be compared. */
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
  const { host, port = '3478' } = serverPattern.exec(server)?.groups ?? {};
  if (host === undefined) return undefined;
  const { address } = await lookup(host, { family: 4 });
  const id = systemRuntime.randomBytes(12, 'numbers of requests');
  const request = Buffer.alloc(headBytes);
  request.writeUInt16BE(bindingRequest, 0);
  request.writeUInt32BE(cookie, 4);
  request.set(id, 8);
  const timers: RuntimeTimer[] = [];
  let hear: ((packet: Buffer) => void) | undefined;
  try {
    return await new Promise((resolve) => {
      hear = (packet) => {
        const seen = readAnswer(packet, id);
        if (seen !== undefined) resolve(seen);
      };
      socket.on('message', hear);
      for (const atMs of sentAtMs)
        timers.push(systemRuntime.setTimeout(() => socket.send(request, Number(port), address), atMs));
      timers.push(systemRuntime.setTimeout(() => resolve(undefined), patienceMs));
    });
  } finally {
    for (const timer of timers) timer.cancel();
    if (hear !== undefined) socket.off('message', hear);
  }
}

/** Reads the answer to the request with that id; `undefined` for anything else that arrives. */
export function readAnswer(packet: Uint8Array, id: Uint8Array): StunAnswer['seen'] {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  if (packet.length < headBytes || view.getUint16(0) !== bindingSuccess) return undefined;
  if (!Buffer.from(packet.subarray(8, headBytes)).equals(id)) return undefined;
  const end = Math.min(packet.length, headBytes + view.getUint16(2));
  for (let at = headBytes; at + 4 <= end; ) {
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const isIpv4 = length >= 8 && at + 12 <= end && view.getUint8(at + 5) === 1;
    if (isIpv4 && (type === xorMappedAddress || type === mappedAddress)) {
      const mask = type === xorMappedAddress ? cookie : 0;
      const number = (view.getUint32(at + 8) ^ mask) >>> 0;
      const host = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
      return { host, port: view.getUint16(at + 6) ^ (mask >>> 16) };
    }
    // Attributes are padded to multiples of four bytes.
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return undefined;
}
