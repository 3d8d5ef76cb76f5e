import { randomBytes } from 'node:crypto';
import { type Data, Identity, Node, type NodeConnection } from '../../../../src/index.ts';
import { sign } from '../../../../src/secure/envelope.ts';
import { SecureFrames } from '../../../support/secure-frames.ts';

/** A neighbour of a SecureNode that signs by hand whatever it likes. */
export class SigningPeer extends Node {
  readonly identity: Identity;
  readonly frames: SecureFrames;
  #victim: NodeConnection | undefined;

  constructor(identity = Identity.generate()) {
    const frames = new SecureFrames();
    super('127.0.0.1', 0, { identity, protocols: [frames] });
    this.identity = identity;
    this.frames = frames;
  }

  async attack(port: number): Promise<void> {
    await this.start();
    this.#victim = await this.connectWithNode('127.0.0.1', port);
  }

  get victim(): NodeConnection {
    return this.#victim!;
  }

  /** Asks what SecureNodes ask each other. @returns the answer. */
  async ask(topic: string, data: Data): Promise<Data> {
    const { data: response } = await this.frames.ask(this.victim.id, this.signed('ask', { topic, data }));
    return (response as unknown as { readonly data: { readonly answer: Data } }).data.answer;
  }

  signed(kind: string, data: Data): Data {
    const id = randomBytes(16).toString('hex');
    const { id: to } = this.victim;
    const letter = { author: this.identity.id, time: Date.now(), id, kind, to, data };
    return sign(this.identity, letter) as unknown as Data;
  }
}

/** A message for all nodes, of an author that nobody has heard of. */
export function signedByNobody(data: Data): Data {
  const author = Identity.generate();
  const id = randomBytes(16).toString('hex');
  return sign(author, { author: author.id, time: Date.now(), id, kind: 'message', data }) as unknown as Data;
}
