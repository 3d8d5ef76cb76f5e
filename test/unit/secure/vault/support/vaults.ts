import type { Runtime } from '../../../../../src/base/runtime.ts';
import { systemRuntime } from '../../../../../src/base/runtime.ts';
import { type Data, Identity, PeerloomError } from '../../../../../src/index.ts';
import { dataFromBytes, dataToBytes } from '../../../../../src/secure/data-bytes.ts';
import { encryptionKeysOf, HpkeOpener } from '../../../../../src/secure/hpke.ts';
import { Vault } from '../../../../../src/secure/vault/vault.ts';
import { VaultEngine } from '../../../../../src/secure/vault/vault-engine.ts';
import type { VaultOptions } from '../../../../../src/secure/vault/vault-options.ts';

/** A question to a vault. */
export interface Question {
  readonly to: string;
  readonly from: string;
  readonly topic: string;
  readonly data: Readonly<Record<string, Data>>;
}

/** Answers a question in the place of a node; `honest` asks the node. */
export type Answer = (question: Question, honest: () => Promise<Data>) => Promise<Data> | Data;

export interface Member {
  readonly id: string;
  readonly identity: Identity;
  readonly engine: VaultEngine;
  readonly vault: Vault;
}

export interface MemberOptions extends VaultOptions {
  readonly identity?: Identity;
  readonly runtime?: Runtime;
  readonly maxMessageBytes?: number;
}

/** Vaults that reach each other without nodes, so that a test sees and answers each question. */
export class Vaults {
  /** All that was asked, in its order. */
  readonly asked: Question[] = [];
  readonly #members = new Map<string, Member>();
  readonly #answers = new Map<string, Answer>();
  readonly #away = new Set<string>();

  start({ identity = Identity.generate(), runtime = systemRuntime, ...options }: MemberOptions = {}): Member {
    const { id } = identity;
    const engine = new VaultEngine({
      maxMessageBytes: 16 * 1024 * 1024,
      ...options,
      identity,
      opener: new HpkeOpener(encryptionKeysOf(identity)),
      runtime,
      network: {
        ask: (to, topic, data) => this.#ask({ to, from: id, topic, data: data as Question['data'] }),
        openStream: async () => undefined,
        neighbours: () => [...this.#members.keys()].filter((one) => one !== id && !this.#away.has(one)),
      },
    });
    const member = { id, identity, engine, vault: new Vault(engine) };
    this.#members.set(id, member);
    return member;
  }

  /** From now on a node answers otherwise; `undefined`: as it is. */
  answer({ id }: Pick<Member, 'id'>, answer: Answer | undefined): void {
    if (answer === undefined) this.#answers.delete(id);
    else this.#answers.set(id, answer);
  }

  /** A node cannot be reached any more. */
  leave({ id }: Member): void {
    this.#away.add(id);
  }

  comeBack({ id }: Member): void {
    this.#away.delete(id);
  }

  /** The topics that a node was asked about, since the last look. */
  askedOf({ id }: Pick<Member, 'id'>): string[] {
    return this.asked.filter(({ to }) => to === id).map(({ topic }) => topic);
  }

  async #ask(question: Question): Promise<Data> {
    this.asked.push(question);
    const { to, from, topic, data } = question;
    const member = this.#members.get(to);
    if (this.#away.has(to) || this.#away.has(from) || member === undefined) {
      throw new PeerloomError('ERR_NO_ROUTE', `nobody reaches ${to}`);
    }
    const honest = async () => travelled(await member.engine.respond(topic, travelled(data), from));
    const answer = this.#answers.get(to);
    return answer === undefined ? honest() : travelled(await answer(question, honest));
  }
}

/** As it comes out at the other end. */
export function travelled(data: Data): Data {
  return dataFromBytes(dataToBytes(data));
}
