// Five nodes in a line: what one broadcasts reaches all of them, and only subscribers hear of a topic.
// Run it: node examples/broadcast.ts
import { type BroadcastDetails, type Data, Node } from 'peerloom';

class Station extends Node {
  override nodeBroadcast(_origin: string, data: Data, { topic, hops }: BroadcastDetails) {
    console.log(`${this.name} heard ${JSON.stringify(data)} ${topic && `about ${topic} `}(hops: ${hops})`);
  }
}

const stations = ['Amsterdam', 'Berlin', 'Cairo', 'Delhi', 'Edo'].map(
  (name) => new Station('127.0.0.1', 0, { name }),
);
for (const [at, station] of stations.entries()) {
  await station.start();
  if (at > 0) await station.connectWithNode('127.0.0.1', stations[at - 1]!.port);
}
const [amsterdam, , cairo, , edo] = stations as [Station, Station, Station, Station, Station];
await cairo.waitForNodes(2);

const heardByAll = new Promise((resolve) => edo.once('node_broadcast', resolve));
amsterdam.broadcast('good morning');
await heardByAll;

cairo.subscribe('weather');
const heardByCairo = new Promise((resolve) => cairo.once('node_broadcast', resolve));
edo.broadcast({ sky: 'clear' }, { topic: 'weather' });
await heardByCairo;

for (const station of stations) await station.stop();
