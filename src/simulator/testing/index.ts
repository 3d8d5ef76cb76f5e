import '../../base/supported-node.ts';

export type { NodeClass, NodeFactory, SimulatedNodeOptions, SpawnPlace } from '../machines/node-factory.ts';
export { FlightError } from '../replay/flight-file.ts';
export { type Replay, type ReplayDifference, type ReplayOptions, replay } from '../replay/replay.ts';
export { CheckError, type CheckOptions, check } from './check.ts';
export type { Program } from './outcome.ts';
export { TestNetwork, type TestNetworkOptions } from './test-network.ts';
export type { Topology } from './topology.ts';
