import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkedRuntime, checkRuntime } from '../../../src/base/checked-runtime.ts';
import { type Runtime, type RuntimeTimer, systemRuntime } from '../../../src/base/runtime.ts';
import { secretBytes } from '../../../src/base/secret-bytes.ts';
import { turns, within } from '../../support/turns.ts';

/** Of a hostile user. */
function nonsense<Value>(value: unknown): () => Value {
  return () => value as Value;
}

function fails(): never {
  throw null;
}

function checked(methods: Partial<Runtime>): { runtime: Runtime; errors: TypeError[] } {
  const errors: TypeError[] = [];
  const runtime = checkedRuntime({ ...systemRuntime, ...methods }, (error) => void errors.push(error));
  return { runtime, errors };
}

suite('a runtime that is given', () => {
  const refused: Record<string, [given: unknown, message: RegExp]> = {
    'is none': ['now', /runtime must be a Runtime such as systemRuntime, .* not 'now'/],
    'lacks a method': [{ ...systemRuntime, random: 1 }, /with now, wallNow, setTimeout, random, randomBytes/],
    'is virtual perhaps': [
      { ...systemRuntime, isVirtual: 'yes' },
      /runtime.isVirtual must be a boolean, not 'yes'/,
    ],
    'has no time': [
      { ...systemRuntime, now: () => Number.NaN },
      /runtime.now must return a finite number, not NaN/,
    ],
    'has no wall clock': [
      { ...systemRuntime, wallNow: () => Number.NaN },
      /runtime.wallNow must return milliseconds since 1970, not NaN/,
    ],
    'throws for the wall clock': [{ ...systemRuntime, wallNow: fails }, /runtime.wallNow threw: null/],
    'has keys that are no function': [
      { ...systemRuntime, isVirtual: true, secretBytes: 'seed' },
      /runtime.secretBytes must be a function, not 'seed'/,
    ],
    'has keys of its own in real time': [
      { ...systemRuntime, secretBytes: (length: number) => new Uint8Array(length) },
      /runtime.secretBytes is for simulations, with isVirtual: true/,
    ],
    'has files of its own in real time': [
      { ...systemRuntime, openDatabase: () => undefined },
      /runtime.openDatabase is for simulations, with isVirtual: true/,
    ],
    'throws for the time': [{ ...systemRuntime, now: fails }, /runtime.now threw: null/],
    'has timers without cancel': [
      { ...systemRuntime, setTimeout: () => 7 },
      /runtime.setTimeout must return a timer with cancel, not 7/,
    ],
  };
  for (const [name, [given, message]] of Object.entries(refused)) {
    test(`is refused if it ${name}`, () => {
      assert.throws(() => checkRuntime(given as Runtime), { name: 'TypeError', message });
    });
  }

  test('is taken as it is otherwise', () => {
    const drawn: string[] = [];
    const seeded = {
      ...systemRuntime,
      random: () => drawn.push('random') / 2,
      randomBytes: (length: number) => new Uint8Array(drawn.push('randomBytes') * length),
    };
    assert.equal(checkRuntime(seeded), seeded);
    assert.deepEqual(drawn, [], 'no random numbers were drawn');
    assert.equal(checkedRuntime(systemRuntime, fails), systemRuntime);
    assert.equal(checkedRuntime({ ...seeded, isVirtual: true }, fails).isVirtual, true);
    assert.equal(checkedRuntime(seeded, fails).isVirtual, false);
  });
});

