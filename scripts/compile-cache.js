// Preloaded by `npm test`: every process of a test run finds the sources compiled by those before it.
import { fileURLToPath } from 'node:url';

process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
