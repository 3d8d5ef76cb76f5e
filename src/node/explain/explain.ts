import { Explanation, type ExplanationLine, type ReachState } from '../../api/explanation.ts';
import type { Peer } from '../../peers/peer.ts';
import { explainAbsence } from './explain-absence.ts';
import { explainConnection } from './explain-connection.ts';
import { explainSelf } from './explain-self.ts';
import type { ExplainSources } from './sources.ts';

/** Explains why a node is, or is not, reached, see {@link Node.explain}. It only reads what the node knows. */
export function explain(id: string, sources: ExplainSources): Explanation {
  const own = runLines(sources);
  if (id === ownIdOf(sources)) return new Explanation(id, 'self', [...own, ...explainSelf(sources)]);
  const peer = sources.peering.peers.find(id);
  const state = peer && stateOf(peer);
  if (peer !== undefined && state !== undefined) {
    return new Explanation(id, state, [...explainConnection(peer, state, sources), ...own]);
  }
  const absence = explainAbsence(id, sources);
  const isUnderWay =
    peer !== undefined && (peer.dialling.security !== undefined || peer.answering.security !== undefined);
  return new Explanation(id, isUnderWay ? 'connecting' : absence.state, [...own, ...absence.lines]);
}

function stateOf({ state }: Peer): ReachState | undefined {
  if (state === 'absent') return undefined;
  return state === 'ending' ? 'closing' : state;
}

/** Whether this node itself can reach anybody. */
function runLines({ peering: { state } }: ExplainSources): readonly ExplanationLine[] {
  if (state === 'started') return [];
  if (state === 'stopped') {
    return [{ about: 'node', text: 'this node was stopped', advice: 'make a new Node, and start it' }];
  }
  return [{ about: 'node', text: 'this node has not been started', advice: 'await start() first' }];
}

/** `undefined` before the start of a node whose identity is in a store. */
function ownIdOf({ options: { identity } }: ExplainSources): string | undefined {
  try {
    return identity.id;
  } catch {
    return undefined;
  }
}
