import type { Libp2pOptions } from 'libp2p';
import type { PackageName, Packages } from './packages.ts';

/** What a discovery adds to the libp2p node of a transport. */
export interface EngineExtension {
  /** The packages that the extension needs. */
  readonly packages: readonly PackageName[];
  services?(packages: Packages): NonNullable<Libp2pOptions['services']>;
  peerDiscovery?(packages: Packages): NonNullable<Libp2pOptions['peerDiscovery']>;
  /**
   * Whether the addresses of other nodes are remembered after their connections end, within the bounds of
   * bounded-store.ts. A DHT needs this, because its servers pass them on.
   */
  readonly remembersNodes: boolean;
  /** Whether libp2p may remember an address of another node. */
  mayRemember?(address: string): boolean;
  /** Returns the key of the store entry without which the given entry is useless, if any. */
  needs?(key: string, packages: Packages): string | undefined;
}
