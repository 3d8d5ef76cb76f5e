export { sendStateOver } from './send-state.ts';
export { StateReceiver } from './state-receiver.ts';
