import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createPrivateKey } from 'node:crypto';
import { describe, mock, test } from 'node:test';
import { inspect } from 'node:util';
import {
  Identity,
  idFromPublicKey,
  isPeerId,
  publicKeyFromId,
  verifySignature,
} from '../../../src/identity/identity.ts';

const bytes = (hexadecimal: string) => Uint8Array.from(Buffer.from(hexadecimal, 'hex'));

/** RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc). */
const vectors = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
];

/** The Ed25519 key of the test vectors in libp2p's specification "Peer Ids and Keys", and its PeerId. */
const libp2pVector = {
  seed: '7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d',
  publicKey: '1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e',
  id: '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq',
};

/** What signs: Node.js, or JavaScript where there is none. Both must agree to the bit. */
const runtimes = {
  'in Node.js': (run: () => void) => run(),
  'in a browser': (run: () => void) => {
    const hidden = mock.method(process, 'getBuiltinModule', () => undefined);
    try {
      run();
    } finally {
      hidden.mock.restore();
    }
  },
};

for (const [runtime, within] of Object.entries(runtimes)) {
  describe(`signatures ${runtime}`, () => {
    for (const vector of vectors) {
      test(`RFC 8032, message of ${vector.message.length / 2} bytes`, () => {
        within(() => {
          const identity = Identity.fromSeed(bytes(vector.seed));
          const message = bytes(vector.message);
          assert.deepEqual(identity.publicKey, bytes(vector.publicKey));
          assert.deepEqual(identity.sign(message), bytes(vector.signature));
          assert.equal(verifySignature(identity.publicKey, message, bytes(vector.signature)), true);
        });
      });
    }

    test('any changed byte of signature, message or key makes it invalid', () => {
      within(() => {
        const identity = Identity.generate();
        const message = bytes('010203');
        const signature = identity.sign(message);
        assert.equal(verifySignature(identity.publicKey, message, signature), true);
        for (const at of [0, 31, 32, 63]) {
          assert.equal(verifySignature(identity.publicKey, message, flipped(signature, at)), false);
        }
        assert.equal(verifySignature(identity.publicKey, flipped(message, 1), signature), false);
        assert.equal(verifySignature(flipped(identity.publicKey, 0), message, signature), false);
        assert.equal(verifySignature(Identity.generate().publicKey, message, signature), false);
      });
    });

    test('a key or a signature that cannot be one is invalid, not an error', () => {
      within(() => {
        const { publicKey } = Identity.generate();
        for (const [key, signature] of [
          [publicKey, new Uint8Array(0)],
          [publicKey, new Uint8Array(65)],
          [new Uint8Array(31), new Uint8Array(64)],
          [new Uint8Array(32).fill(0xff), new Uint8Array(64)],
        ] as const) {
          assert.equal(verifySignature(key, new Uint8Array(1), signature), false);
        }
      });
    });

    test('a key of small order, for which anybody can sign, is refused', () => {
      within(() => {
        const neutral = bytes('01'.padEnd(64, '0'));
        const forged = bytes('01'.padEnd(128, '0'));
        assert.equal(verifySignature(neutral, new Uint8Array(1), forged), false);
      });
    });

    test('the second writing of a signature, its scalar plus the order of the group, is refused', () => {
      within(() => {
        const { publicKey, message, signature } = vectors[1]!;
        const order = 2n ** 252n + 27742317777372353535851937790883648493n;
        const twin = bytes(signature);
        let scalar = order + BigInt(`0x${Buffer.from(twin.subarray(32)).reverse().toString('hex')}`);
        for (let at = 32; at < 64; at++, scalar >>= 8n) twin[at] = Number(scalar & 0xffn);
        assert.equal(verifySignature(bytes(publicKey), bytes(message), twin), false);
      });
    });
  });
}

