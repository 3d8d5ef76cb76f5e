import { constants } from 'node:crypto';

/** The settings of all TLS connections. */
export const tlsSettings = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384',
  /** TLS sessions are not resumed. Without tickets, dialling and accepting are a quarter faster. */
  secureOptions: constants.SSL_OP_NO_TICKET,
  /** No certificate authority is trusted, so none is loaded. */
  ca: [] as string[],
} as const;

export const alpn = ['peerloom'];
