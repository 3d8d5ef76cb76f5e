import { messageOf } from '../base/arguments.ts';
import { backoffDelayMs } from '../base/backoff.ts';
import type { Log } from '../base/debug.ts';
import { peerLabel } from '../base/peer-label.ts';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime } from '../base/runtime.ts';
import { LinkEnd } from '../channel/link-end.ts';
import type { Link } from '../transport/transport.ts';
import type { LinkOpener } from './link-opener.ts';
import type { Peer } from './peer.ts';
import type { SessionChannel } from './peer-session.ts';

/** How long a better link must carry the connection before the earlier link is closed, in milliseconds. */
const trialMs = 10_000;

/** In this time, a link that is silent for so many milliseconds is pinged, and given up if no answer arrives. */
const pingAfterMs = 1_000;
const deadAfterMs = 4_000;

/** Between two attempts to move, in milliseconds. */
const retry = { minDelayMs: 1_000, maxDelayMs: 60_000 };

export interface MoverOptions {
  readonly opener: Pick<LinkOpener, 'open'>;
  readonly peers: { release(peer: Peer): void };
  readonly runtime: Runtime;
  readonly log: Log;
  /** Aborted once the node stops. */
  readonly stopping: AbortSignal;
}

/**
 * Moves connections to better links: from a relay to a direct link, or to another relay before the first relay ends the
 * connection. The side that dialled looks for better links. Users see one connection, whichever link carries it.
 */
export class Mover {
  readonly #options: MoverOptions;

  constructor(options: MoverOptions) {
    this.#options = options;
  }

  /** Call it when a link that this side dialled carries the connection with a peer. */
  begin(peer: Peer, link: Link): void {
    const { channel } = peer.session;
    if (link.improve !== undefined && channel?.session.canMove) void this.#improve(peer, channel, link);
  }

  async #improve(peer: Peer, channel: SessionChannel, first: Link): Promise<void> {
    const { runtime, stopping } = this.#options;
    const { session } = channel;
    let failures = 0;
    // The present link may also be an earlier one to which the session has returned.
    for (let link: Link | undefined = first; link !== undefined && !stopping.aborted; link = session.link) {
      const better = await this.#betterThan(link);
      if (better !== undefined && (await this.#move(peer, channel, better))) {
        void this.#watch(channel, better).then((isKept) => {
          if (isKept) failures = 0;
        });
        continue;
      }
      if (session.link === undefined) return;
      failures += 1;
      await this.#delay(backoffDelayMs(failures, retry, () => runtime.random('moves')));
    }
  }

  async #betterThan({ improve, closed }: Link): Promise<Link | undefined> {
    if (improve === undefined) {
      await closed;
      return undefined;
    }
    const { stopping, log } = this.#options;
    const ended = new AbortController();
    const { signal } = ended;
    const onStop = (): void => ended.abort(stopping.reason);
    stopping.addEventListener('abort', onStop);
    if (stopping.aborted) onStop();
    void closed.then(() => ended.abort(new Error('the link has ended')));
    try {
      return await improve(signal);
    } catch (error) {
      if (!signal.aborted) log(`looking for a better way failed: ${messageOf(error)}`);
      return undefined;
    } finally {
      removeAbortListener(stopping, onStop);
    }
  }

  async #move(peer: Peer, channel: SessionChannel, better: Link): Promise<boolean> {
    const { opener, peers, log } = this.#options;
    peer.handshakes += 1;
    try {
      await opener.open(peer, new LinkEnd(better), { direction: 'outbound', isMove: true });
      log(`the connection with ${peerLabel(channel.remote)} moved: ${better.path?.kind ?? 'direct'}`);
      return true;
    } catch (error) {
      better.destroy();
      log(`the connection with ${peerLabel(channel.remote)} could not move: ${messageOf(error)}`);
      return false;
    } finally {
      peer.handshakes -= 1;
      peers.release(peer);
    }
  }

  /**
   * Ends the earlier link once the better link has proven itself. Returns to the earlier link if it does not.
   *
   * @returns whether the better link has proven itself.
   */
  async #watch(channel: SessionChannel, better: Link): Promise<boolean> {
    const { runtime } = this.#options;
    const { session } = channel;
    const endsAt = runtime.now() + trialMs;
    const isOnTrial = (): boolean => session.isMoving && session.link === better && channel.isOpen;
    while (isOnTrial()) {
      await this.#delay(pingAfterMs);
      if (!isOnTrial()) break;
      const silentMs = channel.checkSilence(runtime.now(), pingAfterMs);
      if (silentMs > deadAfterMs) session.suspend(new Error('the other side was silent on the better link'));
      else if (runtime.now() >= endsAt && silentMs < 2 * pingAfterMs) session.endMove();
    }
    return session.link === better;
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const { runtime, stopping } = this.#options;
      if (stopping.aborted) return resolve();
      const timer = runtime.setTimeout(done, delayMs, 'watching');
      function done(): void {
        timer.cancel();
        removeAbortListener(stopping, done);
        resolve();
      }
      stopping.addEventListener('abort', done);
    });
  }
}
