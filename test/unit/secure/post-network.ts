import { runNow } from '../../../src/base/steps.ts';
import { type Data, Identity, type PeerloomError, type Runtime } from '../../../src/index.ts';
import { ErrandPlaces } from '../../../src/secure/errand-places.ts';
import { Hearing } from '../../../src/secure/hearing.ts';
import { encryptionKeysOf, HpkeOpener } from '../../../src/secure/hpke.ts';
import type { Mail } from '../../../src/secure/letter-content.ts';
import type { Neighbour, OutgoingLetter } from '../../../src/secure/neighbour.ts';
import { Notary } from '../../../src/secure/notary.ts';
import { PeerTurns } from '../../../src/secure/peer-turns.ts';
import { PostOffice } from '../../../src/secure/post-office.ts';
import {
  encodeSecureFrame,
  readSecureFrame,
  relayRequestOf,
  SecureFrameKind,
} from '../../../src/secure/secure-frames.ts';
import { decodePayload, encodePayload } from '../../../src/wire/payloads/payload.ts';

let now = 1_700_000_000_000;

/** Each message has another time. */
export const wallNow = (): number => ++now;

function eachTimeAnother(runtime: Runtime): Runtime {
  return {
    now: () => runtime.now(),
    wallNow,
    setTimeout: (callback, delayMs) => runtime.setTimeout(callback, delayMs),
    random: () => runtime.random(),
    randomBytes: (length) => runtime.randomBytes(length),
  };
}

/** A letter that a neighbour brings, read. */
export interface BroughtLetter {
  readonly letter: Data;
  readonly budgetMs: number;
}

/** What a neighbour is asked to pass on, and what it answers in place of a post office. */
export type Relay = (request: BroughtLetter, from: TestPost) => Data | undefined | Promise<Data | undefined>;

/** A node of which there is its post office alone. */
export class TestPost {
  readonly identity = Identity.generate();
  readonly notary: Notary;
  readonly turns: PeerTurns;
  readonly post: PostOffice;
  /** The neighbours over which the latest broadcasts of other nodes came, by the ids of these. */
  readonly vias = new Map<string, string>();
  /** What it was asked to pass on, in order. */
  readonly requests: BroughtLetter[] = [];
  /** What it did not let through. */
  readonly refused: string[] = [];
  readonly runtime: Runtime;
  /** Mail for this node. */
  readonly mail: Mail[] = [];
  /** Answers in place of the post office, where a test sets it: the node is hostile. */
  relay: Relay | undefined;
  respond: (mail: Mail) => Promise<Data> = async ({ data }) => ({ echo: data });

  constructor(runtime: Runtime, maxMessageBytes = 16 * 1024 * 1024) {
    const { identity } = this;
    this.runtime = runtime;
    const bounds = { timeWindowMs: 60_000, maxSeenMessages: 4_096 };
    this.notary = new Notary({ identity, runtime: eachTimeAnother(runtime), ...bounds });
    this.turns = new PeerTurns(runtime);
    this.post = new PostOffice({
      notary: this.notary,
      runtime,
      maxMessageBytes,
      viaOf: (id) => this.vias.get(id),
      places: new ErrandPlaces(64 * 1024 * 1024),
      opener: new HpkeOpener(encryptionKeysOf(identity)),
      respond: (mail) => {
        this.mail.push(mail);
        return this.respond(mail);
      },
    });
  }

  get id(): string {
    return this.identity.id;
  }
}

const maxContainers = 1_000_000;

/** One direction of a link: what `from` holds of `to`. */
export class TestLink {
  isSuspended = false;
  isEncrypted = true;
  /** Resolves when the link has room for something large. */
  room: () => Promise<void> = () => Promise.resolve();
  back: Promise<void> = Promise.resolve();
  readonly neighbour: Neighbour;
  /** How long this link was asked to wait for each answer. */
  readonly timeouts: number[] = [];
  /** What was answered over it to letters that came over it. */
  readonly answers: Data[] = [];
  other!: TestLink;
  /** Whether a letter that is just being brought over it is taken, by its hash. */
  readonly #brought = new Map<string, boolean>();

