import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { belongings, lookOver } from './look-over.ts';
import type { RecordingNode } from './recording-node.ts';
import { within } from './turns.ts';

type Settle = (stopped: Promise<void>) => Promise<void>;

/** What a test has set up, all taken down and looked over at its end. */
export class Fixture {
  readonly #nodes = new Map<RecordingNode, Settle>();
  readonly #undoings: (() => unknown)[] = [];
  readonly #before = belongings();
  static readonly #ofTest = new WeakMap<TestContext, Fixture>();

  /** The one of this test; the first call registers the teardown. */
  static of(t: TestContext): Fixture {
    let fixture = Fixture.#ofTest.get(t);
    if (fixture === undefined) {
      fixture = new Fixture();
      Fixture.#ofTest.set(t, fixture);
      t.after(() => fixture!.#takeDown());
    }
    return fixture;
  }

  /** To be stopped and looked over at the end; `settle` is for nodes whose time does not pass by itself. */
  addNode(node: RecordingNode, settle: Settle = (stopped) => stopped): void {
    this.#nodes.set(node, settle);
  }

  /** Runs at the end, the last one first, before the nodes stop. */
  defer(undo: () => unknown): void {
    this.#undoings.push(undo);
  }

  async #takeDown(): Promise<void> {
    const stopAll = this.#undoings.reverse();
    for (const [node, settle] of this.#nodes) {
      stopAll.push(() => within(settle(node.stop()), `node '${node.name}' stops`));
    }
    const failures: unknown[] = [];
    // One that fails must not keep the others running, and the process with them.
    for (const stop of stopAll) {
      try {
        await stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    for (const node of this.#nodes.keys()) assertEventsArePaired(node);
    await lookOver(this.#before);
  }
}

/** Each connection begins, then ends, and so on in turn where it can come back, and nothing is told of it before. */
function assertEventsArePaired(node: RecordingNode): void {
  const connections = new Set(node.events.map(({ peer }) => peer));
  connections.delete(undefined);
  for (const connection of connections) {
    const { direction } = connection!;
    const names = node.events.filter(({ peer }) => peer === connection).map(({ name }) => name);
    const story = `what '${node.name}' was told of one connection: ${names.join(', ')}`;
    assert.equal(names[0], `${direction}_node_connected`, `no event comes before; ${story}`);
    const turns = names.filter((name) => /_node_(dis)?connected$/.test(name));
    for (const [index, name] of turns.entries()) {
      const expected = index % 2 === 0 ? 'connected' : 'disconnected';
      assert.equal(name, `${direction}_node_${expected}`, `its ends follow its beginnings; ${story}`);
    }
    assert.equal(turns.length % 2, 0, `what begins ends; ${story}`);
  }
  assert.equal(node.allNodes.length, 0, `no connection of '${node.name}' is left`);
}
