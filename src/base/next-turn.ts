/** Keeps a callback from running in the next turn; does nothing if it has run. */
type Cancel = () => void;

let channel: MessageChannel | undefined;
/** The callbacks that wait, in order: each message that arrives runs one. */
const waiting = new Set<{ readonly callback: () => void }>();

/**
 * Runs a callback in the next turn of the event loop, in the order of the calls. A timer would take 4 ms in a browser,
 * and a second in a hidden page, so this sends a message to itself instead.
 */
export function inNextTurn(callback: () => void): Cancel {
  if (typeof setImmediate === 'function') {
    const immediate = setImmediate(callback);
    return () => clearImmediate(immediate);
  }
  channel ??= openChannel();
  const turn = { callback };
  waiting.add(turn);
  channel.port2.postMessage(undefined);
  return () => waiting.delete(turn);
}

function openChannel(): MessageChannel {
  const opened = new MessageChannel();
  opened.port1.onmessage = () => {
    const [first] = waiting;
    if (first === undefined) return;
    waiting.delete(first);
    first.callback();
  };
  return opened;
}
