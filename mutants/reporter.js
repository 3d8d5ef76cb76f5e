// A reporter of node:test for the runner of mutants: TAP without nesting, a line as soon as a test ends, so that the
// runner ends the process at the first failure. The reporter `tap` tells of a test only when its suite has ended.
export default async function* report(events) {
  let count = 0;
  yield 'TAP version 13\n';
  for await (const { type, data } of events) {
    if (type !== 'test:complete') continue;
    const { name, details } = data;
    yield `${details.passed ? 'ok' : 'not ok'} ${++count} - ${name.replaceAll(/[#\\\n]/g, ' ')}\n`;
    // Otherwise the parser waits for another line, which may tell more of the failure.
    if (!details.passed) yield 'Bail out!\n';
  }
  yield `1..${count}\n`;
}
