import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { runNow } from '../../../src/base/steps.ts';
import { Identity } from '../../../src/index.ts';
import { dataFromBytes } from '../../../src/secure/data-bytes.ts';
import { encryptionKeysOf, HpkeOpener } from '../../../src/secure/hpke.ts';
import { epochOfVersion } from '../../../src/secure/vault/collection-state.ts';
import { EpochKeys } from '../../../src/secure/vault/epoch-keys.ts';
import { openItem, verifyItem } from '../../../src/secure/vault/item.ts';
import { verifyLog, verifyState } from '../../../src/secure/vault/manifest.ts';
import { SqliteVaultStore } from '../../../src/secure/vault/sqlite-vault-store.ts';
import { collection, type Step } from './support/owner-to-kill.ts';
import '../../support/look-over.ts';

/** PEERLOOM_KILLS=200 for the long run. */
const kills = Number(process.env.PEERLOOM_KILLS ?? 12);

const seed = 'a5'.repeat(32);
const owner = Identity.fromSeed(Buffer.from(seed, 'hex'));
const readers = Array.from({ length: 4 }, () => Identity.generate().id);

/** What must be in the vault, and the one change of which either may be. */
interface Expected {
  readonly items: Map<string, number>;
  readonly readers: Set<string>;
  begun: Step | undefined;
}

suite('a process that is killed', () => {
  test(`${kills} times leaves every change that was confirmed, and no half of one`, {
    timeout: 600_000,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-crash-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'vault.db');
    const expected: Expected = { items: new Map(), readers: new Set(), begun: undefined };
    let confirmed = 0;
    let cutShort = 0;
    for (let kill = 0; kill < kills; kill++) {
      confirmed += await runAndKill(path, (kill + 1) * 1_000_000, expected);
      if (expected.begun !== undefined) cutShort += 1;
      await check(path, expected);
    }
    assert.ok(confirmed >= kills, `${confirmed} changes were confirmed`);
    assert.ok(cutShort > kills / 4, `${cutShort} changes were cut short`);
  });
});

/** @returns how many changes were confirmed before the process was killed. */
async function runAndKill(path: string, firstValue: number, expected: Expected): Promise<number> {
  const script = join(import.meta.dirname, 'support/owner-to-kill.ts');
  const child = spawn(process.execPath, [script, path, seed, String(firstValue), ...readers], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let confirmed = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('begin ')) {
      expected.begun = JSON.parse(line.slice(6));
    } else {
      apply(expected, expected.begun!);
      expected.begun = undefined;
      confirmed += 1;
      if (confirmed === 1) void after(Math.random() * 40).then(() => child.kill('SIGKILL'));
    }
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  assert.equal(child.signalCode, 'SIGKILL', 'it did not end by itself');
  return confirmed;
}

function apply({ items, readers: granted }: Pick<Expected, 'items' | 'readers'>, step: Step): void {
  if (step.kind === 'put') items.set(step.item, step.value);
  else if (step.kind === 'grant') granted.add(step.id);
  else granted.delete(step.id);
}

/** Reads the whole vault, proves it, and takes what it holds as the truth that must stay. */
async function check(path: string, expected: Expected): Promise<void> {
  const store = new SqliteVaultStore(path, owner.id);
  const keys = new EpochKeys(owner.id, new HpkeOpener(encryptionKeysOf(owner)));
  const name = { owner: owner.id, collection };
  const { head, state, version } = store.collection(owner.id, collection)!;
  runNow(verifyLog(store.wholeLog(owner.id, collection), name, undefined));
  runNow(verifyState(state, head));
  const found = new Map<string, number>();
  for (const item of store.items(owner.id, collection, { after: 0, maxBytes: Number.POSITIVE_INFINITY })
    .items) {
    verifyItem(item);
    assert.ok(item.version <= version);
    const epoch = epochOfVersion(state, item.version);
    assert.equal(epoch?.epoch, item.epoch);
    const key = await keys.unwrap({ ...name, epoch: item.epoch }, epoch);
    found.set(item.item, dataFromBytes(openItem(item, key)) as number);
  }
  store.close();
  const granted = new Set(Object.keys(state.readers));
  assert.deepEqual(Object.keys(state.epochs.at(-1)!.wraps).sort(), [...granted, owner.id].sort());
  const without = { items: expected.items, readers: expected.readers };
  const full = { items: new Map(expected.items), readers: new Set(expected.readers) };
  if (expected.begun !== undefined) apply(full, expected.begun);
  const isEither = [without, full].some(({ items, readers: ids }) => {
    return isSame(items, found) && ids.size === granted.size && [...ids].every((id) => granted.has(id));
  });
  assert.ok(isEither, `what was begun is done or not: ${JSON.stringify(expected.begun)}`);
  if (expected.begun !== undefined) {
    expected.items.clear();
    for (const [item, value] of found) expected.items.set(item, value);
    expected.readers.clear();
    for (const id of granted) expected.readers.add(id);
  }
}

function isSame(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
