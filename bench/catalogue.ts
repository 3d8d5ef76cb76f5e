import { existsSync } from 'node:fs';
import type { Row } from './row.ts';
import { large, largeCpu, medium, small, smallCpu } from './rows/binary.ts';
import { broadcast } from './rows/broadcast.ts';
import { dial } from './rows/dial.ts';
import { fanOut } from './rows/fan-out.ts';
import { grant } from './rows/grant.ts';
import { idleLinks } from './rows/idle-links.ts';
import { inFlightRow } from './rows/in-flight.ts';
import { json } from './rows/json.ts';
import { mixed } from './rows/mixed.ts';
import { passingOn } from './rows/passing-on.ts';
import { roundTrip } from './rows/round-trip.ts';
import { signing } from './rows/signing.ts';
import { simulation } from './rows/simulation.ts';
import { sleepingReader } from './rows/sleeping-reader.ts';
import { typedArray } from './rows/typed-array.ts';
import { vault } from './rows/vault.ts';

/** A system that can be measured, and where its module is. */
export interface SystemEntry {
  readonly name: string;
  /** What the table calls it. */
  readonly title: string;
  readonly module: string;
  readonly variant: string;
  readonly isEncrypted: boolean;
  readonly isAuthenticated: boolean;
  /** The npm package that has to be installed in bench/ first. */
  readonly needs?: string;
  /** Not a Node program: the command that speaks for it (see worker-process.ts). */
  readonly isPython?: boolean;
  /** Rows that it cannot do, and why. */
  readonly cannot?: Readonly<Record<string, string>>;
}

const secure = { isEncrypted: true, isAuthenticated: true };
const plain = { isEncrypted: false, isAuthenticated: false };
const libp2p = { ...secure, module: './systems/rivals/libp2p.ts', needs: 'libp2p' };

export const systems: readonly SystemEntry[] = [
  { name: 'peerloom', title: 'peerloom', module: './systems/peerloom.ts', variant: 'tls', ...secure },
  {
    name: 'peerloom-durable',
    title: 'peerloom durable',
    module: './systems/peerloom.ts',
    variant: 'durable',
    ...secure,
  },
  {
    name: 'peerloom-plain',
    title: 'peerloom plain',
    module: './systems/peerloom.ts',
    variant: 'plain',
    isEncrypted: false,
    isAuthenticated: true,
  },
  {
    name: 'peerloom-websocket',
    title: 'peerloom WebSocket',
    module: './systems/peerloom.ts',
    variant: 'websocket',
    ...secure,
  },
  {
    name: 'peerloom-libp2p-noise',
    title: 'peerloom libp2p noise',
    module: './systems/peerloom.ts',
    variant: 'libp2p-noise',
    ...secure,
  },
  {
    name: 'peerloom-libp2p-tls',
    title: 'peerloom libp2p tls',
    module: './systems/peerloom.ts',
    variant: 'libp2p-tls',
    ...secure,
  },
  {
    name: 'secure-node',
    title: 'SecureNode',
    module: './systems/secure-node.ts',
    variant: '',
    ...secure,
    cannot: {
      dial: 'its links are those of peerloom',
      mixed: 'its links are those of peerloom',
      'sleeping-reader': 'its links are those of peerloom',
      'idle-links': 'its links are those of peerloom',
    },
  },
  { name: 'node-tls', title: 'node:tls', module: './systems/node-tls.ts', variant: '', ...secure },
  { name: 'node-net', title: 'node:net', module: './systems/node-net.ts', variant: '', ...plain },
  {
    name: 'secret-stream',
    title: 'secret-stream',
    module: './systems/rivals/secret-stream.ts',
    variant: '',
    ...secure,
    needs: '@hyperswarm/secret-stream',
  },
  { name: 'libp2p-noise', title: 'libp2p noise', variant: 'noise', ...libp2p },
  { name: 'libp2p-noise-batched', title: 'libp2p noise, batched', variant: 'noise-batched', ...libp2p },
  { name: 'libp2p-tls', title: 'libp2p tls', variant: 'tls', ...libp2p },
  { name: 'libp2p-tls-batched', title: 'libp2p tls, batched', variant: 'tls-batched', ...libp2p },
  { name: 'ws', title: 'ws', module: './systems/rivals/ws.ts', variant: '', ...plain, needs: 'ws' },
  {
    name: 'zeromq',
    title: 'ZeroMQ',
    module: './systems/rivals/zeromq.ts',
    variant: '',
    ...plain,
    needs: 'zeromq',
  },
  {
    name: 'p2pnetwork',
    title: 'p2pnetwork',
    module: './systems/rivals/p2pnetwork_worker.py',
    variant: '',
    ...plain,
    isPython: true,
    cannot: {
      'small-cpu': 'its processor time is not measured',
      'large-cpu': 'its processor time is not measured',
      medium: 'reads 4 KiB each 10 ms',
      large: 'reads 4 KiB each 10 ms',
      'typed-array': 'carries no bytes with 0x04 in them',
      'in-flight': 'no requests',
      'fan-out': 'a thread for each link',
      'idle-links': 'a thread for each link',
      mixed: 'reads 4 KiB each 10 ms',
      'sleeping-reader': 'reads 4 KiB each 10 ms',
    },
  },
];

/** Systems whose nodes pass on what is for all. */
const broadcasters = ['peerloom', 'libp2p-noise'];

/** What only a SecureNode does. */
const secureRows: readonly Row[] = [signing, vault, grant];

export const rows: readonly Row[] = [
  small,
  json,
  medium,
  large,
  typedArray,
  roundTrip,
  inFlightRow,
  dial,
  fanOut,
  broadcast,
  passingOn,
  smallCpu,
  largeCpu,
  mixed,
  sleepingReader,
  idleLinks,
  ...secureRows,
  simulation,
];

/** Its package is in bench/node_modules, or it needs none. */
export function isInstalled(system: SystemEntry): boolean {
  return (
    system.needs === undefined ||
    existsSync(new URL(`node_modules/${system.needs}/package.json`, import.meta.url))
  );
}

/** Why a system has no figures in a row; undefined: it can do it. */
export function whyNot(system: SystemEntry, row: Row): string | undefined {
  if (row.needsAuthentication && !system.isAuthenticated) return 'no authentication';
  if (secureRows.includes(row) && system.name !== 'secure-node') return 'signs no messages and keeps no data';
  if ((row === broadcast || row === passingOn) && !broadcasters.includes(system.name))
    return 'passes nothing on, or is measured as another';
  if (row === simulation && system.name !== 'peerloom') return 'is not a simulator';
  return system.cannot?.[row.name];
}
