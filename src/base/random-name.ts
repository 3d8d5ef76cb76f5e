import type { Runtime } from './runtime.ts';

const nameBytes = 16;

/** A unique name for a run of a node, or for a session. */
export function randomName(runtime: Runtime, purpose: 'instance' | 'session'): string {
  const bytes = runtime.randomBytes(nameBytes, purpose);
  // Joined, not added up: V8 would keep a tree of strings.
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
