import type { Dispatcher } from '../api/dispatcher.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import { Presence, type PresenceOptions } from '../overlay/presence/presence.ts';

export interface CreatePresenceOptions extends Pick<PresenceOptions, 'broadcast'> {
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly budget: MemoryBudget;
}

/** Creates the presence of a node. @returns `undefined` without the option. */
export function createPresence({
  options: { presence, runtime },
  broadcast,
  dispatcher,
  budget,
}: CreatePresenceOptions): Presence | undefined {
  if (presence === undefined) return undefined;
  const created = new Presence({
    ...presence,
    runtime,
    broadcast,
    onJoined: (id) => dispatcher.emit('node_joined', id),
    onLeft: (id, reason) => dispatcher.emit('node_left', id, reason),
    onGrowth: budget.grew,
  });
  budget.share(() => created.heldBytes);
  return created;
}
