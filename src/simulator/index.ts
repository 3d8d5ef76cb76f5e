import '../base/supported-node.ts';

export type { Duration } from './duration.ts';
export type { AwayRange, ChurnOptions } from './faults/churn.ts';
export type {
  CrashFault,
  CutFault,
  DiskFault,
  DriftFault,
  Fault,
  HealFault,
  JumpFault,
  LinkConditions,
  LinksFault,
  NodeNumbers,
  NodesFault,
  PartitionFault,
  ReachableFault,
  RestartFault,
  SlowFault,
  TimedFault,
} from './faults/fault.ts';
export type { WhichNodes } from './faults/pick-nodes.ts';
export type { NodeClass, NodeFactory, SimulatedNodeOptions, SpawnPlace } from './machines/node-factory.ts';
export type { Latency, LatencyRange, RegionLatencies } from './network/latency.ts';
export { worldRegions } from './network/world-regions.ts';
export { Simulation } from './simulation.ts';
export { type Failure, SimulationError } from './simulation-error.ts';
export type {
  PartOfRun,
  RunUntil,
  SimulationEvents,
  SimulationOptions,
  SpawnOptions,
} from './simulation-options.ts';
export type { BroadcastTotals } from './watch/broadcast-watch.ts';
export type { Degrees, PathLengths } from './watch/graph.ts';
export type { InvariantCheck, InvariantOptions, Violation } from './watch/invariants.ts';
export type { MessageTotals, Metrics, NodeTotals } from './watch/metrics.ts';
export type { Hops, Spread } from './watch/spread.ts';
export type { TraceEntry } from './watch/trace.ts';
export type { WorldEvent } from './watch/watch.ts';
