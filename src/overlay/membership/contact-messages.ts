import type { AddressRecord } from './address-record.ts';
import { Contact } from './contacts.ts';
import type { MembershipFrame } from './membership-frames.ts';
import type { MembershipMessage } from './membership-messages.ts';

/** A message as it travels. @returns undefined for a message about a node without a record. */
export function frameOf(message: MembershipMessage<Contact>): MembershipFrame | undefined {
  if (message.kind !== 'forwardJoin') {
    return { ...message, contacts: message.contacts.flatMap(({ record }) => record ?? []) };
  }
  const { record } = message.contact;
  return record && { ...message, contact: record };
}

/** What another node says of nodes, before it is checked. */
export function messageOf(message: MembershipMessage<AddressRecord>): MembershipMessage<Contact> {
  const told = (record: AddressRecord): Contact => new Contact(record.id, record);
  return message.kind === 'forwardJoin'
    ? { ...message, contact: told(message.contact) }
    : { ...message, contacts: message.contacts.map(told) };
}
