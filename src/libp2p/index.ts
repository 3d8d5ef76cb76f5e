import '../base/supported-node.ts';

export { type DhtOptions, libp2pDht } from './dht.ts';
export type { DhtScope } from './dht-extension.ts';
export { libp2p } from './libp2p.ts';
export { type Libp2pMdnsOptions, libp2pMdns } from './local-discovery.ts';
export type { Libp2pEncryption, ListenOptions, Preset, RelayServer, Way } from './preset.ts';
export {
  type BrowserOptions,
  browser,
  type InternetOptions,
  internet,
  type LanOptions,
  lan,
  type RelayOptions,
  relay,
} from './presets.ts';
