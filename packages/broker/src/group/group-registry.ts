import type { Buffer } from 'node:buffer'
import { type Clock, messageOf, type Timer, TopicPartitionMap } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Settings } from '../settings.ts'
import { ClassicGroup, type GroupLimits, type RestoredGroup } from './classic-group.ts'
import type { CommittedOffset } from './committed-offset.ts'
import {
  decodeGroup,
  decodeOffset,
  decodeOffsetsKey,
  encodeGroup,
  encodeGroupKey,
  encodeOffsetKey,
} from './offsets-format.ts'
import { OffsetsLog, type OffsetsRecord, type Written } from './offsets-log.ts'

/** A group with what it has committed, its timer, and how far its records have been written. */
export interface GroupEntry {
  readonly group: ClassicGroup
  readonly offsets: TopicPartitionMap<CommittedOffset>
  written: Written | undefined
  timer: Timer | undefined
  timerAtMs: number
}

interface Loaded {
  group: RestoredGroup | undefined
  readonly offsets: TopicPartitionMap<CommittedOffset>
}

/** All groups of this broker, their timers, and their records in `__consumer_offsets`. */
export class GroupRegistry {
  readonly log: OffsetsLog
  readonly #ports: BrokerPorts
  readonly #limits: GroupLimits
  readonly #entries = new Map<string, GroupEntry>()
  /** Wall clock minus monotonic clock at the start: sessions must not end because somebody set the clock. */
  readonly #wallMs: number
  #closed = false

  constructor(directory: LogDirectory, ports: BrokerPorts, settings: Settings) {
    this.#ports = ports
    this.log = new OffsetsLog(directory, ports, settings)
    this.#limits = {
      initialRebalanceDelayMs: settings['group.initial.rebalance.delay.ms'],
      groupMaxSize: settings['group.max.size'],
    }
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
    const records: OffsetsRecord[] = [{ key: encodeGroupKey(groupId), value: null }]
    for (const [at] of entry.offsets) {
      records.push({ key: encodeOffsetKey(groupId, at.topic, at.partition), value: null })
    }
    const written = this.log.append(groupId, records)
    entry.timer?.cancel()
    entry.group.die('GROUP_ID_NOT_FOUND', this.nowMs())
    this.#entries.delete(groupId)
    return written
  }

  /** Resolves when what was written of the group so far survives a power cut. */
  async settled({ written }: GroupEntry): Promise<void> {
    if (written !== undefined && written.log.syncedTo < written.upTo) await written.log.synced(written.upTo)
  }

  /** Everything the log has; live groups have a whole session to report. */
  async load(): Promise<void> {
    const loaded = new Map<string, Loaded>()
    await this.log.load((key, value) => this.#replay(loaded, key, value))
    const nowMs = this.nowMs()
    for (const [groupId, { group, offsets }] of loaded) {
      if (group === undefined && offsets.size === 0) continue
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

  #replay(loaded: Map<string, Loaded>, keyBytes: Buffer, value: Buffer | null): void {
    try {
      const key = decodeOffsetsKey(keyBytes)
      if (key.kind === 'other') {
        this.#skip(`key version ${key.version} is not of a classic group`)
        return
      }
      const state = loaded.get(key.groupId) ?? { group: undefined, offsets: new TopicPartitionMap<CommittedOffset>() }
      loaded.set(key.groupId, state)
      if (key.kind === 'group') state.group = value === null ? undefined : decodeGroup(value)
      else if (value === null) state.offsets.delete(key.topic, key.partition)
      else state.offsets.set(key.topic, key.partition, decodeOffset(value))
    } catch (error) {
      this.#skip(String(error))
    }
  }

  #skip(why: string): void {
    const help = 'Records of __consumer_offsets that were not understood'
    this.#ports.metrics.counter('millrace_broker_offsets_records_skipped_total', help).add()
    this.#ports.log.warn('a record of __consumer_offsets was skipped', { why })
  }

  #add(groupId: string, offsets: GroupEntry['offsets'] = new TopicPartitionMap()): GroupEntry {
    const surroundings = {
      newMemberId: (hint: string) => `${hint}-${this.#ports.random.uuid()}`,
      store: (group: ClassicGroup) => {
        const value = encodeGroup(group.snapshot())
        try {
          entry.written = this.log.append(groupId, [{ key: encodeGroupKey(groupId), value }])
        } catch (error) {
          this.#ports.log.error('a group could not be written', { group: groupId, reason: messageOf(error) })
          throw error
        }
      },
    }
    const group = new ClassicGroup(groupId, this.#limits, surroundings, this.nowMs())
    const entry: GroupEntry = { group, offsets, written: undefined, timer: undefined, timerAtMs: 0 }
    this.#entries.set(groupId, entry)
    return entry
  }
}
