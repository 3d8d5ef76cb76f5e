import { shown } from '../base/arguments.ts';
import type { Transport } from '../transport/transport.ts';
import { Libp2pTransport } from './libp2p-transport.ts';
import type { Preset } from './preset.ts';
import { lan } from './presets.ts';

/** The names as text, because bundlers shorten the names of functions. */
const presetNames: readonly string[] = ['lan', 'internet', 'relay', 'browser'] satisfies Preset['name'][];

/**
 * Creates a transport over libp2p, which reaches nodes through relays and routers, and the nodes of other libp2p
 * programs that speak `/peerloom/1`. If nodes can reach each other directly, `tcp()` is faster. A node has the same id
 * on both transports, and may use both: `transports: [tcp(), libp2p(lan({ listen: ['/ip4/0.0.0.0/tcp/10002'] }))]`.
 *
 * Addresses are multiaddrs, `/ip4/192.0.2.7/tcp/10001/p2p/12D3KooW…`, or `libp2p://host:port` for TCP. The packages of
 * libp2p are not installed with peerloom. If some are missing, the start of a node rejects with the command that
 * installs what its preset needs. docs/internet.md explains the presets.
 *
 * @param preset one of {@link lan}, {@link internet}, {@link relay} and {@link browser}. Default `lan()`.
 * @throws TypeError if `preset` is none of these.
 * @example
 * new Node('0.0.0.0', 10001, { transports: [libp2p(internet({ relays: ['/dns4/relay.example.org/tcp/10001/p2p/12D3KooW…'] }))] });
 */
export function libp2p(preset: Preset = lan()): Transport {
  if (typeof preset !== 'object' || preset === null || !presetNames.includes(preset.name)) {
    throw new TypeError(
      `libp2p() takes a preset, such as libp2p(lan()) or libp2p(internet()), not ${shown(preset)}`,
    );
  }
  return new Libp2pTransport(preset);
}
