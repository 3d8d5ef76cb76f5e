import type { Libp2pOptions } from 'libp2p';
import type { PackageName, Packages } from './packages.ts';

/** What a discovery adds to the node of libp2p that a transport makes. */
export interface EngineExtension {
  /** The packages that it needs. */
  readonly packages: readonly PackageName[];
  services?(packages: Packages): NonNullable<Libp2pOptions['services']>;
  peerDiscovery?(packages: Packages): NonNullable<Libp2pOptions['peerDiscovery']>;
  /**
   * Whether the addresses of other nodes stay remembered when their connections end, within the bounds of
   * bounded-store.ts: for a DHT, whose servers tell them.
   */
  readonly remembersNodes: boolean;
  /** Which addresses libp2p may remember of others. */
  mayRemember?(address: string): boolean;
  /** An entry of the store that another one is worth nothing without, by its key. */
  needs?(key: string, packages: Packages): string | undefined;
}
