export { readHistoryFrame } from './history-frames.ts';
export { sendHistoryFrame } from './history-peer.ts';
export { KeeperWalks } from './keeper-walks.ts';
