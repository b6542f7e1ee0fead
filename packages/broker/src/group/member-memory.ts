import type { Member } from './member.ts'

/** What an id or a member takes besides its texts and bytes, roughly. */
const idBytes = 100
const memberBytes = 500

export function bytesOfId(memberId: string): number {
  return idBytes + memberId.length
}

/** Of a member, or of one that wants to be. */
export function bytesOfMember(member: Pick<Member, 'clientId' | 'protocols'> & Partial<Member>): number {
  const { memberId = '', clientId, protocols, assignment } = member
  let bytes = memberBytes + memberId.length + clientId.length + (assignment?.length ?? 0)
  for (const { name, metadata } of protocols) bytes += idBytes + name.length + metadata.length
  return bytes
}
