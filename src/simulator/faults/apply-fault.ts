import { shown } from '../../base/arguments.ts';
import type { Machine } from '../machines/machine.ts';
import type { ProcessLink } from '../network/process.ts';
import type { SimulatedNetwork } from '../network/simulated-network.ts';
import type { Fault, NodeNumbers } from './fault.ts';

/** The parts of a world that faults change. */
export interface FaultyWorld {
  readonly network: SimulatedNetwork;
  /** The machines by number. */
  readonly machines: ReadonlyMap<number, Machine>;
  /** Stops a node as its own program would. */
  stop(machine: Machine): void;
  /** Starts a node again if it does not run. */
  restart(machine: Machine, hasNewIdentity: boolean): void;
}

/** Makes a fault happen. All faults of a world go through this function. */
export function applyFault(world: FaultyWorld, fault: Fault): void {
  const { network } = world;
  switch (fault.kind) {
    case 'crash':
      for (const machine of machinesOf(world, fault.nodes)) {
        if (fault.power === 'off') machine.isPowered = false;
        machine.run.crash();
      }
      return;
    case 'stop':
      for (const machine of machinesOf(world, fault.nodes)) world.stop(machine);
      return;
    case 'restart':
      for (const machine of machinesOf(world, fault.nodes)) world.restart(machine, fault.identity === 'new');
      return;
    case 'partition':
      partition(network, fault.groups, fault.oneWay === true);
      return;
    case 'blackHole': {
      const nodes = new Set(fault.nodes);
      network.blocks.add({ from: nodes, to: undefined });
      network.blocks.add({ from: undefined, to: nodes });
      return;
    }
    case 'heal':
      network.blocks.clear();
      return;
    case 'cut':
      for (const link of linksBetween(world, fault.from, fault.to)) cut(network, link);
      return;
    case 'pause':
      for (const machine of machinesOf(world, fault.nodes)) machine.pause();
      return;
    case 'resume':
      for (const machine of machinesOf(world, fault.nodes)) machine.resume();
      return;
    case 'slow':
      for (const machine of machinesOf(world, fault.nodes)) machine.slow(fault.workMs);
      return;
    case 'drift':
      for (const machine of machinesOf(world, fault.nodes)) machine.clock.drift(fault.rate);
      return;
    case 'jump':
      for (const machine of machinesOf(world, fault.nodes)) machine.clock.jump(fault.byMs);
      return;
    case 'reachable':
      for (const machine of machinesOf(world, fault.nodes)) machine.isReachable = fault.reachable;
      return;
    case 'disk':
      for (const machine of machinesOf(world, fault.nodes)) machine.disk.isFull = fault.full;
      return;
    case 'links': {
      const { kind: _, ...quality } = fault;
      network.quality = { ...network.quality, ...quality };
      return;
    }
    default:
      throw new TypeError(`${shown((fault as Fault).kind)} is not the kind of a fault, see the type Fault`);
  }
}

/** @throws RangeError if no node has one of the numbers. */
export function machinesOf({ machines }: Pick<FaultyWorld, 'machines'>, nodes: NodeNumbers): Machine[] {
  return nodes.map((index) => {
    const machine = machines.get(index);
    if (machine !== undefined) return machine;
    throw new RangeError(`no node has the number ${index}: the world has ${machines.size} nodes`);
  });
}

function partition({ blocks }: SimulatedNetwork, groups: readonly NodeNumbers[], oneWay: boolean): void {
  const sets = groups.map((group) => new Set(group));
  const [first] = sets;
  if (first === undefined) return;
  if (sets.length === 1) {
    // The group is cut off from all others. Its own nodes still reach each other.
    blocks.add({ from: first, to: undefined, isWithinFree: true });
    if (!oneWay) blocks.add({ from: undefined, to: first, isWithinFree: true });
    return;
  }
  for (const from of oneWay ? [first] : sets) {
    for (const to of sets) if (from !== to) blocks.add({ from, to });
  }
}

function linksBetween(world: FaultyWorld, from: NodeNumbers, to: NodeNumbers | undefined): ProcessLink[] {
  const others = to === undefined ? undefined : new Set(to);
  const links = machinesOf(world, from).flatMap(({ run }) => [...run.links]);
  return links.filter(({ remoteProcess }) => others?.has(remoteProcess.place.index) ?? true);
}

function cut({ chance }: SimulatedNetwork, link: ProcessLink): void {
  const stream = chance.stream('cut', `${link.process.place.index}-${link.remoteProcess.place.index}`);
  link.cut([stream.random(), stream.random()]);
}
