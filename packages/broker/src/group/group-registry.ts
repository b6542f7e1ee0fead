import type { Buffer } from 'node:buffer'
import { type Clock, messageOf, type Timer, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import { CoordinatorLog, type CoordinatorRecord, type RecordPlace, type Written } from '../coordinator-log.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { LogBudget } from '../log-budget.ts'
import type { Settings } from '../settings.ts'
import { ClassicGroup, type GroupLimits, type RestoredGroup } from './classic-group.ts'
import type { StoredOffset } from './committed-offset.ts'
import { GroupMemory } from './group-memory.ts'
import { CountedOffsets } from './offset-memory.ts'
import {
  decodeGroup,
  decodeOffset,
  decodeOffsetsKey,
  encodeGroup,
  encodeGroupKey,
  encodeOffsetKey,
} from './offsets-format.ts'
import { PendingOffsets } from './pending-offsets.ts'

/** A group with what it has committed, and its timer. */
export interface GroupEntry {
  readonly group: ClassicGroup
  readonly offsets: CountedOffsets
  /** Commits that are in the log and not yet in `offsets`: what they are for must not lapse meanwhile. */
  committing: number
  timer: Timer | undefined
  timerAtMs: number
}

/** Of groups that were not taken. */
const linesAMinute = 10

/** Names may have 32,767 characters. If all had, there would be room for fewer. */
const nameCharsUsual = 256

interface Loaded {
  group: RestoredGroup | undefined
  readonly offsets: CountedOffsets
}

/** All groups of this broker, their timers, and their records in `__consumer_offsets`. */
export class GroupRegistry {
  readonly log: CoordinatorLog
  /** Committed in transactions that are still open. */
  readonly pending: PendingOffsets
  /** Of the committed offsets of all groups, those of open transactions among them. */
  readonly offsetMemory: GroupMemory
  readonly #ports: BrokerPorts
  readonly #limits: GroupLimits
  readonly #entries = new Map<string, GroupEntry>()
  readonly #groupsMax: number
  readonly #budget: LogBudget
  #nameChars = 0
  /** Wall clock minus monotonic clock at the start: sessions must not end because somebody set the clock. */
  readonly #wallMs: number
  #closed = false

  constructor(directory: LogDirectory, ports: BrokerPorts, settings: Settings) {
    this.#ports = ports
    this.offsetMemory = new GroupMemory(settings['group.offsets.max.bytes'])
    this.pending = new PendingOffsets(this.offsetMemory)
    this.log = new CoordinatorLog(directory, ports, offsetsLog(settings))
    this.#limits = {
      initialRebalanceDelayMs: settings['group.initial.rebalance.delay.ms'],
      groupMaxSize: settings['group.max.size'],
      memory: new GroupMemory(settings['group.members.max.bytes']),
    }
    this.#groupsMax = settings['groups.max']
    this.#budget = new LogBudget(ports.clock, linesAMinute)
    this.#wallMs = ports.clock.nowMs() - ports.clock.monotonicMs()
  }

  get clock(): Clock {
    return this.#ports.clock
  }

  /** Milliseconds since 1970 that never step back. */
  nowMs(): number {
    return Math.round(this.#wallMs + this.#ports.clock.monotonicMs())
  }

  get(groupId: string): GroupEntry | undefined {
    return this.#entries.get(groupId)
  }

  /** A group that is not known yet has to wait until others are gone, which is counted and logged. */
  refusesNew(groupId: string): boolean {
    const isFull = this.#entries.size >= this.#groupsMax || this.#nameChars >= this.#groupsMax * nameCharsUsual
    if (!isFull) return false
    this.refused('groups')
    const more = this.#budget.take('groups')
    if (more === undefined) return true
    const fields = { group: groupId.slice(0, nameCharsUsual), 'groups.max': this.#groupsMax, ...more }
    this.#ports.log.warn('no more groups: groups.max is reached', fields)
    return true
  }

  refused(bound: 'groups' | 'members' | 'offsets'): void {
    const help = 'Requests refused because a bound on groups or their members was reached'
    this.#ports.metrics.counter('millrace_broker_groups_refused_total', help, { bound }).add()
  }

  all(): IterableIterator<GroupEntry> {
    return this.#entries.values()
  }

  getOrAdd(groupId: string): GroupEntry {
    return this.#entries.get(groupId) ?? this.#add(groupId)
  }

  /** Must follow every call that may have changed the group: its timer is set anew. */
  changed(entry: GroupEntry): void {
    const dueMs = entry.group.deadlineMs
    // A session that was prolonged leaves its timer: it fires early once, and is set anew then.
    if (this.#closed || dueMs === Number.POSITIVE_INFINITY || (entry.timer !== undefined && entry.timerAtMs <= dueMs))
      return
    entry.timer?.cancel()
    entry.timerAtMs = dueMs
    const fire = () => {
      entry.timer = undefined
      this.#expire(entry.group)
      this.changed(entry)
    }
    entry.timer = this.#ports.clock.after(Math.max(dueMs - this.nowMs(), 1), fire, 'background')
  }

  /** Takes a group away, in the log too. @throws what the log throws; the group stays then. */
  remove(entry: GroupEntry): Written {
    const { groupId } = entry.group
    const records: CoordinatorRecord[] = [{ key: encodeGroupKey(groupId), value: null }]
    for (const at of this.#partitionsOf(entry)) {
      records.push({ key: encodeOffsetKey(groupId, at.topic, at.partition), value: null })
    }
    const written = this.log.append(groupId, records)
    this.pending.dropGroup(groupId)
    entry.offsets.release()
    entry.timer?.cancel()
    entry.group.die('GROUP_ID_NOT_FOUND', this.nowMs())
    if (this.#entries.delete(groupId)) this.#nameChars -= groupId.length
    return written
  }

  /** Everything the log has; live groups have a whole session to report. */
  async load(): Promise<void> {
    const loaded = new Map<string, Loaded>()
    await this.log.load({
      record: (key, value, place) => this.#replay(loaded, key, value, place),
      marker: (partition, producerId, commit) => this.#replayMarker(loaded, partition, producerId, commit),
    })
    const nowMs = this.nowMs()
    for (const [groupId, { group, offsets }] of loaded) {
      if (group === undefined && offsets.size === 0 && !this.pending.hasGroup(groupId)) continue
      const entry = this.#add(groupId, offsets)
      if (group !== undefined) entry.group.restore(group, nowMs)
      this.changed(entry)
    }
  }

  /** Everybody who waits is told to look for a coordinator again. */
  close(): void {
    this.#closed = true
    for (const { group, timer } of this.#entries.values()) {
      timer?.cancel()
      group.die('COORDINATOR_NOT_AVAILABLE', this.nowMs())
    }
    this.#entries.clear()
  }

  #expire(group: ClassicGroup): void {
    const before = group.membership.size
    group.expire(this.nowMs())
    const lost = before - group.membership.size
    if (lost <= 0) return
    this.#ports.metrics
      .counter('millrace_broker_group_members_lost_total', 'Group members whose time ran out')
      .add(lost)
    this.#ports.log.info('members of a group have been silent for too long', { group: group.groupId, lost })
  }

  #replay(loaded: Map<string, Loaded>, keyBytes: Buffer, value: Buffer | null, place: RecordPlace): void {
    try {
      const key = decodeOffsetsKey(keyBytes)
      if (key.kind === 'other') {
        this.#skip(`key version ${key.version} is not of a classic group`)
        return
      }
      const state = this.#loadedOf(loaded, key.groupId)
      if (key.kind === 'group') {
        state.group = value === null ? undefined : decodeGroup(value)
        return
      }
      if (value === null) {
        state.offsets.delete(key.topic, key.partition)
        this.pending.drop(key.groupId, key.topic, key.partition)
        return
      }
      const stored = { ...decodeOffset(value), recordOffset: place.offset }
      if (place.producerId < 0) state.offsets.set(key.topic, key.partition, stored)
      else this.pending.add({ ...key, ...place, topicPartition: key.partition }, stored)
    } catch (error) {
      this.#skip(String(error))
    }
  }

  #replayMarker(loaded: Map<string, Loaded>, partition: number, producerId: number, commit: boolean): void {
    for (const [groupId, offsets] of this.pending.end(partition, producerId)) {
      if (commit) applyOffsets(this.#loadedOf(loaded, groupId).offsets, offsets)
    }
  }

  #loadedOf(loaded: Map<string, Loaded>, groupId: string): Loaded {
    const known = loaded.get(groupId)
    if (known !== undefined) return known
    const made: Loaded = { group: undefined, offsets: new CountedOffsets(this.offsetMemory) }
    loaded.set(groupId, made)
    return made
  }

  /** Those it has committed for, in transactions too. */
  #partitionsOf({ group, offsets }: GroupEntry): TopicPartition[] {
    const all = new TopicPartitionMap<true>()
    for (const [at] of offsets) all.set(at.topic, at.partition, true)
    for (const at of this.pending.partitionsOf(group.groupId)) all.set(at.topic, at.partition, true)
    return [...all].map(([at]) => at)
  }

  #skip(why: string): void {
    const help = 'Records of __consumer_offsets that were not understood'
    this.#ports.metrics.counter('millrace_broker_offsets_records_skipped_total', help).add()
    this.#ports.log.warn('a record of __consumer_offsets was skipped', { why })
  }

  #add(groupId: string, offsets = new CountedOffsets(this.offsetMemory)): GroupEntry {
    const surroundings = {
      newMemberId: (hint: string) => `${hint}-${this.#ports.random.uuid()}`,
      store: (group: ClassicGroup) => {
        const value = encodeGroup(group.snapshot())
        try {
          this.log.append(groupId, [{ key: encodeGroupKey(groupId), value }])
        } catch (error) {
          this.#ports.log.error('a group could not be written', { group: groupId, reason: messageOf(error) })
          throw error
        }
      },
    }
    const group = new ClassicGroup(groupId, this.#limits, surroundings, this.nowMs())
    const entry: GroupEntry = { group, offsets, committing: 0, timer: undefined, timerAtMs: 0 }
    this.#entries.set(groupId, entry)
    this.#nameChars += groupId.length
    return entry
  }
}

/** A transaction's offsets are committed: of each partition the later record counts, whatever the order of the ends. */
export function applyOffsets(
  held: TopicPartitionMap<StoredOffset>,
  ended: Iterable<readonly [TopicPartition, StoredOffset]>,
): void {
  for (const [{ topic, partition }, value] of ended) {
    const known = held.get(topic, partition)
    if (known === undefined || known.recordOffset < value.recordOffset) held.set(topic, partition, value)
  }
}

function offsetsLog(settings: Settings) {
  return {
    name: offsetsTopic,
    what: 'groups',
    partitions: settings['offsets.topic.num.partitions'],
    configs: new Map([
      ['cleanup.policy', 'compact'],
      ['segment.bytes', String(settings['offsets.topic.segment.bytes'])],
      ['compression.type', 'producer'],
    ]),
  }
}
