import type { PollingConsumer } from '@millrace/client/internal'
import type { TopicPartition } from '@millrace/kernel'
import type { IMemberAssignment } from '../consumer.ts'
import type { Logger } from '../logger.ts'
import type { RunnerParts } from './runner-parts.ts'

/** Tells of each round of the group what it gave this member, once. */
export class RoundTeller {
  readonly #parts: RunnerParts
  readonly #consumer: PollingConsumer
  readonly #logger: Logger
  #generation = -1

  constructor(parts: RunnerParts, consumer: PollingConsumer, logger: Logger) {
    this.#parts = parts
    this.#consumer = consumer
    this.#logger = logger
  }

  /** Called when a round's partitions are assigned. Returns whether the round was news. */
  tell(): boolean {
    const { watcher, groupId, emitter, events, link } = this.#parts
    const { round } = watcher
    const member = this.#consumer.groupMetadata()
    if (round === undefined || member === undefined || member.generation !== round.generation) return false
    if (member.generation === this.#generation) return false
    this.#generation = member.generation
    const assignment = this.#consumer.assignment()
    this.#tellUnsubscribed(assignment, member.generation, member.memberId)
    const { memberId, leaderId, protocol: groupProtocol, startedAtMs } = round
    const payload = {
      groupId,
      memberId,
      leaderId,
      isLeader: leaderId === memberId,
      memberAssignment: this.#subscribed(assignment),
      groupProtocol,
      duration: link.ports.clock.nowMs() - startedAtMs,
    }
    emitter.emit(events.GROUP_JOIN, payload)
    this.#logger.info('Consumer has joined the group', payload)
    return true
  }

  #subscribed(assignment: readonly TopicPartition[]): IMemberAssignment {
    const byTopic: IMemberAssignment = {}
    for (const { topic, partition } of assignment) {
      if (!this.#parts.topics.includes(topic)) continue
      const known = byTopic[topic]
      if (known === undefined) byTopic[topic] = [partition]
      else known.push(partition)
    }
    return byTopic
  }

  /** An assigner may give what was not asked for: it is not read. */
  #tellUnsubscribed(assignment: readonly TopicPartition[], generationId: number, memberId: string): void {
    const { topics, groupId, emitter, events } = this.#parts
    const strange = assignment.filter(({ topic }) => !topics.includes(topic))
    if (strange.length === 0) return
    this.#consumer.pause(strange)
    const facts = {
      groupId,
      generationId,
      memberId,
      assignedTopics: [...new Set(assignment.map(({ topic }) => topic))],
      topicsSubscribed: [...topics],
      topicsNotSubscribed: [...new Set(strange.map(({ topic }) => topic))],
    }
    emitter.emit(events.RECEIVED_UNSUBSCRIBED_TOPICS, facts)
    this.#logger.warn('Consumer group received unsubscribed topics', facts)
  }
}
