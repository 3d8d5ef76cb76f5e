import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { Identity, Node, tcp } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';

const folder = mkdtempSync(join(tmpdir(), 'identity-'));
after(() => rmSync(folder, { recursive: true }));

suite('the identity of a node', () => {
  test('is a new one each time without the option', (t) => {
    const [one, other] = [makeNode(t), makeNode(t)];
    assert.match(one.id, /^12D3KooW\w{44}$/);
    assert.notEqual(one.id, other.id);
  });

  test('can be given', (t) => {
    const identity = Identity.generate();
    assert.equal(makeNode(t, { options: { identity } }).id, identity.id);
  });

  test('is kept in a file, and is the same in the next run', async (t) => {
    const identity = { path: join(folder, 'new', 'node.pem'), passphrase: 'open sesame' };
    const first = makeNode(t, { options: { identity } });
    const second = makeNode(t, { options: { identity } });
    assert.equal(first.id, second.id);
    assert.match(readFileSync(identity.path, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    assert.equal(statSync(identity.path).mode & 0o077, 0, 'nobody else may read it');
    await second.start();
    const [peer] = await startNodes(t, 1);
    assert.equal((await peer.connectWithNode(second.host, second.port, { id: first.id })).id, first.id);
  });

  test('with a wrong passphrase, or none, is refused by the constructor with advice', () => {
    const path = join(folder, 'locked.pem');
    const make = (passphrase?: string): Node =>
      new Node('127.0.0.1', 0, { identity: { path, passphrase }, transports: [tcp()] });
    const { id } = make('right');
    assert.throws(() => make('wrong'), withCode('ERR_IDENTITY_PASSPHRASE', /passphrase/));
    assert.throws(() => make(), withCode('ERR_IDENTITY_PASSPHRASE', /passphrase/));
    assert.equal(make('right').id, id, 'the file is as it was');
  });

  test('in a file that holds something else is refused', () => {
    const path = join(folder, 'shopping.txt');
    writeFileSync(path, 'eggs, milk');
    assert.throws(() => new Node('127.0.0.1', 0, { identity: { path } }), withCode('ERR_IDENTITY_DAMAGED'));
    assert.equal(readFileSync(path, 'utf8'), 'eggs, milk');
  });
});
