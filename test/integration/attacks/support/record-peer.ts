import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { Identity } from '../../../../src/identity/identity.ts';
import { proofFor, RawPeer, rawSocket } from './raw-peer.ts';
import { recordCiphers, TlsRecords } from './tls-records.ts';

/** A peer that makes its records of TLS by hand once the handshake of TLS is over. */
export interface RecordPeer {
  readonly peer: RawPeer;
  readonly records: TlsRecords;
  /** Takes records. */
  readonly carrier: Socket;
  /** Proves its id. */
  readonly prove: () => void;
}

/** Speaks TLS, and proves nothing yet. */
export async function openRecords(port: number, identity = Identity.generate()): Promise<RecordPeer> {
  const carrier = rawSocket(port);
  const secured = connectTls({
    socket: asDuplex(carrier),
    rejectUnauthorized: false,
    ALPNProtocols: ['peerloom'],
    ciphers: recordCiphers,
  });
  let records: TlsRecords | undefined;
  secured
    .on('error', () => {})
    .on('keylog', (line) => {
      records ??= TlsRecords.from(line, 'CLIENT_TRAFFIC_SECRET_0');
    });
  await once(secured, 'secureConnect');
  const spoken = new Duplex({
    read() {},
    write: (bytes, _encoding, done) => void carrier.write(records!.data(bytes), () => done()),
  });
  secured.on('data', (bytes) => spoken.push(bytes));
  carrier.once('close', () => spoken.destroy());
  const peer = new RawPeer(spoken as unknown as Socket, identity.id, carrier);
  const prove = (): void => peer.write(proofFor(secured.getPeerX509Certificate()!.raw, identity));
  return { peer, records: records!, carrier, prove };
}

/** Goes through the whole handshake. */
export async function connectRecords(port: number): Promise<RecordPeer> {
  const opened = await openRecords(port);
  opened.prove();
  await opened.peer.greet();
  return opened;
}

/** The first record that a dialler sends. */
export async function clientHello(protocols: string[]): Promise<Buffer> {
  const first = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read() {},
    write: (bytes, _encoding, done) => {
      first.resolve(bytes);
      done();
    },
  });
  const secured = connectTls({ socket: wire, ALPNProtocols: protocols }).on('error', () => {});
  const hello = await first.promise;
  secured.destroy();
  return hello;
}

/** TLS works on it as on a connection, while the socket itself can be written to as well. */
export function asDuplex(socket: Socket): Duplex {
  const duplex = new Duplex({
    read() {},
    write: (bytes, _encoding, done) => void socket.write(bytes, () => done()),
  });
  socket.on('data', (bytes) => duplex.push(bytes));
  socket.once('close', () => duplex.destroy());
  return duplex;
}
