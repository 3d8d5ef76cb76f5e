// Runs a script with what pages have, and without process, Buffer, require and the rest of Node.js.
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';

const web = [
  'AbortController',
  'AbortSignal',
  'Blob',
  'CompressionStream',
  'DOMException',
  'DecompressionStream',
  'Event',
  'EventTarget',
  'ReadableStream',
  'TextDecoder',
  'TextEncoder',
  'TransformStream',
  'URL',
  'WritableStream',
  'atob',
  'btoa',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'navigator',
  'performance',
  'queueMicrotask',
  'setInterval',
  'setTimeout',
  'structuredClone',
];
/** Unlike the one of Node.js, it does not keep the process running. */
class MessageChannel {
  port1 = { onmessage() {} };
  port2 = { postMessage: (data) => setImmediate(() => this.port1.onmessage({ data })) };
}
const globals = Object.fromEntries(web.map((name) => [name, globalThis[name]]));
const page = createContext({ ...globals, MessageChannel });
runInContext('globalThis.self = globalThis.window = globalThis', page);
const [, , script] = process.argv;
runInContext(readFileSync(script, 'utf8'), page, { filename: script });