suite('a runtime that fails later', () => {
  const values = { null: fails, NaN: nonsense<number>(Number.NaN), 'a text': nonsense<number>('1') };
  for (const [name, now] of Object.entries(values)) {
    test(`has the system's time instead, from where its own ended: ${name}`, async () => {
      let given = () => 5_000;
      const { runtime, errors } = checked({ now: () => given() });
      assert.equal(runtime.now(), 5_000);
      given = now;
      assert.equal(runtime.now(), 5_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const later = runtime.now();
      assert.ok(later >= 5_010 && later < 65_000, `${later}`);
      assert.ok(runtime.now() >= later);
      given = () => 70_000;
      assert.equal(runtime.now(), 70_000, 'its own again');
      assert.equal(errors.length, 1, 'the first failure alone is reported');
      assert.match(errors[0]!.message, /^runtime\.now /);
    });
  }

  test('has a time that never goes back', () => {
    const times = [10, 5, 20];
    const { runtime, errors } = checked({ now: () => times.shift()! });
    const read = [runtime.now(), runtime.now(), runtime.now()];
    assert.deepEqual([read[0], read[1], read[2]], [10, 10, 20]);
    assert.match(errors[0]!.message, /must never go back; it returned 5 after 10/);
  });

  for (const [name, wallNow] of Object.entries({ ...values, 'a time too late': (): number => 1e16 })) {
    test(`has the system's wall clock instead: ${name}`, () => {
      const { runtime, errors } = checked({ wallNow });
      const before = Date.now();
      const times = [runtime.wallNow(), runtime.wallNow()];
      assert.ok(times.every((ms) => ms >= before && ms <= Date.now()));
      assert.equal(errors.length, 1, 'one report');
      assert.match(
        errors[0]!.message,
        /^runtime\.wallNow (threw: null|must return milliseconds since 1970, not )/,
      );
    });
  }

  test('may have a wall clock that goes back', () => {
    const times = [10.5, -5];
    const { runtime, errors } = checked({ wallNow: () => times.shift()! });
    assert.deepEqual([runtime.wallNow(), runtime.wallNow()], [10.5, -5]);
    assert.deepEqual(errors, []);
  });

  const timers: Record<string, Runtime['setTimeout']> = {
    'throw null': fails,
    'have no cancel': (callback, delayMs) => {
      systemRuntime.setTimeout(callback, delayMs);
      return {} as RuntimeTimer;
    },
    'run before the call returns': (callback, delayMs) => {
      callback();
      return systemRuntime.setTimeout(callback, delayMs);
    },
    'run twice': (callback, delayMs) => {
      systemRuntime.setTimeout(callback, delayMs);
      return systemRuntime.setTimeout(callback, delayMs);
    },
  };
  for (const [name, setTimeout] of Object.entries(timers)) {
    test(`has timers that run once, and never when cancelled: they ${name}`, async () => {
      const { runtime, errors } = checked({ setTimeout });
      runtime.setTimeout(() => assert.fail('it was cancelled'), 1).cancel();
      let calls = 0;
      const ran = new Promise<void>((resolve) => {
        const timer = runtime.setTimeout(() => {
          calls += 1;
          timer.cancel();
          resolve();
        }, 1);
      });
      assert.equal(calls, 0);
      await within(ran, 'the timer runs');
      await new Promise((resolve) => systemRuntime.setTimeout(() => resolve(undefined), 10));
      await turns();
      assert.equal(calls, 1);
      assert.equal(errors.length, name === 'run twice' ? 0 : 1);
    });
  }

  test('is reported where cancel throws, and the timer does not run', async () => {
    const { runtime, errors } = checked({
      setTimeout: (callback, delayMs) => {
        systemRuntime.setTimeout(callback, delayMs);
        return { cancel: fails };
      },
    });
    const timer = runtime.setTimeout(() => assert.fail('it was cancelled'), 1);
    timer.cancel();
    timer.cancel();
    await new Promise((resolve) => systemRuntime.setTimeout(() => resolve(undefined), 10));
    assert.match(errors[0]!.message, /^runtime.setTimeout threw: null/);
  });

  test('has the random numbers of the system instead', () => {
    for (const random of [fails, nonsense<number>('0.5'), nonsense<number>(1), nonsense<number>(-0.1)]) {
      const { runtime, errors } = checked({ random });
      const value = runtime.random();
      assert.ok(value >= 0 && value < 1);
      assert.equal(errors.length, 1);
    }
    const bytes = [
      fails,
      nonsense<Uint8Array>([1]),
      nonsense<Uint8Array>(new Uint8Array(15)),
      nonsense<Uint8Array>(null),
    ];
    for (const randomBytes of bytes) {
      const { runtime, errors } = checked({ randomBytes });
      assert.equal(runtime.randomBytes(16).length, 16);
      assert.equal(errors.length, 1);
    }
    const { runtime, errors } = checked({
      random: () => 0,
      randomBytes: (length) => Buffer.alloc(length, 7),
    });
    assert.equal(runtime.random(), 0);
    assert.deepEqual([...runtime.randomBytes(2)], [7, 7]);
    assert.deepEqual(errors, []);
  });

  test('has keys of the system instead', () => {
    const isVirtual = true;
    const bytes = [fails, nonsense<Uint8Array>(new Uint8Array(31)), nonsense<Uint8Array>(undefined)];
    for (const secrets of bytes) {
      const { runtime, errors } = checked({ isVirtual, secretBytes: secrets });
      const [one, other] = [1, 2].map(() => Buffer.from(secretBytes(runtime, 32, 'test')).toString('hex'));
      assert.notEqual(one, other);
      assert.equal(errors.length, 1);
      assert.match(errors[0]!.message, /^runtime\.secretBytes (threw|must return)/);
    }
    const { runtime } = checked({ isVirtual, secretBytes: (length) => new Uint8Array(length).fill(9) });
    assert.deepEqual([...secretBytes(runtime, 2, 'test')], [9, 9]);
    assert.equal(checked({ isVirtual }).runtime.secretBytes, undefined);
  });

  test('is reported with what it threw, whatever that is', () => {
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    const { runtime, errors } = checked({
      random: () => {
        throw revoked;
      },
    });
    runtime.random();
    assert.match(errors[0]!.message, /^runtime.random threw: an object that throws/);
    assert.ok(Object.is(errors[0]!.cause, revoked));
  });
});
