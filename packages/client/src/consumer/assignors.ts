import type { TopicPartition } from '@millrace/kernel'
import type { Assignor, AssignorCluster, AssignorMember, MemberAssignment } from '../consumer.ts'

/** Kafka's `roundrobin`: all partitions of all topics, dealt out one by one to the members that subscribe to them. */
export function roundRobinAssignor(): Assignor {
  return assignor('roundrobin', (members, cluster) => {
    const given = emptyAssignments(members)
    const order = inOrder(members)
    const subscribed = new Map(members.map((member) => [member.memberId, new Set(member.topics)]))
    let at = 0
    for (const topic of subscribersByTopic(members).keys()) {
      const partitions = cluster.partitionsOf(topic) ?? 0
      for (let partition = 0; partition < partitions; partition++) {
        while (!subscribed.get(order[at % order.length]!)?.has(topic)) at++
        given.get(order[at++ % order.length]!)?.push({ topic, partition })
      }
    }
    return given
  })
}

/** An assignor that only divides. */
export function assignor(
  name: string,
  divide: (members: readonly AssignorMember[], cluster: AssignorCluster) => Map<string, TopicPartition[]>,
): Assignor {
  return {
    name,
    userData: () => null,
    assign(members, cluster) {
      const assignments = new Map<string, MemberAssignment>()
      for (const [memberId, partitions] of divide(members, cluster)) {
        assignments.set(memberId, { partitions, userData: null })
      }
      return assignments
    },
    onAssigned() {},
  }
}

/** Every member, with nothing. */
export function emptyAssignments(members: readonly AssignorMember[]): Map<string, TopicPartition[]> {
  return new Map(members.map((member) => [member.memberId, []]))
}

/** Ids of members, static ones first by their names: they keep their place when they come back under another id. */
function inOrder(members: readonly AssignorMember[]): string[] {
  const place = ({ groupInstanceId, memberId }: AssignorMember) =>
    typeof groupInstanceId === 'string' ? `0${groupInstanceId}` : `1${memberId}`
  const placed = members.map((member) => ({ at: place(member), memberId: member.memberId }))
  return placed.sort((a, b) => (a.at < b.at ? -1 : 1)).map(({ memberId }) => memberId)
}

/** Topic to the ids of its subscribers, both sorted: every member that computes it gets the same. */
export function subscribersByTopic(members: readonly AssignorMember[]): Map<string, string[]> {
  const topicsOf = new Map(members.map((member) => [member.memberId, new Set(member.topics)]))
  const byTopic = new Map<string, string[]>()
  for (const memberId of inOrder(members)) {
    for (const topic of topicsOf.get(memberId) ?? []) {
      const list = byTopic.get(topic)
      if (list === undefined) byTopic.set(topic, [memberId])
      else list.push(memberId)
    }
  }
  return new Map([...byTopic].sort(([a], [b]) => (a < b ? -1 : 1)))
}
