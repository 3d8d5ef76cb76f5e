import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { listenAddresses } from '../../../src/api/listen-addresses.ts';
import { withCode } from '../../support/errors.ts';

suite('an option that says where a transport listens', () => {
  test('is a list of addresses, port 0 included', () => {
    assert.equal(listenAddresses(undefined, 'tcp({ listen })'), undefined);
    const [first, second] = listenAddresses(['127.0.0.1:10001', '[::1]:0'], 'tcp({ listen })')!;
    assert.deepEqual([first!.host, first!.port, second!.host, second!.port], ['127.0.0.1', 10_001, '::1', 0]);
  });

  test('is nothing else', () => {
    const text = '127.0.0.1:10001' as unknown as string[];
    const advice =
      /^tcp\(\{ listen \}\) must be a list such as \['127.0.0.1:10001'\], not '127.0.0.1:10001'$/;
    assert.throws(() => listenAddresses(text, 'tcp({ listen })'), { name: 'TypeError', message: advice });
    assert.throws(
      () => listenAddresses(['here'], 'tcp({ listen })'),
      withCode('ERR_ADDRESS_INVALID', /here/),
    );
  });
});