  constructor(from: TestPost, to: TestPost) {
    const link = this;
    const bringer = { id: to.id, source: to.id, isEncrypted: true };
    const { notary, runtime, turns } = from;
    const onRefused = (error: unknown): void => void from.refused.push((error as PeerloomError).code);
    this.neighbour = {
      hearing: new Hearing({
        ...{ ownId: from.id, bringer, notary, runtime, turns },
        ...{ onRefused, onDuplicate: () => {} },
      }),
      remote: {
        id: to.id,
        get security() {
          return { protocol: 'memory', encrypted: link.isEncrypted, authenticated: true };
        },
      },
      bringer,
      get hasLink() {
        return !link.isSuspended;
      },
      linked: () => link.back,
      roomForLarge: () => link.room(),
      drained: () => Promise.resolve(),
      refuse: onRefused,
      request: async (mail: Data) => {
        const request = from.notary.sign('ask', mail, to.id);
        return to.post.respond(
          to.notary.examine(request, link.other.neighbour.bringer),
          link.other.neighbour,
        );
      },
      relay: async ({ frame }: OutgoingLetter, timeoutMs: number) => {
        link.timeouts.push(timeoutMs);
        return link.#carry(from, to, frame);
      },
      tellTaken: (hash: string) => link.#take(hash),
      answerRelay: (hash: string, answer: Data) => {
        if (answer !== null) link.#take(hash);
        link.answers.push(answer);
        void to.post.answered({ hash, answer: overTheWire(answer) }, link.other.neighbour);
      },
    } as unknown as Neighbour;
  }

  #take(hash: string): void {
    if (this.#brought.has(hash)) this.#brought.set(hash, true);
  }

  async #carry(from: TestPost, to: TestPost, frame: Uint8Array): Promise<boolean> {
    const request = relayRequestOf(readSecureFrame(frame.slice()), maxContainers);
    const letter = runNow(request.read());
    const asked = { letter, budgetMs: request.budgetMs };
    to.requests.push(asked);
    const { relay } = to;
    const { hash } = (letter ?? {}) as { readonly hash: string };
    if (relay === undefined) {
      const brought = this.other.#brought;
      brought.set(hash, false);
      await to.post.relay(request, this.other.neighbour);
      const isTaken = brought.get(hash)!;
      brought.delete(hash);
      return isTaken;
    }
    void (async () => {
      const answer = await relay(asked, from);
      if (answer !== undefined) this.other.neighbour.answerRelay(hash, answer);
    })();
    return true;
  }
}

/** Connects two nodes. */
export function link(one: TestPost, other: TestPost): readonly [TestLink, TestLink] {
  const links = [new TestLink(one, other), new TestLink(other, one)] as const;
  [links[0].other, links[1].other] = [links[1], links[0]];
  one.post.opened(links[0].neighbour);
  other.post.opened(links[1].neighbour);
  return links;
}

/** Has a node bring a letter to a neighbour, and waits for what comes of it; `undefined`: it was not taken. */
export async function bring(
  from: TestPost,
  to: TestPost,
  letter: unknown,
  budgetMs = 5_000,
): Promise<Data | undefined> {
  const back = to.post.neighbours.get(from.id)! as unknown as {
    answerRelay: (hash: string, answer: Data) => void;
  };
  const { answerRelay } = back;
  const answered = Promise.withResolvers<Data>();
  back.answerRelay = (hash, answer) => {
    if (hash === (letter as { hash?: unknown } | null)?.hash) answered.resolve(answer);
    answerRelay(hash, answer);
  };
  const neighbour = from.post.neighbours.get(to.id)!;
  const frame = encodeSecureFrame(SecureFrameKind.relay, letter as Data, budgetMs);
  const isTaken = await neighbour.relay({ hash: '', frame }, 5_000);
  return isTaken ? answered.promise : undefined;
}

/** Nodes, each connected with the next. */
export function line(runtime: Runtime, count: number): TestPost[] {
  const posts = Array.from({ length: count }, () => new TestPost(runtime));
  for (let index = 1; index < count; index++) link(posts[index - 1]!, posts[index]!);
  return posts;
}

/** As it arrives: nothing is shared with the sender. */
function overTheWire(data: Data): Data {
  const { format, body } = encodePayload(data);
  return decodePayload(format, body.slice());
}
