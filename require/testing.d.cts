export * from '../dist/simulator/testing/index.js';
