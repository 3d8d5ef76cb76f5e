/*
 * Both entry points import this file first, and it imports nothing. So an old Node.js runs it, and prints a clear
 * error, before anything else fails there. A test in test/packaging compares the version with package.json.
 */

interface Versions {
  readonly node?: string;
  readonly bun?: string;
  readonly deno?: string;
}

// What Bun and Deno report as the version of Node.js says nothing about them.
const { node, bun, deno } = (globalThis.process?.versions ?? {}) as Versions;
if (node !== undefined && bun === undefined && deno === undefined) {
  const [major, minor] = node.split('.').map(Number) as [number, number];
  if (major < 22 || (major === 22 && minor < 18)) {
    throw new Error(`peerloom needs Node.js 22.18 or newer, this is ${node}`);
  }
}
