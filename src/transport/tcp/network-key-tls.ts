import { createSecureContext, type TLSSocketOptions } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { networkKeyMessage } from '../pipe/handshake-errors.ts';
import { identityFor } from '../pipe/sign-for.ts';
import { exchangeProofs } from './proof.ts';
import { tlsClient, tlsServer } from './sockets.ts';
import { handshake, type TlsBounds, type TlsUpgrade } from './tls.ts';
import { alpn, tlsSettings } from './tls-settings.ts';

/** A pre-shared key of TLS 1.3 needs a cipher with the key's hash, which is SHA-256. */
const settings = {
  ...tlsSettings,
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
};

const exporterLabel = 'EXPORTER-peerloom-proof';
const exporterBytes = 32;

/** Runtimes whose TLS does not support external pre-shared keys. Deno lacks the exporter for the proofs, too. */
const withoutPresharedKeys = { deno: 'Deno', bun: 'Bun' } as const;

/** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE` on a runtime that cannot keep strangers out by a network key. */
export function checkPresharedKeys(versions: Readonly<Record<string, string | undefined>>): void {
  for (const [key, name] of Object.entries(withoutPresharedKeys)) {
    if (versions[key] === undefined) continue;
    const message = `networkKey needs TLS with a pre-shared key, which ${name} ${versions[key]} does not have: run this node on Node.js, or leave networkKey out of all nodes and list their ids in allow`;
    throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
  }
}

export interface NetworkKeyTlsOptions extends TlsBounds {
  readonly identity: NodeIdentity;
  readonly networkSecret: Uint8Array;
}

/**
 * TLS for networks with a key: with a pre-shared key (RFC 8446, section 2.2) in place of certificates. A stranger
 * without the key learns nothing about the node. The ids are proven inside TLS, bound to this session.
 */
export function networkKeyTls({ identity, networkSecret, ...bounds }: NetworkKeyTlsOptions): TlsUpgrade {
  const secureContext = createSecureContext(settings);
  // With a pre-shared key, OpenSSL checks versions and ciphers again.
  const shared = { ...settings, secureContext, rejectUnauthorized: false, ALPNProtocols: alpn };
  return {
    async secure(socket, { role, checkId }) {
      const secured =
        role === 'client'
          ? tlsClient(socket, {
              ...shared,
              pskCallback: () => ({ psk: networkSecret, identity: 'peerloom' }),
            })
          : tlsServer(socket, { ...shared, pskCallback: () => networkSecret } as TLSSocketOptions);
      await handshake(secured, socket, { role, ...bounds });
      // A server without the key would continue with a certificate. It belongs to another network.
      if (!secured.isSessionReused() || secured.getPeerX509Certificate() !== undefined) {
        throw new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage);
      }
      const binding = secured.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
      const remoteId = await exchangeProofs(secured, {
        identity: identityFor(secured, identity),
        role,
        binding,
      });
      checkId(remoteId);
      return { socket: secured, remoteId };
    },
  };
}
