import type { AddressRecord } from './address-record.ts';
import { Contact } from './contacts.ts';
import type { MembershipFrame } from './membership-frames.ts';
import type { MembershipMessage } from './membership-messages.ts';

/** Returns a message as it travels, or `undefined` if it is about a node without a record. */
export function frameOf(message: MembershipMessage<Contact>): MembershipFrame | undefined {
  if (message.kind !== 'forwardJoin') {
    return { ...message, contacts: message.contacts.flatMap(({ record }) => record ?? []) };
  }
  const { record } = message.contact;
  return record && { ...message, contact: record };
}

/** Returns the message of a frame. What it reports about other nodes is not checked yet. */
export function messageOf(message: MembershipMessage<AddressRecord>): MembershipMessage<Contact> {
  const told = (record: AddressRecord): Contact => new Contact(record.id, record);
  return message.kind === 'forwardJoin'
    ? { ...message, contact: told(message.contact) }
    : { ...message, contacts: message.contacts.map(told) };
}
