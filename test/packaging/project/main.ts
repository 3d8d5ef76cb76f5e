import { type Data, Node, type NodeConnection } from 'peerloom';
import type { Envelope } from 'peerloom/secure';

class Listener extends Node {
  override nodeMessage(peer: NodeConnection, data: Data) {
    console.log(`${peer.name}: ${JSON.stringify(data)}`);
  }
}
const listener = new Listener('127.0.0.1', 0);
const speaker = new Node('127.0.0.1', 0, { name: 'speaker' });
await Promise.all([listener.start(), speaker.start()]);
const connection = await speaker.connectWithNode('127.0.0.1', listener.port);
await connection.deliver({ hello: 'world' });
await Promise.all([speaker.stop(), listener.stop()]);

/** An envelope is data. */
export const asData = (envelope: Envelope): Data => envelope;

// @ts-expect-error A message holds no symbols: were it accepted, Data would be `any` here.
export const wrong: Data = Symbol('wrong');

type Round = { readonly round: number };
interface OpenRound {
  readonly round: number;
}
const round: Round = { round: 1 };
const openRound: OpenRound = round;
export const declaredByType: Data = round;
export const declaredByInterface: Data = openRound;