describe('Identity', () => {
  test('each generated identity is another one', () => {
    assert.notEqual(Identity.generate().id, Identity.generate().id);
  });

  test('a later change to the seed that was given changes nothing', () => {
    const seed = bytes(libp2pVector.seed);
    const identity = Identity.fromSeed(seed);
    const before = identity.toPkcs8();
    seed.fill(0);
    assert.deepEqual(identity.toPkcs8(), before);
  });

  test('a seed of another length than 32 bytes is a RangeError that names it', () => {
    for (const length of [0, 31, 33, 64]) {
      assert.throws(() => Identity.fromSeed(new Uint8Array(length)), {
        name: 'RangeError',
        message: `seed must be 32 bytes long, not ${length}`,
      });
    }
  });

  test('what only looks like an identity is not one', () => {
    const identity = Identity.generate();
    assert.equal(Identity.isGenuine(identity), true);
    const { prototype } = Identity;
    const others = [
      null,
      undefined,
      'id',
      7,
      {},
      { ...identity },
      new Proxy(identity, {}),
      Object.create(prototype),
    ];
    for (const other of others) assert.equal(Identity.isGenuine(other), false);
  });

  test('PKCS#8 is read by Node.js as the same key', () => {
    const identity = Identity.fromSeed(bytes(libp2pVector.seed));
    const key = createPrivateKey({ key: Buffer.from(identity.toPkcs8()), format: 'der', type: 'pkcs8' });
    assert.equal(key.asymmetricKeyType, 'ed25519');
    assert.deepEqual(key.export({ format: 'jwk' }), {
      kty: 'OKP',
      crv: 'Ed25519',
      d: Buffer.from(libp2pVector.seed, 'hex').toString('base64url'),
      x: Buffer.from(libp2pVector.publicKey, 'hex').toString('base64url'),
    });
  });

  test('nothing that prints or copies an identity shows the secret', () => {
    const seed = Buffer.from(libp2pVector.seed, 'hex');
    const identity = Identity.fromSeed(seed);
    const spellings = [seed.join(), seed.toString('hex'), seed.toString('base64'), seed.toString('latin1')];
    const shown = {
      inspect: inspect(identity, { showHidden: true, depth: Infinity, maxArrayLength: null }),
      stringify: JSON.stringify(identity),
      copy: JSON.stringify(structuredClone(identity)),
      spread: inspect({ ...identity }, { showHidden: true, depth: Infinity, maxArrayLength: null }),
      string: String(identity),
    };
    for (const [way, text] of Object.entries(shown)) {
      const compact = text.replaceAll(/\s|"\d+":/g, '');
      for (const spelling of spellings) assert.equal(compact.includes(spelling), false, way);
    }
    assert.ok(shown.inspect.includes(libp2pVector.id), 'the id is shown');
  });
});

describe('PeerId', () => {
  test("libp2p's vector", () => {
    const identity = Identity.fromSeed(bytes(libp2pVector.seed));
    assert.deepEqual(identity.publicKey, bytes(libp2pVector.publicKey));
    assert.equal(identity.id, libp2pVector.id);
    assert.equal(idFromPublicKey(bytes(libp2pVector.publicKey)), libp2pVector.id);
    assert.deepEqual(publicKeyFromId(libp2pVector.id), bytes(libp2pVector.publicKey));
  });

  test('every key has one, and it gives the key back', () => {
    for (const publicKey of [bytes(vectors[0]!.publicKey), Identity.generate().publicKey]) {
      const id = idFromPublicKey(publicKey);
      assert.equal(isPeerId(id), true, id);
      assert.deepEqual(publicKeyFromId(id), publicKey);
    }
  });

  test('a key of another length is a RangeError', () => {
    assert.throws(() => idFromPublicKey(new Uint8Array(33)), {
      name: 'RangeError',
      message: 'publicKey must be 32 bytes long, not 33',
    });
  });

  const { id } = libp2pVector;
  const others = {
    'empty text': '',
    'too short': id.slice(0, -1),
    'too long': `${id}1`,
    'with a space': `${id} `,
    'with a line end': `${id}\n`,
    'a character that base58 lacks': `${id.slice(0, -1)}0`,
    'the highest number of that length': `12D3KooW${'z'.repeat(44)}`,
    'the lowest number of that length': `12D3KooW${'1'.repeat(44)}`,
    'an RSA key': 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    'the multihash in hexadecimal': `002408011220${libp2pVector.publicKey}`,
  };
  for (const [what, text] of Object.entries(others)) {
    test(`is none: ${what}`, () => {
      assert.equal(isPeerId(text), false);
      assert.throws(() => publicKeyFromId(text), { name: 'TypeError', message: /id must be the PeerId/ });
    });
  }
});

function flipped(original: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(original);
  copy[at]! ^= 1;
  return copy;
}
