export * from '../dist/libp2p/index.js';
