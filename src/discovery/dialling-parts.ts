export { Dialler } from './dialler.ts';
export { RunningDiscoveries } from './running-discoveries.ts';
