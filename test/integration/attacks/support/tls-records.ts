import { createCipheriv, createHmac } from 'node:crypto';

const applicationData = 23;
const handshakeType = 22;

/** The cipher suite of these records: both sides must be told to take it. */
export const recordCiphers = 'TLS_AES_128_GCM_SHA256';

/**
 * The sending half of TLS 1.3, by hand (RFC 8446, sections 5.2, 5.3, 7.2 and 7.3): what goes into one record, and when
 * the keys change, is up to the caller.
 */
export class TlsRecords {
  #secret: Buffer;
  #key!: Buffer;
  #iv!: Buffer;
  #count!: number;

  /** @param secret the sender's first traffic secret. */
  constructor(secret: Uint8Array) {
    this.#secret = Buffer.from(secret);
    this.#setKeys();
  }

  /** From a line of the event `'keylog'`; `undefined` when it is about another secret. */
  static from(
    line: Buffer,
    label: 'CLIENT_TRAFFIC_SECRET_0' | 'SERVER_TRAFFIC_SECRET_0',
  ): TlsRecords | undefined {
    const [name, , secret] = line.toString('latin1').trim().split(' ');
    return name === label ? new TlsRecords(Buffer.from(secret!, 'hex')) : undefined;
  }

  /** Data in one record. */
  data(bytes: Uint8Array): Buffer {
    return this.#record(applicationData, bytes);
  }

  /** The keys change with it. */
  keyUpdate(): Buffer {
    const record = this.#record(handshakeType, Uint8Array.of(24, 0, 0, 1, 0));
    this.#secret = expand(this.#secret, 'traffic upd', 32);
    this.#setKeys();
    return record;
  }

  /** A session ticket of one byte, for a day. */
  sessionTicket(): Buffer {
    const body = Buffer.from([0, 1, 0x51, 0x80, 0, 0, 0, 0, 1, 0, 0, 1, 0xff, 0, 0]);
    return this.#record(handshakeType, Buffer.concat([Uint8Array.of(4, 0, 0, body.length), body]));
  }

  #setKeys(): void {
    this.#key = expand(this.#secret, 'key', 16);
    this.#iv = expand(this.#secret, 'iv', 12);
    this.#count = 0;
  }

  #record(type: number, content: Uint8Array): Buffer {
    const header = Buffer.from([applicationData, 3, 3, 0, 0]);
    header.writeUInt16BE(content.length + 1 + 16, 3);
    const nonce = Buffer.from(this.#iv);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ this.#count++) >>> 0, 8);
    const cipher = createCipheriv('aes-128-gcm', this.#key, nonce).setAAD(header);
    const body = cipher.update(Buffer.concat([content, Uint8Array.of(type)]));
    return Buffer.concat([header, body, cipher.final(), cipher.getAuthTag()]);
  }
}

/** HKDF-Expand-Label with an empty context and SHA-256 (RFC 8446, section 7.1), for up to 32 bytes. */
function expand(secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Uint8Array.of(0, length, name.length), name, Uint8Array.of(0, 1)]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}
