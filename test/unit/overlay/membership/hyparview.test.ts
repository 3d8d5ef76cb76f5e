import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { HyParView } from '../../../../src/overlay/membership/hyparview.ts';
import { hyParViewSizes } from '../../../../src/overlay/membership/hyparview-sizes.ts';
import type { MembershipMessage } from '../../../../src/overlay/membership/membership-messages.ts';
import { randomFrom } from '../../../support/random-from.ts';

interface Named {
  readonly id: string;
}

/** A node whose machine runs, and which writes down what it would do. */
function machine({ sizes = {}, isProven }: { sizes?: object; isProven?: (node: Named) => boolean } = {}) {
  let done: string[] = [];
  const sent: { to: string; message: MembershipMessage<Named> }[] = [];
  let ranDry = 0;
  const view = new HyParView<Named>({
    effects: {
      ask: ({ id }, priority) => void done.push(`ask ${id} ${priority}`),
      drop: (id) => void done.push(`drop ${id}`),
      send: (to, message) => {
        done.push(`${message.kind} to ${to}`);
        sent.push({ to, message });
      },
      runDry: () => {
        ranDry += 1;
      },
    },
    random: randomFrom(1),
    ownId: 'self',
    self: () => ({ id: 'self' }),
    ...(isProven && { isProven }),
    sizes,
  });
  return {
    view,
    sent,
    ranDry: () => ranDry,
    done(): string[] {
      const before = done;
      done = [];
      return before;
    },
    /** Makes these neighbours, of their own choice. */
    neighbours(...ids: string[]): void {
      for (const id of ids) {
        assert.ok(view.requested(id, 'low'), id);
        view.up({ id });
      }
      done = [];
    },
    /** Makes these neighbours, of this node's choice. */
    choose(...ids: string[]): void {
      for (const id of ids) {
        view.received('any', { kind: 'forwardJoin', contact: { id }, hopsLeft: 0 });
        view.up({ id });
      }
      done = [];
    },
  };
}

const ids = (contacts: readonly Named[]): string[] => contacts.map(({ id }) => id).sort();

