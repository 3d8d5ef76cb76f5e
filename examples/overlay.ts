// Thirty nodes that know one address find their neighbours, and go on when half of them crash. On virtual time.
// Run it: node examples/overlay.ts
import { bootstrap, type Data, Node } from 'peerloom';
import { Simulation } from 'peerloom/simulator';

class Station extends Node {
  readonly heard: Data[] = [];

  override nodeBroadcast(_origin: string, data: Data) {
    this.heard.push(data);
  }
}

const world = new Simulation({ seed: 7, latencyMs: { from: 10, to: 100 } });
const discovery = [bootstrap(['10.0.0.1:10001'])];
const stations = world.spawn(
  30,
  ({ host, port, options }) => new Station(host, port, { ...options, discovery }),
);
await world.run({ minutes: 3 });
const counts = stations.map(({ neighbourhood }) => neighbourhood.active.length);
console.log(`${Math.min(...counts)} to ${Math.max(...counts)} neighbours each`);

world.crash(0.5);
await world.run({ minutes: 1 });
const left = stations.filter((station) => world.isRunning(station));
left[0]!.broadcast('is anybody there?');
await world.run({ seconds: 10 });
console.log(`${left.filter(({ heard }) => heard.length === 1).length} of ${left.length - 1} others heard it`);
await world.end();
