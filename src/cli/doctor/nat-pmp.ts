import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type RuntimeTimer, systemRuntime } from '../../base/runtime.ts';

/** A router of this machine, and its external address according to the router. */
export interface RouterAnswer {
  readonly router: string;
  readonly outside: string;
}

const port = 5351;
/** Requests the public address: version 0, operation 0. */
const request = Uint8Array.of(0, 0);
const answerBytes = 12;
const answerToRequest = 128;

/** When a request is sent, again because packets get lost, and when it times out. In milliseconds. */
const sentAtMs = [0, 250, 750];
const patienceMs = 1_500;

/**
 * Requests the public addresses of this machine's routers by NAT-PMP (RFC 6886, section 3.2). Many routers do not
 * answer.
 *
 * @returns the first answer. `undefined` if no router answers.
 */
export async function askRouter(routers = routersOf()): Promise<RouterAnswer | undefined> {
  const answers = await Promise.all(routers.map(ask));
  return answers.find((one) => one !== undefined);
}

async function ask(router: string): Promise<RouterAnswer | undefined> {
  const socket = createSocket('udp4');
  const timers: RuntimeTimer[] = [];
  try {
    return await new Promise((resolve) => {
      socket.on('error', () => resolve(undefined));
      socket.on('message', (packet, from) => {
        const outside = isFrom(router, from) ? readOutside(packet) : undefined;
        if (outside !== undefined) resolve({ router, outside });
      });
      for (const atMs of sentAtMs)
        timers.push(systemRuntime.setTimeout(() => socket.send(request, port, router, () => {}), atMs));
      timers.push(systemRuntime.setTimeout(() => resolve(undefined), patienceMs));
    });
  } finally {
    for (const timer of timers) timer.cancel();
    socket.close();
  }
}

/** Whether a packet comes from where a router answers. */
export function isFrom(router: string, from: { readonly address: string; readonly port: number }): boolean {
  return from.address === router && from.port === port;
}

/** @returns the public address in an answer. `undefined` if the packet is not an answer with an address. */
export function readOutside(packet: Uint8Array): string | undefined {
  if (packet.length !== answerBytes || packet[0] !== 0 || packet[1] !== answerToRequest) return undefined;
  const isFine = packet[2] === 0 && packet[3] === 0;
  const host = packet.subarray(8).join('.');
  return isFine && host !== '0.0.0.0' ? host : undefined;
}

/** The routers of this machine. Linux lists them. On other systems they are guessed from the own addresses. */
export function routersOf(): readonly string[] {
  try {
    return gatewaysIn(readFileSync('/proc/net/route', 'utf8'));
  } catch {
    return Object.values(networkInterfaces()).flatMap((all = []) =>
      all.flatMap(({ family, internal, address }) =>
        family === 'IPv4' && !internal ? address.replace(/\d+$/, '1') : [],
      ),
    );
  }
}

/** The gateways of the default routes in `/proc/net/route`. They are written in hexadecimal, the last byte first. */
export function gatewaysIn(table: string): readonly string[] {
  const found = table.split('\n').flatMap((line) => {
    const [, destination, gateway] = line.trim().split(/\s+/);
    const isDefault = destination === '00000000' && gateway !== '00000000';
    return isDefault && /^[0-9A-F]{8}$/i.test(gateway ?? '') ? gateway! : [];
  });
  return [...new Set(found)].map((hex) =>
    [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.'),
  );
}