suite('HyParView', () => {
  test('joins again when all that it knows refuse it and it has no neighbour', () => {
    const node = machine();
    node.view.learned([{ id: 'a' }, { id: 'b' }]);
    assert.deepEqual(node.done().sort(), ['ask a high', 'ask b high']);
    node.view.refused('a');
    assert.equal(node.ranDry(), 0, 'the other one has not answered');
    node.view.refused('b');
    assert.equal(node.ranDry(), 1);
  });

  test('has the sizes of the paper', () => {
    assert.deepEqual(hyParViewSizes, {
      active: 5,
      passive: 30,
      activeWalk: 6,
      passiveWalk: 3,
      shuffleWalk: 6,
      shuffleActive: 3,
      shufflePassive: 4,
    });
  });

  test('takes a node that joins for a neighbour, and sends it on walks to all others', () => {
    const { view, done, neighbours, sent } = machine();
    neighbours('a', 'b');
    view.joins({ id: 'new' });
    view.introduce({ id: 'new' });
    assert.deepEqual(done(), ['joinReply to new', 'forwardJoin to a', 'forwardJoin to b']);
    assert.ok(view.isActive('new'));
    const [reply, walk] = sent;
    assert.ok(reply?.message.kind === 'joinReply' && reply.message.isNeighbour);
    assert.deepEqual(ids(reply.message.contacts), ['a', 'b']);
    assert.deepEqual(walk?.message, { kind: 'forwardJoin', contact: { id: 'new' }, hopsLeft: 6 });
  });

  test('passes a walk on, notes its node half-way, and asks for a place where the walk ends', () => {
    const { view, done, neighbours } = machine();
    neighbours('a', 'b');
    const walk = (hopsLeft: number, id: string): void =>
      view.received('a', { kind: 'forwardJoin', contact: { id }, hopsLeft });
    walk(6, 'x');
    assert.deepEqual(done(), ['forwardJoin to b']);
    assert.deepEqual(ids(view.passive), []);
    walk(3, 'x');
    assert.deepEqual(done(), ['forwardJoin to b']);
    assert.deepEqual(ids(view.passive), ['x']);
    walk(1, 'y');
    assert.deepEqual(done(), ['ask y low']);
    walk(1, 'self');
    walk(1, 'b');
    assert.deepEqual(done(), [], 'a node asks neither itself nor a neighbour');
  });

  test('ends a walk that has nowhere to go on', () => {
    const { view, done, neighbours } = machine();
    neighbours('a');
    view.received('a', { kind: 'forwardJoin', contact: { id: 'x' }, hopsLeft: 6 });
    assert.deepEqual(done(), ['ask x low']);
  });

  test('exchanges contacts at the end of a walk, and answers along the way of the walk', () => {
    const { view, done, neighbours, sent } = machine();
    neighbours('a', 'b');
    view.learned([{ id: 'p' }]);
    view.failed('p');
    view.learned([{ id: 'q' }]);
    done();
    const contacts = [{ id: 'origin' }, { id: 'r' }];
    view.received('a', { kind: 'shuffle', walk: 7, hopsLeft: 2, contacts });
    assert.deepEqual(done(), ['shuffle to b']);
    assert.ok(!ids(view.passive).includes('r'), 'a node on the way takes nothing');
    view.received('b', { kind: 'shuffleReply', walk: 8, contacts: [{ id: 'lie' }] });
    view.received('a', { kind: 'shuffleReply', walk: 7, contacts: [{ id: 'lie' }] });
    assert.deepEqual(done(), [], 'no such walk went there');
    view.received('b', { kind: 'shuffleReply', walk: 7, contacts: [{ id: 's' }] });
    assert.deepEqual(done(), ['shuffleReply to a']);
    view.received('b', { kind: 'shuffleReply', walk: 7, contacts: [{ id: 's' }] });
    assert.deepEqual(done(), [], 'each walk has one answer');
    assert.deepEqual(ids(view.passive), ['q']);

    view.received('b', { kind: 'shuffle', walk: 9, hopsLeft: 1, contacts });
    assert.equal(done()[0], 'shuffleReply to b');
    const { message } = sent.at(-1)!;
    assert.ok(message.kind === 'shuffleReply');
    assert.equal(message.contacts.length, 2, 'as many as it was given');
    assert.deepEqual(ids(view.passive), ['origin', 'q', 'r']);
  });

  test('takes the answer to its own shuffle once, and only from where it went', () => {
    const { view, done, neighbours, sent } = machine();
    neighbours('a', 'b', 'c', 'd', 'e');
    view.round();
    const { to, message } = sent.at(-1)!;
    assert.ok(message.kind === 'shuffle');
    assert.deepEqual(message.contacts[0], { id: 'self' });
    assert.equal(message.contacts.length, 4, 'itself and three neighbours');
    assert.ok(!ids(message.contacts).includes(to));
    done();
    const answer = { kind: 'shuffleReply', walk: message.walk, contacts: [{ id: 'x' }] } as const;
    const other = ['a', 'b', 'c', 'd', 'e'].find((id) => id !== to)!;
    view.received(other, answer);
    assert.deepEqual(ids(view.passive), []);
    view.received(to, answer);
    assert.deepEqual(ids(view.passive), ['x']);
    view.received(to, { ...answer, contacts: [{ id: 'y' }] });
    assert.deepEqual(ids(view.passive), ['x']);
  });

  test('tells others only of nodes that it has reached', () => {
    const { view, neighbours, sent } = machine({ isProven: ({ id }) => id === 'self' || id < 'c' });
    neighbours('a', 'b', 'x', 'y');
    view.learned(['bb', 'z'].map((id) => ({ id })));
    view.round();
    const { message } = sent.findLast(({ message }) => message.kind === 'shuffle')!;
    assert.ok(message.kind === 'shuffle');
    for (const { id } of message.contacts) assert.ok(id === 'self' || id < 'c', id);
    assert.ok(ids(message.contacts).includes('bb'));
  });

  test('replaces a neighbour that fails, and asks the next one when one refuses or fails', () => {
    const { view, done, neighbours } = machine({ sizes: { active: 2 } });
    neighbours('a', 'b');
    view.learned([{ id: 'x' }, { id: 'y' }]);
    view.down('a');
    const [first] = done();
    assert.match(first!, /^ask [xy] low$/);
    const id = first!.split(' ')[1]!;
    view.refused(id);
    const [second] = done();
    assert.match(second!, /^ask [xy] low$/);
    assert.notEqual(second, first, 'one that refused is not asked at once');
    view.up({ id: second!.split(' ')[1]! });
    assert.equal(view.active.length, 2);
  });

  test('without a neighbour asks with priority, and joins anew when it knows nobody', () => {
    const { view, done, neighbours, ranDry } = machine();
    neighbours('a');
    view.learned([{ id: 'x' }]);
    assert.deepEqual(done(), ['ask x low']);
    view.failed('x');
    assert.ok(ranDry() > 0);
    view.learned([{ id: 'y' }]);
    view.refused('y');
    view.down('a');
    done();
    for (let round = 0; round < 3; round++) view.round();
    assert.ok(done().includes('ask y high'));
  });

  test('accepts where there is room, and makes room for a node that has no neighbour', () => {
    const { view, done, neighbours } = machine();
    neighbours('a', 'b', 'c', 'd');
    assert.ok(view.requested('e', 'low'));
    assert.ok(!view.requested('f', 'low'), 'the last place is promised');
    assert.ok(view.requested('e', 'low'), 'to this one');
    view.up({ id: 'e' });
    assert.ok(!view.requested('f', 'low'));
    assert.ok(view.requested('f', 'high'));
    view.up({ id: 'f' });
    assert.match(done().join(), /^drop [abcde]$/);
    assert.equal(view.active.length, 5);
  });

  test('gives up a promise whose link does not come', () => {
    const { view, neighbours } = machine();
    neighbours('a', 'b', 'c', 'd');
    assert.ok(view.requested('never', 'low'));
    assert.ok(!view.requested('e', 'low'));
    for (let round = 0; round < 3; round++) view.round();
    assert.ok(view.requested('e', 'low'));
  });

  test('tries a node that was lost again, with growing pauses, and swaps when it is there', () => {
    const { view, done, neighbours } = machine();
    neighbours('a', 'b', 'c', 'd', 'e');
    view.down('a');
    view.requested('f', 'low');
    view.up({ id: 'f' });
    done();
    let asked = 0;
    for (let round = 0; round < 100; round++) {
      view.round();
      if (!done().includes('ask a swap')) continue;
      asked += 1;
      view.failed('a');
    }
    assert.ok(asked >= 8 && asked <= 14, `${asked} times in 100 rounds`);
    for (let round = 0; round < 13 && !done().includes('ask a swap'); round++) view.round();
    view.up({ id: 'a' });
    assert.match(done().join(), /drop [bcdef]/);
    assert.ok(view.isActive('a'));
  });
});

