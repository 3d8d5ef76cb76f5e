import { fileURLToPath } from 'node:url';
import { type NatKind, type NatNetwork, natKinds, relayHost } from './nat-network.ts';

const bin = fileURLToPath(new URL('../../bin/peerloom.js', import.meta.url));
const stunServer = fileURLToPath(new URL('./programs/stun-server.ts', import.meta.url));
const program = fileURLToPath(new URL('./programs/nat-node.ts', import.meta.url));

/** What two nodes have beside their routers. */
export const natConditions = ['relay', 'relay, STUN', 'relay, STUN, UDP blocked', 'no relay'] as const;
export type NatCondition = (typeof natConditions)[number];

/** Every pair of kinds, each once. */
export const natPairs: readonly (readonly [NatKind, NatKind])[] = natKinds.flatMap((one, index) =>
  natKinds.slice(index).map((other) => [one, other] as const),
);

/** How long a better way than the relay may take where there is one, and where there is none, in milliseconds. */
const patienceMs = { found: 30_000, none: 9_000 };

export interface FoundWay {
  readonly way: string;
  /** Until the first message was confirmed. */
  readonly firstMs: number;
  /** Until the connection had moved to that way. */
  readonly wayMs: number;
  readonly megabytesPerSecond: number;
  /** How often its user was told that it broke. */
  readonly breaks: number;
}

/** Whether a router passes on what nobody behind it asked for, or none is there. */
export function letsIn(kind: NatKind): boolean {
  return kind === 'open' || kind === 'full cone';
}

/** Whether a router shows each destination another port. */
export function changesPorts(kind: NatKind): boolean {
  return kind === 'symmetric' || kind === 'CGNAT';
}

/**
 * The ways that two nodes must find: TCP to a side that lets others in, or by dialling at the same moment if both routers
 * keep their ports. With STUN, WebRTC opens the same routers. `failed`: none.
 */
export function expectedWay(kinds: readonly [NatKind, NatKind], condition: NatCondition): RegExp {
  const isLetIn = kinds.some(letsIn);
  if (condition === 'no relay') return isLetIn ? /^direct$/ : /^failed$/;
  if (!isLetIn && kinds.some(changesPorts)) return /^relayed$/;
  return condition === 'relay, STUN' ? /^(direct|webrtc)$/ : /^direct$/;
}

/** What way two nodes find to each other, and how fast it is. */
export async function findWay(
  network: NatNetwork,
  kinds: readonly [NatKind, NatKind],
  condition: NatCondition,
): Promise<FoundWay> {
  if (condition === 'no relay') return await withoutRelay(network, kinds);
  if (condition === 'relay, STUN, UDP blocked') await network.blockUdp();
  const stun = condition === 'relay' ? '' : `stun:${relayHost}:3478`;
  if (stun !== '') await network.start(network.relay, [stunServer, relayHost, '3478']).prints(/^listening$/m);
  const relay = network.start(network.relay, [bin, 'relay', '--host', relayHost, '--port', '10001']);
  const [, address] = await relay.prints(/^Relay at (\S+)$/m);
  const id = await listen(network, 0, [address!, stun]);
  const patience = expectedWay(kinds, condition).test('relayed') ? patienceMs.none : patienceMs.found;
  return await dial(network, 1, [`${address}/p2p-circuit/p2p/${id}`, stun, `${patience}`]);
}

/** One dials the public address of the other, if that lets anybody in. */
async function withoutRelay(network: NatNetwork, kinds: readonly [NatKind, NatKind]): Promise<FoundWay> {
  const listener = letsIn(kinds[0]) ? 0 : 1;
  const id = await listen(network, listener, ['']);
  const address = `/ip4/${network.publicHostOf(listener)}/tcp/10001/p2p/${id}`;
  return await dial(network, listener === 0 ? 1 : 0, [address]);
}

async function listen(network: NatNetwork, index: 0 | 1, args: readonly string[]): Promise<string> {
  const listener = network.start(network.hosts[index], [program, 'listen', ...args]);
  const [, id] = await listener.prints(/^id (\S+)$/m);
  return id!;
}

async function dial(network: NatNetwork, index: 0 | 1, args: readonly string[]): Promise<FoundWay> {
  const dialler = network.start(network.hosts[index], [program, 'dial', ...args]);
  const [, firstMs, failure] = await dialler.prints(/^(?:first (\d+)|failed (\S+))$/m);
  if (failure !== undefined) return { way: 'failed', firstMs: 0, wayMs: 0, megabytesPerSecond: 0, breaks: 0 };
  const [, way, wayMs] = await dialler.prints(/^way (\S+) (\d+)$/m);
  const [, speed] = await dialler.prints(/^speed (\d+)$/m);
  const [, breaks] = await dialler.prints(/^disconnected (\d+) times/m);
  return {
    way: way!,
    firstMs: Number(firstMs),
    wayMs: Number(wayMs),
    megabytesPerSecond: Number(speed),
    breaks: Number(breaks),
  };
}
