import '../base/supported-node.ts';

export { canonicalJson } from './canonical-json.ts';
export { hashOf } from './digest.ts';
export type { Envelope, Letter } from './envelope.ts';
export type { NetworkMap } from './network-map.ts';
export { SecureNode } from './secure-node.ts';
export type { SecureNodeOptions, SecureWaitOptions } from './secure-options.ts';
export type { CollectionState, Epoch, ReaderInfo } from './vault/collection-state.ts';
export type { Change, LogEntry } from './vault/manifest.ts';
export type { SyncResult } from './vault/replicator.ts';
export type { CollectionInfo, Reader, Vault, VaultChange } from './vault/vault.ts';
export type { VaultOptions } from './vault/vault-options.ts';
