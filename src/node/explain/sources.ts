import type { ResolvedOptions } from '../../api/options.ts';
import type { Finder } from '../../discovery/finder.ts';
import type { Path } from '../../overlay/latest-paths.ts';
import type { Membership } from '../../overlay/membership/membership.ts';
import type { Presence } from '../../overlay/presence/presence.ts';
import type { Peering } from '../../peers/peering.ts';

/** The parts of a node that know something about other nodes. */
export interface ExplainSources {
  readonly options: ResolvedOptions;
  readonly peering: Peering;
  readonly finder: Finder;
  readonly membership: Membership | undefined;
  readonly presence: Presence | undefined;
  readonly broadcasts: {
    pathTo(id: string): Path | undefined;
    clockGapOf(id: string): number | undefined;
  };
  /** Handshakes of nodes that dialled this one and did not become peers, by the code of the error. */
  readonly failedInbound: Readonly<Record<string, number>>;
}
