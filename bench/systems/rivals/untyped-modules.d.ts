declare module '@hyperswarm/secret-stream' {
  import type { Socket } from 'node:net';
  import type { Duplex } from 'node:stream';

  export default class NoiseSecretStream extends Duplex {
    constructor(
      isInitiator: boolean,
      rawStream: Socket,
      options?: { keyPair?: { publicKey: Buffer; secretKey: Buffer } },
    );
    static keyPair(): { publicKey: Buffer; secretKey: Buffer };
    readonly opened: Promise<boolean>;
  }
}
