import type { Member } from './member.ts'

/** What an id or a member takes besides its texts and bytes, roughly. */
const idBytes = 100
const memberBytes = 500

/**
 * What the members of all groups take: what they have told of themselves, what they were assigned, and the ids that were
 * handed out. A join brings up to a whole request, and stays for as long as its session.
 */
export class MemberMemory {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  hasRoom(moreBytes: number): boolean {
    return this.#bytes + moreBytes <= this.#bytesMax
  }

  /** So many bytes more, or less. */
  changed(bytes: number): void {
    this.#bytes += bytes
  }
}

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
