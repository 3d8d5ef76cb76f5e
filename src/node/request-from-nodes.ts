import type { NodeConnection } from '../api/node-connection.ts';
import { isRequestType, type RequestType } from '../api/typed-messages.ts';
import { checkOptions, checkSignal, checkTimeout, shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { defaultWaitMs, type WaitOptions } from '../channel/pending.ts';

/** The options of {@link Node.requestFromNodes}. */
export interface RequestFromNodesOptions extends WaitOptions {
  /** How many nodes must answer. Default 0: the iteration never fails because of missing answers. */
  readonly atLeast?: number | undefined;
}

/** The outcome of a request to one of many nodes: its data, or an error. */
export type Answer<Response = Data> = GivenAnswer<Response> | FailedAnswer;

/** A node answered. */
export interface GivenAnswer<Response = Data> {
  /** The connection with the node. */
  readonly peer: NodeConnection;
  /** Its answer. */
  readonly data: Response;
  /** Only in {@link FailedAnswer}. */
  readonly error?: undefined;
}

/** A node did not answer. */
export interface FailedAnswer {
  /** The connection with the node. */
  readonly peer: NodeConnection;
  /** Only in {@link GivenAnswer}. */
  readonly data?: undefined;
  /** The error with which {@link NodeConnection.request} rejects. */
  readonly error: Error;
}

const optionNames = [
  'atLeast',
  'timeoutMs',
  'signal',
] as const satisfies readonly (keyof RequestFromNodesOptions)[];

/** The arguments of {@link Node.requestFromNodes}: a kind if the request is typed, the data, and the options. */
export type RequestArguments =
  | readonly [type: RequestType, data: unknown, options?: RequestFromNodesOptions | undefined]
  | readonly [data: Data, options?: RequestFromNodesOptions | undefined];

/**
 * Sends a request over each connection at once.
 *
 * @returns the answers and the failures, as they arrive. Leaving the loop early aborts the requests without an answer.
 * @throws TypeError or RangeError at once for wrong options. The iteration throws PeerloomError `ERR_TOO_FEW_ANSWERS`
 * as soon as fewer than `atLeast` can still answer.
 */
export function requestFromMany(
  connections: readonly NodeConnection[],
  request: RequestArguments,
): AsyncIterable<Answer<unknown>> {
  const [type, data, options = {}] = isTyped(request) ? request : [undefined, ...request];
  checkOptions(options, optionNames);
  const { atLeast = 0, timeoutMs = defaultWaitMs, signal } = options;
  if (!Number.isSafeInteger(atLeast) || atLeast < 0) {
    throw new RangeError(`atLeast must be a whole number of at least 0, not ${shown(atLeast)}`);
  }
  checkTimeout(timeoutMs);
  checkSignal(signal);
  const leaving = new AbortController();
  const wait = {
    timeoutMs,
    signal: signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]),
  };
  const answers = new Arrivals<Answer<unknown>>();
  for (const peer of connections) {
    const answered =
      type === undefined ? peer.request<unknown>(data as Data, wait) : peer.request(type, data, wait);
    answered.then(
      (response) => answers.add({ peer, data: response }),
      (error: Error) => answers.add({ peer, error }),
    );
  }
  return iterate(answers, { count: connections.length, atLeast, leaving });
}

function isTyped(
  request: RequestArguments,
): request is Extract<RequestArguments, readonly [RequestType, ...unknown[]]> {
  return isRequestType(request[0]);
}

async function* iterate(
  answers: Arrivals<Answer<unknown>>,
  { count, atLeast, leaving }: { count: number; atLeast: number; leaving: AbortController },
): AsyncGenerator<Answer<unknown>, void, void> {
  let failures = 0;
  try {
    for (let arrived = 0; ; arrived++) {
      if (count - failures < atLeast) throw tooFew(count - failures, atLeast);
      if (arrived === count) return;
      const answer = await answers.next();
      if (answer.error !== undefined) failures += 1;
      yield answer;
    }
  } finally {
    leaving.abort();
  }
}

function tooFew(possible: number, atLeast: number): PeerloomError {
  return new PeerloomError(
    'ERR_TOO_FEW_ANSWERS',
    `${atLeast} nodes must answer (atLeast), but only ${possible} can: connect with more nodes, or give them more time`,
  );
}

/** A queue of values that arrive at any time and are taken one by one. */
class Arrivals<Value> {
  readonly #values: Value[] = [];
  #wake = (): void => {};

  add(value: Value): void {
    this.#values.push(value);
    this.#wake();
  }

  async next(): Promise<Value> {
    while (this.#values.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#values.shift()!;
  }
}
