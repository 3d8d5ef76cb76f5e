import type { PeerDetails, ResolvedOptions } from '../api/options.ts';
import { shown } from '../base/arguments.ts';
import { LateMap } from '../base/late-collections.ts';
import type { Runtime } from '../base/runtime.ts';
import { ThrownByUser } from '../base/thrown-by-user.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';

/** How many addresses' recent connections are remembered. */
const maxRememberedAddresses = 4_096;

/** Called when `authorize` returns something else than a boolean. */
type OnWrongAnswer = (error: TypeError, direction: PeerDetails['direction']) => void;

/** Decides who may connect: the bounds on inbound connections, the lists, then the user's own function. */
export class Admission {
  readonly #options: ResolvedOptions;
  readonly #onWrongAnswer: OnWrongAnswer;
  readonly #arrivals: ArrivalRate;
  readonly #inbound = new LateMap<unknown, string>();

  constructor(options: ResolvedOptions, onWrongAnswer: OnWrongAnswer) {
    this.#options = options;
    this.#onWrongAnswer = onWrongAnswer;
    this.#arrivals = new ArrivalRate(options.limits.inboundPerSecondPerAddress, options.runtime);
  }

  /**
   * Takes a place for an inbound connection, to be given back by {@link Admission.release}.
   *
   * @param token identifies the connection.
   * @param source the address that the connection counts for. `undefined` if limits per address do not apply.
   * @returns why there is no place, or `undefined` if it was taken.
   */
  reserve(token: unknown, source: string | undefined): Goodbye | undefined {
    const { maxConnections, limits } = this.#options;
    if (maxConnections > 0 && this.#inbound.size >= maxConnections) return goodbye('full');
    if (source !== undefined) {
      const { maxInboundPerAddress } = limits;
      const sameSource = [...this.#inbound.values()].filter((one) => one === source).length;
      if (maxInboundPerAddress > 0 && sameSource >= maxInboundPerAddress) {
        return goodbye(
          'full',
          `the node allows ${maxInboundPerAddress} connections from one address (limits.maxInboundPerAddress)`,
        );
      }
      if (!this.#arrivals.admits(source))
        return goodbye(
          'full',
          'too many connections from this address in one second (limits.inboundPerSecondPerAddress)',
        );
    }
    this.#inbound.set(token, source ?? '');
    return undefined;
  }

  release(token: unknown): void {
    this.#inbound.delete(token);
  }

  /**
   * Why a peer is not admitted. If `authorize` throws, or returns anything but true, the peer is not admitted.
   *
   * @throws ThrownByUser.
   */
  async judge(peer: PeerDetails): Promise<Goodbye | undefined> {
    const { allow, deny, authorize } = this.#options;
    const isListed = peer.security.authenticated && allow?.has(peer.id);
    if (deny.has(peer.id) || (allow !== undefined && !isListed)) return goodbye('refused');
    if (authorize === undefined) return undefined;
    const answer = await this.#answerOf(authorize, peer);
    if (typeof answer !== 'boolean') {
      const message = `authorize must return a boolean, or a promise of one, not ${shown(answer)}`;
      this.#onWrongAnswer(new TypeError(message), peer.direction);
    }
    return answer === true ? undefined : goodbye('refused');
  }

  async #answerOf(authorize: NonNullable<ResolvedOptions['authorize']>, peer: PeerDetails): Promise<unknown> {
    try {
      return await authorize(peer);
    } catch (error) {
      throw new ThrownByUser(error);
    }
  }
}

/** A token bucket for each address. Its rate in arrivals per second is also its burst. */
class ArrivalRate {
  readonly #perSecond: number;
  readonly #runtime: Runtime;
  readonly #buckets = new LateMap<string, { tokens: number; at: number }>();

  constructor(perSecond: number, runtime: Runtime) {
    this.#perSecond = perSecond;
    this.#runtime = runtime;
  }

  admits(address: string): boolean {
    const now = this.#runtime.now();
    const bucket = this.#buckets.get(address) ?? { tokens: this.#perSecond, at: now };
    bucket.tokens = Math.min(this.#perSecond, bucket.tokens + ((now - bucket.at) / 1_000) * this.#perSecond);
    bucket.at = now;
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > maxRememberedAddresses) this.#forgetOldest();
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    this.#buckets.delete(oldest!);
  }
}
