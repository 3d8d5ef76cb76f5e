import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type HostScope, mayTell, scopeOf } from '../../../src/base/host-scope.ts';

const scopes: readonly (readonly [host: string, scope: HostScope])[] = [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.32.0.1', 'public'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['100.128.0.1', 'public'],
  ['169.254.169.254', 'private'],
  ['fe80::1', 'private'],
  ['fe80::1%eth0', 'private'],
  ['fec0::1', 'private'],
  ['fd00::1', 'private'],
  ['192.0.2.7', 'public'],
  ['2001:db8::1', 'public'],
  ['0.0.0.0', 'nowhere'],
  ['::', 'nowhere'],
  ['224.0.0.251', 'nowhere'],
  ['255.255.255.255', 'nowhere'],
  ['ff02::fb', 'nowhere'],
  ['::8', 'nowhere'],
  ['1:2', 'nowhere'],
  ['localhost', 'name'],
  ['seed.example.org', 'name'],
  ['127.1', 'name'],
  ['2130706433', 'name'],
  ['0x7f000001', 'name'],
  ['0177.0.0.1', 'name'],
  ['256.0.0.1', 'name'],
];

suite('the scope of a host', () => {
  for (const [host, scope] of scopes) test(`${host} is ${scope}`, () => assert.equal(scopeOf(host), scope));
});

test('what a node tells is dialled only where it could know it and not harm others', () => {
  const told: readonly HostScope[] = ['loopback', 'private', 'public', 'name', 'nowhere'];
  const allowed = (teller: HostScope): readonly HostScope[] => told.filter((one) => mayTell(teller, one));
  assert.deepEqual(allowed('loopback'), ['loopback', 'private', 'public', 'name']);
  assert.deepEqual(allowed('name'), ['loopback', 'private', 'public', 'name'], 'within one process');
  assert.deepEqual(allowed('private'), ['private', 'public', 'name']);
  assert.deepEqual(allowed('public'), ['public']);
  assert.deepEqual(allowed('nowhere'), []);
});
