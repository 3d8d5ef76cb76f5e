export * from '../dist/tensors/index.js';
