import { checkOptions, checkSignal, checkTimeout, checkType, definedOf } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { checkGivenId } from './given-id.ts';

/** The options of {@link Node.connectWithNode}. */
export interface ConnectOptions {
  /**
   * Connects again, by the rules of {@link NodeOptions.reconnect}, when the connection breaks, and resumes the session.
   * The first attempt must succeed, unless `retry` is true. Default false.
   */
  readonly reconnect?: boolean | undefined;
  /**
   * Keeps trying until the node can be reached, by the rules of {@link NodeOptions.reconnect}. Each failed attempt
   * fires `node_reconnection_error`, whose handler may return false to give up. Default false: the first failure
   * rejects.
   */
  readonly retry?: boolean | undefined;
  /** The id of the expected node. Any other node is refused with `ERR_ID_MISMATCH`. Default: any node. */
  readonly id?: string | undefined;
  /** Milliseconds for one attempt; then it fails with `ERR_TIMEOUT`. Default `limits.dialTimeoutMs`, 15,000. */
  readonly timeoutMs?: number | undefined;
  /** When it fires, `connectWithNode` rejects with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

const connectNames = [
  'reconnect',
  'retry',
  'id',
  'timeoutMs',
  'signal',
] as const satisfies readonly (keyof ConnectOptions)[];

/**
 * @returns a copy, because a getter may return something else the next time.
 * @throws TypeError or RangeError; PeerloomError `ERR_ABORTED`.
 */
export function checkConnectOptions(given: ConnectOptions = {}): ConnectOptions {
  checkOptions(given, connectNames);
  const { reconnect, retry, id, timeoutMs, signal } = given;
  if (id !== undefined) checkGivenId('id', checkType('id', id, 'string'));
  if (reconnect !== undefined) checkType('reconnect', reconnect, 'boolean');
  if (retry !== undefined) checkType('retry', retry, 'boolean');
  if (timeoutMs !== undefined) checkTimeout(timeoutMs);
  checkSignal(signal);
  if (signal?.aborted) {
    throw new PeerloomError('ERR_ABORTED', 'the signal passed to connectWithNode had already fired', {
      cause: signal.reason,
    });
  }
  return definedOf({ reconnect, retry, id, timeoutMs, signal });
}
