import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { readJson, readJsonInSteps, takesLong } from '../../../src/p2pnetwork/python-json.ts';

/** Standard JSON and near misses of it. NaN beside them has the text read by hand. */
const pieces = [
  ...[
    '0',
    '01',
    '1',
    '-1',
    '-12',
    '-',
    '--1',
    '1.5',
    '.5',
    '5.',
    '1e3',
    '1E+2',
    '-1.5e-3',
    '+1',
    '1_0',
    '1a',
  ],
  ...[
    '999999999999999',
    '1234567890123456',
    '123456789012345.5',
    '0.30000000000000004',
    '12345678901234567e-3',
  ],
  ...['true', 'false', 'null', 'nul', 'nulls', 'True', ''],
  ...[
    '""',
    '"a"',
    '"abcdefghijkl"',
    '"abcdefghijklm"',
    '"a\\"b"',
    '"\\\\"',
    '"\\u00e9"',
    '"😀"',
    '"tab\tx"',
    '"',
  ],
  ...['{}', '{"a":1}', '{"a":1,"a":2}', '{"b":1,"10":2,"9":3}', '{"__proto__":1}', '{"toString":1}', '{1:2}'],
  ...[
    '{"a":}',
    '{"a" : 1 , "b":[ ]}',
    '{"a":1,}',
    '[]',
    '[1,]',
    '[,1]',
    '[1 2]',
    ' 1',
    '\n2\r',
    '\u00a01',
    '\v1',
  ],
];

const reading = { bigIntegers: false, maxContainers: 1_000 };

function read(read: (text: string) => unknown, text: string): unknown {
  try {
    return read(text);
  } catch (error) {
    return (error as Error).name;
  }
}

suite('JSON of Python that JSON.parse cannot read', () => {
  test('is read as JSON.parse would read the same without NaN', () => {
    const piece = fc.constantFrom(...pieces);
    const nested = fc
      .array(piece, { maxLength: 4 })
      .chain((items) =>
        fc.constantFrom(items.join(','), `[${items.join(', ')}]`, `{"key":[${items.join(',')}]}`),
      );
    fc.assert(
      fc.property(nested, (text) => {
        const byHand = read((json) => (readJson(json, reading) as unknown[])[0], `[[${text}],NaN]`);
        assert.deepEqual(byHand, read(JSON.parse, `[${text}]`), text);
      }),
      { numRuns: 2_000 },
    );
  });

  test('may hold the names of numbers that are none in JSON', () => {
    const read = readJson('[NaN,Infinity, -Infinity,{"a":NaN}]', reading);
    assert.deepEqual(read, [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      { a: Number.NaN },
    ]);
  });
});

suite('JSON that is read in steps', () => {
  const item = '{"\\u0061":[NaN,1.5,-0.25,"x\\"y",null,true]}';
  const long = `[${Array(5_000).fill(item).join(' , ')}]`;
  const limits = { bigIntegers: true, maxContainers: 10_001 };

  test('is the same, and pauses after each 8 KiB', async () => {
    let pauses = 0;
    const read = await readJsonInSteps(long, limits, () => {
      pauses += 1;
      return undefined;
    });
    assert.deepEqual(read, { data: readJson(long, limits), containers: 10_001 });
    assert.ok(pauses > long.length / 8_400 - 2 && pauses <= long.length / 8_192, `${pauses} pauses`);
  });

  test('is refused with too many containers, and where it is nested too deep', async () => {
    const go = (): undefined => undefined;
    await assert.rejects(
      readJsonInSteps(long, { ...limits, maxContainers: 10_000 }, go),
      /more than 10000 lists, objects/,
    );
    const nested = (depth: number): string => `${'['.repeat(depth)}NaN${']'.repeat(depth)}`;
    await readJsonInSteps(nested(256), limits, go);
    await assert.rejects(readJsonInSteps(nested(257), limits, go), /nested deeper than 256 levels/);
    await assert.rejects(readJsonInSteps(`${nested(3)}]`, limits, go), SyntaxError);
    await assert.rejects(readJsonInSteps('[[NaN]', limits, go), SyntaxError);
  });

  test('is longer than 64 Ki characters, or than 1 Mi where JSON.parse can read it', () => {
    const text = (length: number, start = ''): string => `["${start.padEnd(length - 4, 'x')}"]`;
    const sizes = [64 * 1024, 64 * 1024 + 1, 1024 * 1024, 1024 * 1024 + 1];
    assert.deepEqual(
      sizes.map((size) => [takesLong(text(size, '\\n')), takesLong(text(size))]),
      [
        [false, false],
        [true, false],
        [true, false],
        [true, true],
      ],
    );
  });
});
