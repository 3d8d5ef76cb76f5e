import {
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { Identity } from '../../dist/index.js';
import { createCertificate } from '../../dist/transport/tcp/certificate.js';
import type { Endpoint, Link, Plan, System } from '../system.ts';
import { bareLink } from './bare-link.ts';
import { listenOnLoopback } from './listening.ts';

/** Bare mutual TLS 1.3 with self-signed certificates: the same security, and nothing else. */
export function createSystem(): System {
  return { carries: 'bytes', createEndpoint: async (plan) => new TlsEndpoint(plan, Identity.generate()) };
}

class TlsEndpoint implements Endpoint {
  readonly #plan: Plan;
  readonly #certificate: { readonly key: string; readonly cert: string };
  readonly #secureContext: SecureContext;
  readonly #links = new Set<Link>();
  #server: Server | undefined;

  constructor(plan: Plan, identity: Identity) {
    this.#plan = plan;
    const { cert, key } = createCertificate(identity);
    this.#certificate = { cert, key };
    this.#secureContext = createSecureContext({ ...this.#certificate, minVersion: 'TLSv1.3' });
  }

  async listen(): Promise<string> {
    this.#server = createServer(
      {
        ...this.#certificate,
        minVersion: 'TLSv1.3',
        requestCert: true,
        rejectUnauthorized: false,
        noDelay: true,
      },
      (socket) => {
        this.#adopt(socket);
        this.#plan.onAccepted?.();
      },
    );
    this.#server.on('tlsClientError', () => {});
    return String(await listenOnLoopback(this.#server));
  }

  dial(address: string): Promise<Link> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        {
          host: '127.0.0.1',
          port: Number(address),
          secureContext: this.#secureContext,
          rejectUnauthorized: false,
        },
        () => resolve(this.#adopt(socket)),
      );
      socket.setNoDelay(true);
      socket.once('error', reject);
    });
  }

  async stop(): Promise<void> {
    this.#server?.close();
    await Promise.all([...this.#links].map((link) => link.stop()));
  }

  #adopt(socket: TLSSocket): Link {
    // Who it is: the key of the certificate, which TLS made the other side prove that it holds.
    socket.getPeerX509Certificate()?.publicKey.export({ format: 'jwk' });
    const link = bareLink(socket, this.#plan);
    this.#links.add(link);
    socket.once('close', () => this.#links.delete(link));
    return link;
  }
}
