import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';

function open() {
  const link = new FakeLink();
  const told: string[] = [];
  return { link, told, end: new LinkEnd(link), tell: (name: string) => () => void told.push(name) };
}

suite('the end of a link', () => {
  test('is reported to the last owner alone, once, after what belongs to no owner', async () => {
    const { link, told, end, tell } = open();
    end.onGone = tell('gone');
    end.own(tell('handshake'));
    end.own(tell('channel'));
    link.end();
    await turn();
    assert.deepEqual(told, ['gone', 'channel']);
    end.disown();
    await turn();
    assert.deepEqual(told, ['gone', 'channel']);
  });

  test('is reported to an owner that comes later, with the error, but not during its call', async () => {
    const { link, told, end, tell } = open();
    end.own(tell('handshake'));
    end.disown();
    link.end(new Error('cut'));
    await turn();
    assert.equal(told.length, 0);
    end.own((error) => void told.push(`channel: ${error?.message}`));
    assert.equal(told.length, 0);
    await turn();
    assert.deepEqual(told, ['channel: cut']);
  });
});
