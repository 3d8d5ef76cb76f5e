import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HostAddress, HostLookup } from '../../../../src/transport/tcp/host-lookup.ts';

const v4 = (address: string): HostAddress => ({ address, family: 4 });
const v6 = (address: string): HostAddress => ({ address, family: 6 });

test('a name is looked up once at a time, however many ask, and anew afterwards', async () => {
  const asked: string[] = [];
  let answer = Promise.withResolvers<HostAddress[]>();
  const lookup = new HostLookup((host) => {
    asked.push(host);
    return answer.promise;
  });
  const first = ['name', 'NAME', 'name'].map((host) => lookup.addressesOf(host));
  const other = lookup.addressesOf('other');
  assert.deepEqual(asked, ['name', 'other']);
  answer.resolve([v4('192.0.2.1')]);
  for (const addresses of await Promise.all([...first, other]))
    assert.deepEqual(addresses, [v4('192.0.2.1')]);
  answer = Promise.withResolvers();
  const second = lookup.addressesOf('name');
  assert.deepEqual(asked, ['name', 'other', 'name']);
  answer.reject(new Error('no answer'));
  await assert.rejects(second, /no answer/);
  answer = Promise.withResolvers();
  answer.resolve([v4('192.0.2.2')]);
  assert.deepEqual(await lookup.addressesOf('name'), [v4('192.0.2.2')], 'a failure is not remembered');
});

test('the families take turns, the first one first', async () => {
  const order = async (addresses: HostAddress[]): Promise<string[]> => {
    const found = await new HostLookup(async () => addresses).addressesOf('name');
    return found.map(({ address }) => address);
  };
  assert.deepEqual(await order([v6('::1'), v6('::2'), v6('::3'), v4('1'), v4('2')]), [
    '::1',
    '1',
    '::2',
    '2',
    '::3',
  ]);
  assert.deepEqual(await order([v4('1'), v6('::1'), v4('2')]), ['1', '::1', '2']);
  assert.deepEqual(await order([v4('1'), v4('2')]), ['1', '2']);
});

test('a name without an address is not found', async () => {
  await assert.rejects(new HostLookup(async () => []).addressesOf('name'), { code: 'ERR_HOST_NOT_FOUND' });
});
