import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import { Identity } from '../../../../src/identity.ts';
import { createCertificate, publicKeyOfCertificate } from '../../../../src/transport/tcp/certificate.ts';

describe('createCertificate', () => {
  const identity = Identity.generate();
  const { cert, key } = createCertificate(identity);
  const certificate = new X509Certificate(cert);

  test('holds the key of the identity, signed by it', () => {
    assert.deepEqual(publicKeyOfCertificate(certificate), identity.publicKey);
    assert.equal(certificate.verify(certificate.publicKey), true);
    assert.equal(certificate.checkIssued(certificate), true);
  });

  test('is version 3, signed with Ed25519, and tells nothing else of the node', () => {
    const { subject, issuer, validFrom, validTo, subjectAltName, infoAccess } = certificate;
    assert.deepEqual(
      { subject, issuer, validFrom, validTo, subjectAltName, infoAccess },
      {
        subject: 'CN=peerloom',
        issuer: 'CN=peerloom',
        validFrom: 'Jan  1 00:00:00 1970 GMT',
        validTo: 'Dec 31 23:59:59 9999 GMT',
        subjectAltName: undefined,
        infoAccess: undefined,
      },
    );
    assert.equal(certificate.raw.subarray(6, 11).toString('hex'), 'a003020102', 'version 3');
  });

  test('has a serial number that is positive, 16 bytes long, and another one each time', () => {
    const serialNumbers = Array.from({ length: 50 }, () => {
      const { serialNumber } = new X509Certificate(createCertificate(identity).cert);
      assert.match(serialNumber, /^[4-7][0-9A-F]{31}$/);
      return serialNumber;
    });
    assert.equal(new Set(serialNumbers).size, serialNumbers.length);
  });

  test('both sides of a TLS 1.3 connection learn the key of the other', async (t) => {
    const other = Identity.generate();
    const server = tls.createServer({
      cert,
      key,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const accepted = once(server, 'secureConnection') as Promise<[tls.TLSSocket]>;
    const { port } = server.address() as AddressInfo;
    const client = tls.connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...createCertificate(other),
    });
    t.after(() => client.destroy());
    await once(client, 'secureConnect');
    const [inbound] = await accepted;
    t.after(() => inbound.destroy());
    assert.deepEqual(publicKeyOfCertificate(client.getPeerX509Certificate()!), identity.publicKey);
    assert.deepEqual(publicKeyOfCertificate(inbound.getPeerX509Certificate()!), other.publicKey);
  });
});

describe('publicKeyOfCertificate', () => {
  /** The certificate of an identity whose key claims another algorithm: the last byte of 1.3.101.x. */
  const withAlgorithm = (lastByte: number) => {
    const { raw } = new X509Certificate(createCertificate(Identity.generate()).cert);
    const subjectPublicKeyInfo = raw.lastIndexOf(Buffer.from('302a300506032b6570', 'hex'));
    raw[subjectPublicKeyInfo + 8] = lastByte;
    return new X509Certificate(raw);
  };

  test('refuses a key of another kind', () => {
    assert.throws(() => publicKeyOfCertificate(withAlgorithm(0x6e)), {
      name: 'PeerloomError',
      code: 'ERR_HANDSHAKE',
      message: 'the certificate of the other side holds a key of kind x25519, not Ed25519',
    });
  });

  test('refuses a key that cannot be read', () => {
    assert.throws(() => publicKeyOfCertificate(withAlgorithm(0x7f)), {
      name: 'PeerloomError',
      code: 'ERR_HANDSHAKE',
      message: 'the certificate of the other side holds no known key',
    });
  });
});
