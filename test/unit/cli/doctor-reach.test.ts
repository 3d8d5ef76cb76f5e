import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { Command } from 'commander';
import { gatewaysIn, isFrom, readOutside } from '../../../src/cli/doctor/nat-pmp.ts';
import { isProviders, nextStep, type Reach, routerFindings, udpWay } from '../../../src/cli/doctor/reach.ts';
import { askFilter, askStun, readAnswer } from '../../../src/cli/doctor/stun.ts';
import { addWayOptions } from '../../../src/cli/ways.ts';
import { internet } from '../../../src/libp2p/presets.ts';

/** The answer of RFC 5769, section 2.2, whose request had this id. */
const id = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
const answer = Buffer.from(
  '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a64300080014' +
    '2b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96',
  'hex',
);

suite('an answer of a STUN server', () => {
  test('is read as RFC 5769 has it', () => {
    assert.deepEqual(readAnswer(answer, id), { host: '192.0.2.1', port: 32_853 });
  });

  test('is not taken for another request, nor if it is cut or spoilt', () => {
    assert.equal(readAnswer(answer, Buffer.alloc(12)), undefined);
    for (let length = 0; length < 52; length++)
      assert.doesNotThrow(() => readAnswer(answer.subarray(0, length), id));
    assert.equal(readAnswer(answer.subarray(0, 40), id), undefined);
    for (let at = 0; at < answer.length; at++) {
      const spoilt = Buffer.from(answer);
      spoilt[at] = 255;
      assert.doesNotThrow(() => readAnswer(spoilt, id));
    }
  });
});

