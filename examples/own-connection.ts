// Connections with state and methods of your own: extend NodeConnection, and let the node create them.
// Run it: node examples/own-connection.ts
import { type ConnectionDetails, type Data, Node, NodeConnection } from 'peerloom';

class GuestConnection extends NodeConnection {
  #lines = 0;

  /** What this guest has said so far. */
  get lines() {
    return this.#lines;
  }

  say(text: string) {
    this.#lines += 1;
    return this.deliver(`${text} (line ${this.#lines})`);
  }
}

class House extends Node {
  override createNewConnection(details: ConnectionDetails) {
    return new GuestConnection(this, details);
  }

  override async inboundNodeConnected(guest: GuestConnection) {
    guest.setInfo('room', this.nodesInbound.size); // a note on a connection, without a class
    await guest.say(`Welcome, ${guest.name}!`);
  }

  override nodeMessage(guest: GuestConnection, data: Data) {
    const room = guest.getInfo('room');
    console.log(`${this.name}: ${guest.name}${room === undefined ? '' : ` in room ${room}`}: ${data}`);
  }
}

const house = new House('127.0.0.1', 0, { name: 'house' });
const guest = new House('127.0.0.1', 0, { name: 'guest' });
await Promise.all([house.start(), guest.start()]);

const connection = (await guest.connectWithNode('127.0.0.1', house.port)) as GuestConnection;
await connection.say('Good evening.');
await connection.say('What a view!');
console.log(`The guest said ${connection.lines} lines.`);

await Promise.all([guest.stop(), house.stop()]);
