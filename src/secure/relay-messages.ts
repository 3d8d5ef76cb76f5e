import type { Data } from '../base/data.ts';
import { fieldsOf } from './fields.ts';

/** What each hop leaves to the next one of the time that it was given. */
const budgetShare = 0.9;
const maxBudgetMs = 60_000;

/**
 * What a neighbour asks this node to pass on: answered at once by `true`, when a {@link RelayAnswer} may follow. It is
 * not signed, since the letter proves itself.
 */
export interface RelayRequest {
  /** An envelope; nothing in it is proven yet. */
  readonly letter: Data;
  /** Milliseconds that this node may wait for answers. */
  readonly budgetMs: number;
}

/** What has become of a letter that a neighbour was asked to pass on; answered by `null`. It proves itself as well. */
export interface RelayAnswer {
  /** The hash of the letter. */
  readonly hash: string;
  /** Nothing in it is proven yet; `null`: this way leads nowhere. */
  readonly answer: Data;
}

export function relayRequest(letter: Data, budgetMs: number): Data {
  return { relay: letter, budgetMs };
}

/** `undefined` for anything else, an envelope for example. */
export function relayRequestOf(data: Data): RelayRequest | undefined {
  const { relay, budgetMs } = fieldsOf(data);
  const isRequest = relay !== undefined && typeof budgetMs === 'number' && budgetMs > 0;
  return isRequest ? { letter: relay, budgetMs: Math.min(budgetMs, maxBudgetMs) * budgetShare } : undefined;
}

export function relayAnswer(hash: string, answer: Data): Data {
  return { relayed: hash, answer };
}

/** `undefined` for anything else. */
export function relayAnswerOf(data: Data): RelayAnswer | undefined {
  const { relayed, answer } = fieldsOf(data);
  return typeof relayed === 'string' && answer !== undefined ? { hash: relayed, answer } : undefined;
}
