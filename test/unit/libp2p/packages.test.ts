import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { packagesOf } from '../../../src/libp2p/engine.ts';
import { internet, lan } from '../../../src/libp2p/index.ts';
import { loadPackages, type PackageName } from '../../../src/libp2p/packages.ts';
import { withCode } from '../../support/errors.ts';

const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });

suite('packages of libp2p', () => {
  test('that are missing are named, with the command that installs all of them', async () => {
    const names = packagesOf(lan({ encryption: ['tls'] }), true);
    const load = async (name: PackageName): Promise<object> => {
      if (name === '@libp2p/tls') throw missing;
      return {};
    };
    await assert.rejects(
      loadPackages(names, load),
      withCode(
        'ERR_TRANSPORT_UNAVAILABLE',
        /needs the package @libp2p\/tls, .*: npm install libp2p @libp2p\/crypto @libp2p\/noise @libp2p\/yamux @multiformats\/multiaddr @libp2p\/tcp @libp2p\/tls @libp2p\/pnet$/,
      ),
    );
  });

  test('are those that the preset uses', () => {
    const relayed: readonly PackageName[] = ['@libp2p/circuit-relay-v2', '@libp2p/identify'];
    assert.ok(relayed.every((name) => packagesOf(internet(), false).includes(name)));
    assert.ok(relayed.every((name) => !packagesOf(lan(), false).includes(name)));
    assert.ok(!packagesOf(internet(), false).includes('@libp2p/webrtc'));
    assert.ok(packagesOf(internet({ stun: ['stun:192.0.2.1:3478'] }), false).includes('@libp2p/webrtc'));
  });

  test('that fail to load otherwise say how', async () => {
    const broken = new SyntaxError('a package is damaged');
    const load = (): Promise<object> => Promise.reject(broken);
    await assert.rejects(loadPackages(['libp2p'], load), (error) => error === broken);
  });
});
