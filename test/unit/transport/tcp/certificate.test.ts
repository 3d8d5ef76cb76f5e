import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { suite, test } from 'node:test';
import { Identity, idFromPublicKey } from '../../../../src/identity/identity.ts';
import { certifiedBy, createCertificate } from '../../../../src/transport/tcp/certificate.ts';
import { DerReader, der } from '../../../../src/transport/tcp/der.ts';
import { withCode } from '../../../support/errors.ts';

/** The test vectors of the libp2p specifications, "libp2p TLS Handshake". */
const libp2p = {
  ed25519:
    '308201ae30820156a0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c69627032702e696f310a300806035504051301313020170d3735303130313133303030305a180f34303936303130313133303030305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd601331c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea37c307a3078060a2b0601040183a25a0101046a3068042408011220a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b879ed364501809923d7c11b90440d90d2769db992d5e6195dbb08e706b6651e024fda6cfb8846694a435519941cac215a8207792e42849cccc6cd8136c6e4bde92a58c5e08cfd4206eb5fe0bf909300a06082a8648ce3d0403020346003043021f50f6b6c52711a881778718238f650c9fb48943ae6ee6d28427dc6071ae55e702203625f116a7a454db9c56986c82a25682f7248ea1cb764d322ea983ed36a31b77',
  ecdsa:
    '308201f63082019da0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c69627032702e696f310a300806035504051301313020170d3735303130313133303030305a180f34303936303130313133303030305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd601331c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea381c23081bf3081bc060a2b0601040183a25a01010481ad3081aa045f0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004bf30511f909414ebdd3242178fd290f093a551cf75c973155de0bb5a96fedf6cb5d52da7563e794b512f66e60c7f55ba8a3acf3dd72a801980d205e8a1ad29f2044730450220064ea8124774caf8f50e57f436aa62350ce652418c019df5d98a3ac666c9386a022100aa59d704a931b5f72fb9222cb6cc51f954d04a4e2e5450f8805fe8918f71eaae300a06082a8648ce3d04030203470030440220799395b0b6c1e940a7e4484705f610ab51ed376f19ff9d7c16757cfbf61b8d4302206205c03fbb0f95205c779be86581d3e31c01871ad5d1f3435bcf375cb0e5088a',
};

suite('certificates', () => {
  const identity = Identity.generate();
  const { cert, der: bytes } = createCertificate(identity);
  const certificate = new X509Certificate(cert);

  test('hold a P-256 key of their own, which the identity has signed, and are signed by that key', () => {
    assert.deepEqual(certifiedBy(bytes), identity.publicKey);
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.equal(certificate.verify(certificate.publicKey), true);
    assert.equal(certificate.checkIssued(certificate), true);
    assert.deepEqual(certificate.raw, Buffer.from(bytes));
  });

  test('are version 3, and tell nothing else of the node', () => {
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
    const version = new DerReader(bytes).enter(0x30).enter(0x30).readWhole(0xa0);
    assert.equal(Buffer.from(version).toString('hex'), 'a003020102');
    assert.ok(bytes.length < 450, `${bytes.length} bytes`);
  });

  test('have a serial number that is positive, 16 bytes long, and another one each time, as has their key', () => {
    const made = Array.from({ length: 20 }, () => new X509Certificate(createCertificate(identity).cert));
    for (const { serialNumber } of made) assert.match(serialNumber, /^[4-7][0-9A-F]{31}$/);
    assert.equal(new Set(made.map(({ serialNumber }) => serialNumber)).size, made.length);
    assert.equal(
      new Set(made.map(({ publicKey }) => publicKey.export({ format: 'jwk' }).x)).size,
      made.length,
    );
  });

  test('of libp2p are read, where their key is Ed25519', () => {
    const publicKey = certifiedBy(Buffer.from(libp2p.ed25519, 'hex'));
    assert.equal(idFromPublicKey(publicKey), '12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv');
    assert.throws(
      () => certifiedBy(Buffer.from(libp2p.ecdsa, 'hex')),
      withCode('ERR_HANDSHAKE', /a key that is not Ed25519/),
    );
  });

  test('that are cut, or have a byte changed, are refused or name the same node', () => {
    const original = Buffer.from(bytes);
    for (let at = 0; at < original.length; at++) {
      assert.throws(() => certifiedBy(original.subarray(0, at)), withCode('ERR_HANDSHAKE'));
      const changed = Buffer.from(original);
      changed[at]! ^= 0x55;
      try {
        assert.deepEqual(certifiedBy(changed), identity.publicKey, `byte ${at}`);
      } catch (error) {
        withCode('ERR_HANDSHAKE')(error as Error);
      }
    }
  });
});

suite('DER', () => {
  test('what is written is read, whatever its length', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535]) {
      const content = new Uint8Array(length).fill(7);
      const reader = new DerReader(der(0x04, content.subarray(0, 5), content.subarray(5)));
      assert.equal(reader.nextTag, 0x04);
      assert.deepEqual(Uint8Array.from(reader.read(0x04)), content);
      assert.equal(reader.isAtEnd, true);
      assert.equal(reader.nextTag, undefined);
    }
  });

  for (const [what, hexadecimal] of Object.entries({
    nothing: '',
    'no length': '04',
    'another tag': '0500',
    'a length without an end (BER)': '04800000',
    'a length that is longer than it need be': '048101aa',
    'another one': '04820001aa',
    'a length of three bytes': '0483010000',
    'a length beyond the end': '0402aa',
    'a length that breaks off': '0482ff',
  })) {
    test(`${what} is refused`, () => {
      const reader = new DerReader(Buffer.from(hexadecimal, 'hex'));
      assert.throws(() => reader.read(0x04), withCode('ERR_HANDSHAKE'));
    });
  }
});