suite('attack: HyParView', () => {
  test('drops neighbours for nodes that ask only so often, and never its last two of its own choice', () => {
    const { view, done, choose, neighbours } = machine();
    choose('mine', 'mine too');
    neighbours('a', 'b', 'c');
    let accepted = 0;
    for (let count = 0; count < 100; count++) {
      const id = `attacker ${count}`;
      if (!view.requested(id, count % 2 === 0 ? 'high' : 'swap')) continue;
      accepted += 1;
      view.up({ id });
    }
    assert.ok(accepted <= 5, `${accepted}`);
    assert.ok(view.isActive('mine') && view.isActive('mine too'));
    for (let round = 0; round < 50; round++) {
      view.round();
      for (let count = 0; count < 10; count++) {
        const id = `attacker ${round} ${count}`;
        if (view.requested(id, 'high')) view.up({ id });
      }
    }
    assert.ok(view.isActive('mine') && view.isActive('mine too'));
    assert.ok(done().filter((what) => what.startsWith('drop')).length <= 55);
  });

  test('gives a node that joins through a full one contacts, when it drops no one for it', () => {
    const { view, choose, sent } = machine({ sizes: { active: 2 } });
    choose('mine', 'mine too');
    view.joins({ id: 'new' });
    const { message } = sent.at(-1)!;
    assert.ok(message.kind === 'joinReply' && !message.isNeighbour);
    assert.deepEqual(ids(message.contacts), ['mine', 'mine too']);
    assert.ok(!view.isActive('new'));
  });

  test('remembers few nodes and walks, whatever others send', () => {
    const { view, done, neighbours } = machine();
    neighbours('a', 'b', 'c', 'd', 'e');
    for (let count = 0; count < 10_000; count++) {
      const contacts = Array.from({ length: 8 }, (_, at) => ({ id: `${count} ${at}` }));
      view.received('a', { kind: 'shuffle', walk: count, hopsLeft: 1 + (count % 2), contacts });
      view.received('b', { kind: 'shuffleReply', walk: count, contacts });
      view.received('c', { kind: 'joinReply', isNeighbour: false, contacts });
      done();
    }
    assert.equal(view.passive.length, 30);
    assert.equal(view.active.length, 5);
  });

  test('asks two nodes at a time, four in a round, and less and less while all refuse', () => {
    const { view, done, neighbours } = machine();
    neighbours('a', 'b', 'c');
    view.learned(Array.from({ length: 30 }, (_, at) => ({ id: `x${at}` })));
    const askedIn = (): number => {
      let asked = 0;
      for (;;) {
        const now = done().filter((what) => what.startsWith('ask'));
        if (now.length === 0) return asked;
        assert.ok(now.length <= 2);
        asked += now.length;
        for (const what of now) view.refused(what.split(' ')[1]!);
      }
    };
    const perRound = [askedIn()];
    for (let round = 0; round < 60; round++) {
      view.round();
      perRound.push(askedIn());
    }
    assert.ok(Math.max(...perRound) <= 5, perRound.join());
    const late = perRound.slice(-24).reduce((sum, count) => sum + count, 0);
    assert.ok(late <= 20, `${late} in the last 24 rounds`);
  });
});
