import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { type Data, Identity } from '../../../src/index.ts';
import { sign } from '../../../src/secure/envelope.ts';
import { encodeSecureFrame, SecureFrameKind } from '../../../src/secure/secure-frames.ts';
import { HandMadeOwner } from '../secure/support/hand-made-owner.ts';
import { attackScene, type Scene } from './support/scene.ts';
import { SigningPeer } from './support/signing-peer.ts';

const invalid = { error: 'ERR_VAULT_INVALID' };

/** Peers that ask a SecureNode what nodes ask each other about vaults; each suite has a victim of its own. */
function vaultScene() {
  const attackers: SigningPeer[] = [];
  // Before the scene looks at what is left.
  afterEach(() => Promise.all(attackers.splice(0).map((attacker) => attacker.stop())));
  const scene = attackScene({ secure: true });
  const enter = async <Peer extends SigningPeer>(peer: Peer): Promise<Peer> => {
    attackers.push(peer);
    await peer.attack(scene.port);
    return peer;
  };
  return { scene, enter };
}

/** An owner for whom the victim keeps a collection. */
async function keptFor(scene: Scene, enter: (peer: SigningPeer) => Promise<SigningPeer>) {
  const owner = new HandMadeOwner(scene.victimId);
  const peer = await enter(new SigningPeer(owner.identity));
  assert.deepEqual(await peer.ask('vault-store', owner.delivery()), { sequence: 1, version: 0 });
  return { owner, peer };
}

/** Does something so many times, a few at once. */
async function repeat(times: number, work: (index: number) => Promise<void>, atOnce = 8): Promise<void> {
  let next = 0;
  const some = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, some));
}

suite('a SecureNode that is asked for collections that nobody has', () => {
  const { enter } = vaultScene();

  test('keeps no names, neither long ones nor very many', async () => {
    const peer = await enter(new SigningPeer());
    const fetch = (collection: string): Promise<Data> =>
      peer.ask('vault-fetch', { owner: peer.id, collection, after: 0 });
    await repeat(12, async (index) => {
      assert.deepEqual(await fetch(`${index}`.padEnd(2 ** 20)), invalid);
    });
    await repeat(300, async (index) => {
      assert.deepEqual(await fetch(`${index}`.padEnd(256)), { error: 'ERR_NOT_FOUND' });
    });
  });
});

suite('a SecureNode that keeps a replica', () => {
  const { scene, enter } = vaultScene();

  test('keeps no long names of items or blobs, and counts many short ones', async () => {
    const { owner, peer } = await keptFor(scene, enter);
    const { id, collection } = owner;
    const items = Array.from({ length: 10 }, (_, index) =>
      owner.items(owner.item(index + 1, { item: `${index}`.padEnd(2 ** 20) })),
    );
    await repeat(items.length, async (index) => {
      assert.deepEqual(await peer.ask('vault-store', items[index]!), invalid);
    });
    const chunk = { owner: id, collection, item: 'i', number: 0, body: new Uint8Array(0) };
    await repeat(10, async (index) => {
      assert.deepEqual(
        await peer.ask('vault-store-chunk', { ...chunk, blob: `${index}`.padEnd(2 ** 20, 'b') }),
        invalid,
      );
    });
    await repeat(300, async (index) => {
      const blob = index.toString(16).padStart(32, '0');
      assert.equal(await peer.ask('vault-store-chunk', { ...chunk, blob }), 1);
    });
  });
});

suite('a SecureNode that is asked again and again for what it keeps', () => {
  const { scene, enter } = vaultScene();

  test('computes answers of a MiB, and of many items, in turns with what others ask', async () => {
    const { owner, peer } = await keptFor(scene, enter);
    const few = Array.from({ length: 6 }, (_, index) => owner.item(index + 1, {}, 2 ** 20 - 28));
    for (const item of few) await peer.ask('vault-store', owner.items(item));
    const many = Array.from({ length: 256 }, (_, index) => owner.item(index + 7));
    await peer.ask('vault-store', owner.items(...many));
    await repeat(32, async (index) => {
      const since = index % 2 === 0 ? 0 : 6;
      await peer.ask('vault-fetch', { owner: owner.id, collection: owner.collection, after: 1, since });
    });
  });
});