/** A server that announces a second address (RFC 5780), and answers from where it was asked, or from a second port. */
async function halfServer(
  t: TestContext,
  answersFrom: 'where it was asked' | 'another port',
): Promise<string> {
  const [asked, other] = [createSocket('udp4'), createSocket('udp4')];
  for (const socket of [asked, other]) {
    t.after(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
  const seen = Buffer.from('0001000800018001c0000201', 'hex');
  const elsewhere = Buffer.from('802c000800010d97c0000202', 'hex');
  asked.on('message', (request, { address, port }) => {
    const head = Buffer.from('010100182112a442', 'hex');
    const isChange = request.length > 20 && answersFrom === 'another port';
    const packet = Buffer.concat([head, request.subarray(8, 20), seen, elsewhere]);
    (isChange ? other : asked).send(packet, port, address);
  });
  return `stun:127.0.0.1:${asked.address().port}`;
}

suite('a server of --stun', () => {
  const bad = ['stun:127.0.0.1:99999', 'stun:127.0.0.1:65536', 'stun:a:0', 'stun:a:1:2', 'stun:', 'a:3478'];

  test('with a bad port is refused in one line that says what is allowed', () => {
    for (const server of bad) {
      let printed = '';
      const command = addWayOptions(new Command())
        .exitOverride()
        .configureOutput({ writeErr: (text) => (printed += text) });
      assert.throws(() => command.parse(['--stun', server], { from: 'user' }), /port from 1 to 65535/);
      assert.match(printed, /^error: [^\n]* with a port from 1 to 65535\.\n$/);
      assert.throws(() => internet({ stun: [server] }), {
        name: 'TypeError',
        message: /from 1 to 65535, not/,
      });
    }
    const good = ['stun:stun.example.org', 'stuns:stun.example.org:5349', 'stun:[2001:db8::1]:65535'];
    const { stun } = addWayOptions(new Command())
      .parse(['--stun', ...good], { from: 'user' })
      .opts();
    assert.deepEqual([stun, internet({ stun: good }).stun], [good, good]);
  });

  test('with a bad port is not asked', async () => {
    const answers = await askStun(bad);
    assert.deepEqual(
      answers.map(({ seen }) => seen),
      bad.map(() => undefined),
    );
  });

  test('that is asked to answer from elsewhere, and does not, says nothing about the router', async (t) => {
    const servers = [await halfServer(t, 'where it was asked'), await halfServer(t, 'another port')];
    assert.equal((await askStun(servers)).filter(({ seen }) => seen?.host === '192.0.2.1').length, 2);
    for (const server of servers) assert.equal(await askFilter([server]), 'unknown');
  });
});

suite('an answer of a router', () => {
  test('names its address as RFC 6886 has it, and nothing else is taken for one', () => {
    const whole = Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 100, 64, 1, 2);
    assert.equal(readOutside(whole), '100.64.1.2');
    for (let length = 0; length < whole.length; length++)
      assert.equal(readOutside(whole.subarray(0, length)), undefined);
    for (const at of [0, 1, 2, 3]) {
      const spoilt = whole.slice();
      spoilt[at] = 7;
      assert.equal(readOutside(spoilt), undefined);
    }
  });

  test('comes from its port for NAT-PMP, or is not read', () => {
    assert.ok(isFrom('192.168.1.1', { address: '192.168.1.1', port: 5_351 }));
    assert.ok(!isFrom('192.168.1.1', { address: '192.168.1.1', port: 5_350 }));
    assert.ok(!isFrom('192.168.1.1', { address: '192.168.1.2', port: 5_351 }));
  });

  test('is asked for at the gateway of the default route', () => {
    const table = `Iface	Destination	Gateway 	Flags
eth0	00000000	0101A8C0	0003
eth0	0001A8C0	00000000	0001
wg0	00000000	00000000	0001
eth1	00000000	0101A8C0	0003
`;
    assert.deepEqual(gatewaysIn(table), ['192.168.1.1']);
    assert.deepEqual(gatewaysIn('nonsense'), []);
  });
});

suite('the next step', () => {
  const isOwn = (host: string): boolean => host === '9.9.9.9';
  const seen = (host: string, port: number) => ({ server: 'stun:a', seen: { host, port } });
  const silent = { server: 'stun:b', seen: undefined };
  const reach = (more: Partial<Reach>): Reach => ({
    seenAt: ['8.8.8.8'],
    udp: 'not asked',
    filter: 'unknown',
    router: undefined,
    places: [],
    port: 0,
    ...more,
  });

  test('follows from what servers see', () => {
    assert.equal(udpWay([], isOwn), 'not asked');
    assert.equal(udpWay([silent, silent], isOwn), 'blocked');
    assert.equal(udpWay([seen('8.8.8.8', 1), silent], isOwn), 'one answer');
    assert.equal(udpWay([seen('8.8.8.8', 1), seen('8.8.8.8', 1)], isOwn), 'one port');
    assert.equal(udpWay([seen('8.8.8.8', 1), seen('8.8.8.8', 2)], isOwn), 'new ports');
    assert.equal(udpWay([seen('9.9.9.9', 1)], isOwn), 'own address');
  });

  test('tells networks of providers from others', () => {
    const inside = ['100.64.0.1', '100.99.1.1', '100.127.255.255'];
    assert.deepEqual([...inside, '100.63.1.1', '100.128.0.1', '10.0.0.1'].filter(isProviders), inside);
  });

  test('is to dial what the router says it has, if others see another public address', () => {
    const router = { router: '192.168.1.1', outside: '9.9.9.8' };
    assert.match(nextStep(reach({ router, port: 7 }), isOwn)!.advice!, /dial 9\.9\.9\.8, .*192\.168\.1\.1/);
    assert.match(
      routerFindings(router, ['8.8.8.8'])[0]!.text,
      /8\.8\.8\.8: a VPN, or a router of the provider/,
    );
  });

  test('is none where nobody in the public internet has seen this machine', () => {
    assert.equal(nextStep(reach({ seenAt: ['10.0.0.1', '127.0.0.1'] }), isOwn), undefined);
  });

  test('is to ask two STUN servers where a relay is there, or to allow UDP', () => {
    const places = [{ relay: '/ip4/1.1.1.1/tcp/1/p2p/x', isReserved: true, failure: undefined }];
    assert.match(nextStep(reach({ places, udp: 'one answer' }), isOwn)!.advice!, /two --stun servers/);
    assert.match(nextStep(reach({ places, udp: 'blocked' }), isOwn)!.advice!, /no UDP gets through/);
    const lost = [{ ...places[0]!, isReserved: false }];
    assert.match(nextStep(reach({ places: lost, port: 7 }), isOwn)!.advice!, /forward TCP port 7 at/);
  });
});
