import { Node } from '../../node/node.ts';
import { Boundary } from '../../node/recorder/boundary.ts';
import { Calls } from '../../node/recorder/calls.ts';
import { notedEvents } from '../../node/recorder/noted-events.ts';
import type { Outside } from '../../node/recorder/outside.ts';
import type { Input, Taken, Tape, Turn } from '../../node/recorder/tape.ts';

/** A difference: what was recorded, and what the replayed node did instead. */
export interface Unequal {
  readonly expected: string;
  readonly came: string;
}

/** The values that are used if none was recorded. The replay then ends after the turn. */
const standIns: Taken = { now: 0, wall: 0, random: 0, bytes: '', room: true, address: null };

const nothing = 'nothing more';

/** Gives a node the recorded inputs, and compares what it does with the recording. */
export class Playback implements Tape {
  readonly boundary: Boundary;
  /** The first difference. `undefined` if there is none so far. */
  unequal: Unequal | undefined;
  #calls: Calls | undefined;
  #turn: Turn | undefined;
  readonly #read: { [Kind in keyof Taken]: number } = {
    now: 0,
    wall: 0,
    random: 0,
    bytes: 0,
    room: 0,
    address: 0,
  };
  #outputs = 0;
  #lastNow = 0;

  constructor(schemes: readonly (readonly string[])[]) {
    this.boundary = new Boundary(this, nowhere, schemes);
  }

  attach(node: Node): void {
    const calls = new Calls(node, Node.prototype);
    node.simulationObserver = notedEvents(calls, (what) => this.put(what));
    this.#calls = calls;
    node.onConnectionMade = (connection) => calls.add(connection);
  }

  begin(turn: Turn): void {
    this.#turn = turn;
    for (const kind of Object.keys(this.#read) as (keyof Taken)[]) this.#read[kind] = 0;
    this.#outputs = 0;
  }

  perform(input: Input): void {
    if (input[0] === 'setup') return;
    const isKnown = input[0] === 'call' ? this.#calls?.perform(input) === true : this.boundary.perform(input);
    if (!isKnown) this.#differ(textOfInput(input), 'a node that does not wait for it');
  }

  /** Ends the turn. Everything that was recorded for it must have happened. */
  end(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    const output = turn.out[this.#outputs];
    if (output !== undefined) this.#differ(output, nothing);
    for (const [kind, values] of Object.entries(turn.taken)) {
      const count = this.#read[kind as keyof Taken];
      if (count < values.length) this.#differ(asked(kind, values.length), asked(kind, count));
    }
    this.#turn = undefined;
  }

  take<Kind extends keyof Taken>(kind: Kind): Taken[Kind] {
    // Code that inspects the node between turns may read the time.
    if (this.#turn === undefined && kind === 'now') return this.#lastNow as Taken[Kind];
    const values: readonly Taken[Kind][] = this.#turn?.taken[kind] ?? [];
    const count = this.#read[kind];
    this.#read[kind] = count + 1;
    const value = values[count];
    if (value === undefined) {
      this.#differ(asked(kind, count), asked(kind, count + 1));
      return standIns[kind];
    }
    if (kind === 'now') this.#lastNow = value as number;
    return value;
  }

  put(what: string): void {
    const expected = this.#turn === undefined ? 'nothing between two turns' : this.#turn.out[this.#outputs];
    this.#outputs += 1;
    if (expected !== what) this.#differ(expected ?? nothing, what);
  }

  #differ(expected: string, came: string): void {
    this.unequal ??= { expected, came };
  }
}

/** Describes an input in one line. */
export function textOfInput([kind, ...details]: Input): string {
  if (kind === 'bytes') {
    const [link, base64] = details as [number, string];
    return `bytes ${link} ${Buffer.byteLength(base64, 'base64')}`;
  }
  return [kind, ...details.map((detail) => JSON.stringify(detail))].join(' ');
}

function asked(kind: string, count: number): string {
  return `asks for ${kind} ${count} times`;
}

/** The outside of a replay, which does nothing. All inputs come from the recording. */
const nowhere: Outside = {
  now: () => 0,
  wallNow: () => 0,
  random: () => 0,
  randomBytes: (length) => new Uint8Array(length),
  startTimer: () => {},
  cancelTimer: () => {},
  attach: () => {},
  parse: () => null,
  listen: () => {},
  dial: () => {},
  closeTransport: () => {},
  send: () => true,
  drained: () => {},
  pause: () => {},
  resume: () => {},
  close: () => {},
  destroy: () => {},
};
