import type { Data } from '../../base/data.ts';

const asMember = { configurable: true, enumerable: true, writable: true };

/** Adds an own member with any key. A plain assignment could call a setter, or be refused. */
export function setMember(members: Record<string, Data>, key: string, value: Data): void {
  if (key in Object.prototype) Object.defineProperty(members, key, { ...asMember, value });
  else members[key] = value;
}
