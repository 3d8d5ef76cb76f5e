export { portableAead } from './aead.ts';
export { CipherState } from './cipher-state.ts';
export { keyPair } from './x25519.ts';
