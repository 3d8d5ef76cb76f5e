import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { loadOrCreateIdentity } from '../../../src/identity/identity-file.ts';
import { stepFiles } from '../support/stepped-files.ts';

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'peerloom-identity-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

/** `npm run test:long -- races` tries all pairs of steps, which sync the disk thousands of times. Here: a third of them. */
const isWhole = process.env.PEERLOOM_ALL_STEPS !== undefined;

/** Each step of a creation is one of these; the last one is beyond its end. */
const steps = Array.from({ length: 32 }, (_, index) => index);

suite('an identity file that several processes create, where there are no hard links', () => {
  test('is one identity for all of them, whichever step each of them stops at', (t) => {
    const folder = temporaryFolder(t);
    let interrupt = (): void => {};
    stepFiles(t, () => interrupt());
    const ids = new Set<string>();
    let creations = 0;
    /** Creates the identity; at a step, another process creates it as well, and at one of its steps a third one. */
    const create = (file: string, [at, ...deeper]: readonly number[]): void => {
      let step = 0;
      const outer = interrupt;
      interrupt = () => {
        if (step++ === at) create(file, deeper);
      };
      ids.add(loadOrCreateIdentity({ path: file }).id);
      creations += 1;
      interrupt = outer;
    };
    for (const first of steps) {
      for (const second of steps) {
        if (!isWhole && (first + second) % 3 !== 0) continue;
        const file = path.join(folder, `${first}-${second}`, 'identity.pem');
        ids.clear();
        create(file, [first, second]);
        create(file, []);
        assert.equal(ids.size, 1, `others came at the steps ${first} and ${second}`);
        assert.deepEqual(fs.readdirSync(path.dirname(file)), ['identity.pem']);
      }
    }
    assert.ok(creations > (isWhole ? 2 : 0.6) * steps.length ** 2);
    creations = 0;
    create(path.join(folder, 'last', 'identity.pem'), [steps.length - 1]);
    assert.equal(creations, 1, 'a creation has no more steps than were tried');
  });

  test('can be created also after a process was killed at any step', (t) => {
    const folder = temporaryFolder(t);
    let beforeStep = (): void => {};
    let killed = 0;
    stepFiles(t, () => beforeStep());
    for (const at of steps) {
      const file = { path: path.join(folder, `${at}`, 'identity.pem') };
      let step = 0;
      let seen: string | undefined;
      beforeStep = () => {
        if (step++ >= at) throw new Error('killed');
      };
      try {
        seen = loadOrCreateIdentity(file).id;
      } catch {}
      beforeStep = () => {};
      const { id } = loadOrCreateIdentity(file);
      assert.equal(id, seen ?? id, `killed at step ${at}`);
      assert.equal(loadOrCreateIdentity(file).id, id);
      if (seen === undefined) killed += 1;
    }
    assert.ok(killed > steps.length / 2, `${killed} were killed`);
  });
});
