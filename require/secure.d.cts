export * from '../dist/secure/index.js';
