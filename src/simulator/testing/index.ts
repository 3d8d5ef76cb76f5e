import '../../base/supported-node.ts';

export type { NodeClass } from '../machines/node-factory.ts';
export { CheckError, type CheckOptions, check } from './check.ts';
export type { Program } from './outcome.ts';
export { TestNetwork, type TestNetworkOptions } from './test-network.ts';
export type { Topology } from './topology.ts';
