import type { Runtime } from './runtime.ts';

const nameBytes = 16;

/** A name for a run of a node, or for a session, that no other one has. */
export function randomName(runtime: Runtime, purpose: 'instance' | 'session'): string {
  const bytes = runtime.randomBytes(nameBytes, purpose);
  return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), '');
}