suite('a SecureNode that is brought items of which the last one is forged', () => {
  const { scene, enter } = vaultScene();

  test('checks them in turns with what others ask, and keeps none', async () => {
    const owners = [await keptFor(scene, enter), await keptFor(scene, enter)];
    await Promise.all(
      owners.map(({ owner, peer }) => {
        const items = Array.from({ length: 256 }, (_, index) => owner.item(index + 1));
        const forged = [...items.slice(1), { ...owner.item(257), signature: new Uint8Array(64) }];
        return repeat(6, async () => {
          assert.deepEqual(await peer.ask('vault-store', owner.items(...forged)), {
            error: 'ERR_SIGNATURE_INVALID',
          });
        });
      }),
    );
  });
});

/** A replica that answers whatever it likes. */
class HostileReplica extends SigningPeer {
  answer: (topic: string, data: unknown) => Data = () => null;
  asked = 0;

  constructor() {
    super();
    this.frames.onFrame = ({ kind, number, data: question }, peer) => {
      if (kind !== SecureFrameKind.request) return;
      this.asked += 1;
      const { id, data } = question as unknown as { id: string; data: { topic: string; data: unknown } };
      const response = this.signed('response', {
        request: id,
        answer: this.answer(data.topic, data.data),
      });
      peer.send(encodeSecureFrame(SecureFrameKind.response, response, number));
    };
  }
}

suite('a SecureNode whose replica lies', () => {
  const { scene, enter } = vaultScene();

  test('gives it up, whatever it says that it has', async () => {
    let version = 0;
    const lies: Record<string, HostileReplica['answer']> = {
      fractions: () => {
        version += 1e-3;
        return { sequence: 1e6, version };
      },
      'no numbers': () => ({ sequence: Number.NaN, version: Number.NaN }),
      'nothing, again and again': () => ({ sequence: 0, version: 0 }),
      'less than no chunks': (topic) =>
        topic === 'vault-store-chunk' ? -1e15 : { sequence: 1e6, version: 0 },
      'no chunk that it is sent': (topic) =>
        topic === 'vault-store-chunk' ? 0 : { sequence: 1e6, version: 0 },
    };
    for (const [name, answer] of Object.entries(lies)) {
      const replica = await enter(new HostileReplica());
      replica.answer = answer;
      const { code } = await scene.victim.call('replicate', { collection: name, replica: replica.id });
      assert.equal(code, 'ERR_VAULT_INVALID', name);
      assert.ok(replica.asked < 20, `${name}: asked ${replica.asked} times`);
    }
  });
});

suite('a SecureNode that is brought letters of 4 MiB for nobody', () => {
  const { scene, enter } = vaultScene();

  test('by four neighbours at once, gives them to the others in turns with everything else', async () => {
    const peers: SigningPeer[] = [];
    while (peers.length < 4) peers.push(await enter(new SigningPeer()));
    const letters = Array.from({ length: 24 }, () => letterToNobody(2 ** 22));
    await scene.attackBegins();
    const bring = async (index: number): Promise<void> => {
      const { frames, victim } = peers[index % peers.length]!;
      await frames.relay(victim.id, letters[index]!, 5_000);
    };
    await repeat(letters.length, bring, peers.length);
  });
});

function letterToNobody(bytes: number): Data {
  const author = Identity.generate();
  const letter = { author: author.id, time: Date.now(), id: author.id.length.toString(16).padStart(32, '0') };
  const to = Identity.generate().id;
  return sign(author, { ...letter, kind: 'letter', to, data: new Uint8Array(bytes) }) as unknown as Data;
}
