import type { NodeConnection } from '../../src/index.ts';

/** Violations beyond these are only counted. */
const maxTold = 20;

/** What one side of a connection has said and heard. */
export interface End {
  readonly name: string;
  readonly connection: NodeConnection;
  /** The name of the other end, once it has said something. */
  partner: string | undefined;
  /** Numbers of the last message sent, and of the last one received. */
  sent: number;
  received: number;
  connects: number;
  disconnects: number;
  /** This side chose to leave: what still arrives is not handled. */
  hasLeft: boolean;
  /** The other side has said that it handled the last message. */
  isConfirmed: boolean;
}

/** The books of a round: every connection from both of its sides, and what was wrong. */
export class Ledger {
  violationCount = 0;
  connections = 0;
  messages = 0;
  readonly #tell: (violation: string) => void;
  readonly #ends = new Map<string, End>();

  /** @param tell Called with each violation when it is found, up to 20 of them. */
  constructor(tell: (violation: string) => void) {
    this.#tell = tell;
  }

  violation(what: string): void {
    this.violationCount += 1;
    if (this.violationCount <= maxTold) this.#tell(what);
  }

  check(isSo: boolean, what: () => string): void {
    if (!isSo) this.violation(what());
  }

  open(connection: NodeConnection): End {
    this.connections += 1;
    const name = `${connection.mainNode.name}/${this.connections}`;
    const end: End = {
      name,
      connection,
      partner: undefined,
      sent: 0,
      received: 0,
      connects: 0,
      disconnects: 0,
      hasLeft: false,
      isConfirmed: false,
    };
    this.#ends.set(name, end);
    return end;
  }

  /** A message with this number, from the end of that name, has reached a handler. */
  received(end: End, from: string, number: number): void {
    this.messages += 1;
    end.partner ??= from;
    this.check(end.partner === from, () => `${end.name} hears ${end.partner} and ${from}`);
    this.check(
      number === end.received + 1,
      () => `${end.name} got the message ${number} of ${from} after ${end.received}`,
    );
    end.received = number;
  }

  /** Nothing is on its way: who has handled the last message has received all before it. */
  checkOpen(): void {
    this.#checkPairs((_end, other) => other.isConfirmed);
  }

  /** All is over: each beginning has its end, and who left in good order had told everything. */
  checkClosed(): void {
    for (const end of this.#ends.values()) {
      this.check(
        end.connects === end.disconnects,
        () => `${end.name} was connected ${end.connects} times and disconnected ${end.disconnects} times`,
      );
    }
    this.#checkPairs(({ connection, hasLeft }) => {
      const { code, by } = connection.closeReason ?? {};
      return !hasLeft && by === 'them' && (code === 'disconnected' || code === 'stopped');
    });
    this.#ends.clear();
  }

  /** Nobody receives what was not sent; and everything, where `isWhole`. */
  #checkPairs(isWhole: (end: End, other: End) => boolean): void {
    for (const end of this.#ends.values()) {
      const other = this.#ends.get(end.partner ?? '');
      if (other === undefined) continue;
      const isRight = isWhole(end, other) ? end.received === other.sent : end.received <= other.sent;
      const told = (): string => `${end.name} received ${end.received} of ${other.sent} from ${other.name}`;
      this.check(isRight, () => `${told()} (${storyOf(end)}; ${storyOf(other)})`);
    }
  }
}

/** What may explain why something did not arrive. */
function storyOf({ name, connection, connects, disconnects, hasLeft, isConfirmed }: End): string {
  const { direction, closeReason } = connection;
  const end = closeReason === undefined ? 'open' : `${closeReason.code} by ${closeReason.by}`;
  const counts = `connected ${connects}, disconnected ${disconnects} times`;
  return `${name}: ${direction}, ${end}, ${counts}${hasLeft ? ', left' : ''}${isConfirmed ? ', confirmed' : ''}`;
}
