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
  'MessageChannel',
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
const page = createContext(Object.fromEntries(web.map((name) => [name, globalThis[name]])));
runInContext('globalThis.self = globalThis.window = globalThis', page);
const [, , script] = process.argv;
runInContext(readFileSync(script, 'utf8'), page, { filename: script });
