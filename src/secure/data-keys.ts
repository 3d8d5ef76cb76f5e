import { base64urlnopad } from '@scure/base';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { runPaced } from '../base/steps.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { dataFromBytesSteps, dataToBytes } from './data-bytes.ts';
import { hashOf, signHash, verifyHash } from './digest.ts';
import { encryptionKeyOf, type HpkeOpener, hpkeSeal } from './hpke.ts';
import { turnPace } from './vault/turn.ts';

/**
 * Signatures and ciphertexts of the user's data have a purpose of their own, so that they cannot be confused with those
 * of messages or vault items.
 */
const purpose = 'peerloom-data-1';
const context = { info: purpose };

export interface DataKeysOptions {
  readonly signer: NodeIdentity;
  /** `undefined` if the node cannot decrypt. */
  readonly opener: HpkeOpener | undefined;
  readonly runtime: Runtime;
}

/** Signs, verifies, encrypts and decrypts data that is not a message. */
export class DataKeys {
  readonly #options: DataKeysOptions;

  constructor(options: DataKeysOptions) {
    this.#options = options;
  }

  /** @see SecureNode.sign */
  async sign(data: Data): Promise<string> {
    return base64urlnopad.encode(await signHash(this.#options.signer, purpose, hashOf(data)));
  }

  /** @see SecureNode.verify */
  verify(id: string, data: Data, signature: string): boolean {
    if (!/^[\w-]{86}$/.test(signature)) return false;
    return verifyHash(id, purpose, hashOf(data), base64urlnopad.decode(signature));
  }

  /** @see SecureNode.encrypt */
  async encrypt(id: string, data: Data): Promise<Uint8Array> {
    const { runtime } = this.#options;
    return hpkeSeal(encryptionKeyOf(id), dataToBytes(data), { ...context, runtime });
  }

  /** @see SecureNode.decrypt */
  async decrypt(encrypted: Uint8Array): Promise<Data> {
    const { opener, runtime } = this.#options;
    if (opener === undefined) throw onlySigns('decrypt data');
    return runPaced(dataFromBytesSteps(await opener.open(encrypted, context)), turnPace(runtime));
  }
}

/** The error of an operation that a node cannot do because its identity is a `Signer`. */
export function onlySigns(what: string): PeerloomError {
  return new PeerloomError(
    'ERR_NOT_SUPPORTED',
    `a node whose identity is a Signer cannot ${what}: give the node an Identity, or do without`,
  );
}
