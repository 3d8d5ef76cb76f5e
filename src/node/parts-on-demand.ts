import * as dialling from '../discovery/dialling-parts.ts';
import * as lookup from '../discovery/node-lookup.ts';
import * as networkSecrets from '../identity/network-secret.ts';
import * as walks from '../overlay/history/walk-parts.ts';
import * as membership from '../overlay/membership/membership.ts';
import * as mover from '../peers/mover.ts';
import * as explaining from './explain/explain.ts';
import * as states from './states/state-parts.ts';
import * as topics from './topic-parts.ts';

/** What a page loads when it needs it. */
export const parts = {
  dialling,
  explaining,
  lookup,
  membership,
  mover,
  networkSecrets,
  states,
  topics,
  walks,
};

export type Parts = typeof parts;
