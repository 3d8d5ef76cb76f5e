import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Identity, PeerloomError } from '../../../src/index.ts';
import { PermissionModel, type Reading } from './support/permission-model.ts';
import { connect, type TestSecureNode, World } from './support/secure-nodes.ts';

const nodeCount = 5;
const collection = 'shared';

type Step =
  | { readonly kind: 'put'; readonly owner: number; readonly item: string; readonly value: number }
  | { readonly kind: 'grant'; readonly owner: number; readonly reader: number; readonly history: boolean }
  | { readonly kind: 'revoke'; readonly owner: number; readonly reader: number; readonly reencrypt: boolean }
  | {
      readonly kind: 'read' | 'read while the owner is away';
      readonly owner: number;
      readonly reader: number;
      readonly item: string;
    }
  | { readonly kind: 'restart' | 'crash'; readonly node: number };

const node = fc.nat(nodeCount - 1);
/** Few owners and items, so that the steps meet. */
const owner = fc.nat(1);
const item = fc.constantFrom('one', 'two', 'three');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('put' as const), owner, item, value: fc.nat(1_000_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('grant' as const), owner, reader: node, history: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('revoke' as const),
      owner,
      reader: node,
      reencrypt: fc.boolean(),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('read' as const), owner, reader: node, item }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('read while the owner is away' as const),
      owner,
      reader: node,
      item,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'crash'), node }) },
);

/** Five nodes with vaults in files, all connected; each owner's replica is the node after it. */
class Five {
  readonly nodes: TestSecureNode[] = [];
  readonly models = Array.from({ length: nodeCount }, (_, index) => new PermissionModel(index));
  readonly #world: World;
  readonly #folder: string;
  readonly #identities = Array.from({ length: nodeCount }, () => Identity.generate());
  #starts = 0;

  constructor(world: World, folder: string) {
    this.#world = world;
    this.#folder = folder;
  }

  async start(index: number): Promise<void> {
    const path = join(this.#folder, `${index}`, 'vault.db');
    const name = `node-${index}-${this.#starts++}`;
    const started = await this.#world.start(name, { identity: this.#identities[index]!, vault: { path } });
    this.nodes[index] = started;
    for (const other of this.nodes)
      if (other !== undefined && other !== started) await connect(started, other);
  }

  async restart(index: number): Promise<void> {
    await this.nodes[index]!.stop();
    await this.start(index);
  }

  /** Goes on with the files as they are at this moment: what the node does at its end is lost. */
  async crash(index: number): Promise<void> {
    const [folder, copy] = [join(this.#folder, `${index}`), join(this.#folder, 'copy')];
    cpSync(folder, copy, { recursive: true });
    await this.nodes[index]!.stop();
    rmSync(folder, { recursive: true });
    renameSync(copy, folder);
    await this.start(index);
  }

  async run(step: Step): Promise<void> {
    if ('node' in step) return step.kind === 'crash' ? this.crash(step.node) : this.restart(step.node);
    const { vault } = this.nodes[step.owner]!;
    const model = this.models[step.owner]!;
    if (step.kind === 'put') {
      await vault.put(collection, step.item, step.value);
      model.put(step.item, step.value);
      await vault.addReplica(collection, this.nodes[replicaOf(step.owner)]!.id);
      model.addReplica(replicaOf(step.owner));
      return;
    }
    if (step.kind === 'grant' || step.kind === 'revoke') return this.#permit(step);
    const isAway = step.kind !== 'read';
    if (isAway) {
      const result = await vault.sync();
      assert.ok(result.every(({ error }) => error === undefined));
      if ([step.owner, replicaOf(step.owner)].includes(step.reader) || result.length === 0) return;
      await this.nodes[step.owner]!.stop();
    }
    assert.deepEqual(await this.#read(step), model.read(step.reader, step.item), JSON.stringify(step));
    if (isAway) await this.start(step.owner);
  }

  async #permit(step: Extract<Step, { readonly kind: 'grant' | 'revoke' }>): Promise<void> {
    if (step.reader === step.owner) return;
    const { vault } = this.nodes[step.owner]!;
    const model = this.models[step.owner]!;
    const { id } = this.nodes[step.reader]!;
    if (step.kind === 'grant') {
      await vault.grant(collection, id, { history: step.history });
      model.grant(step.reader, step.history);
    } else if (model.exists) {
      await vault.revoke(collection, id, { reencrypt: step.reencrypt });
      model.revoke(step.reader, step.reencrypt);
    }
  }

  async #read({ owner, reader, item }: { owner: number; reader: number; item: string }): Promise<Reading> {
    try {
      const { id } = this.nodes[owner]!;
      return { value: (await this.nodes[reader]!.vault.get(id, collection, item)) as number };
    } catch (error) {
      if (error instanceof PeerloomError) return { code: error.code };
      throw error;
    }
  }
}

function replicaOf(owner: number): number {
  return (owner + 1) % nodeCount;
}

suite('the vault against a model', () => {
  test('random writes, grants, revocations, reads, restarts and crashes among five nodes', async (t: TestContext) => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'peerloom-five-'));
      const world = new World(t);
      const five = new Five(world, folder);
      try {
        for (let index = 0; index < nodeCount; index++) await five.start(index);
        for (const one of steps) await five.run(one);
        for (const { errors, rejected } of five.nodes) assert.deepEqual([errors, rejected], [[], []]);
      } finally {
        await Promise.all(five.nodes.map((one) => one.stop()));
        rmSync(folder, { recursive: true, force: true });
      }
    });
    await fc.assert(property, { numRuns: Number(process.env.PEERLOOM_RUNS ?? 15) });
  });
});
