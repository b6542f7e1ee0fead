import type { KafkaErrorCode, Timer } from '@millrace/kernel'
import { messageOf } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Settings } from '../settings.ts'
import type { JoinRequest, MemberClaim, SyncRequest } from './classic-group.ts'
import { type GroupEntry, GroupRegistry } from './group-registry.ts'
import { type JoinAnswer, refusedJoin, refusedSync, type SyncAnswer } from './member.ts'
import { OffsetStore } from './offset-store.ts'

/** Coordinates every group of this broker: requests in, the pure state machine asked, answers out, records kept. */
export class GroupCoordinator {
  readonly offsets: OffsetStore
  readonly #registry: GroupRegistry
  readonly #ports: BrokerPorts
  readonly #settings: Settings
  #expiry: Timer | undefined
  #closed = false

  private constructor(directory: LogDirectory, ports: BrokerPorts, settings: Settings) {
    this.#ports = ports
    this.#settings = settings
    this.#registry = new GroupRegistry(directory, ports, settings)
    this.offsets = new OffsetStore(this.#registry, directory, ports, settings)
  }

  /** Reads all groups from the log first. */
  static async open(directory: LogDirectory, ports: BrokerPorts, settings: Settings): Promise<GroupCoordinator> {
    const coordinator = new GroupCoordinator(directory, ports, settings)
    await coordinator.#registry.load()
    coordinator.#scheduleExpiry()
    return coordinator
  }

  group(groupId: string): GroupEntry | undefined {
    return this.#registry.get(groupId)
  }

  /** Its records cannot be read: nobody may act as if it had none. */
  isLost(groupId: string): boolean {
    return this.#registry.log.isLost(groupId)
  }

  /** The partition of `__consumer_offsets` that keeps the group; undefined when it cannot be kept. */
  async offsetsPartition(groupId: string): Promise<number | undefined> {
    const isKept = (await this.#registry.log.ready()) && !this.isLost(groupId)
    return isKept ? this.#registry.log.partitionOf(groupId) : undefined
  }

  all(): readonly GroupEntry[] {
    return [...this.#registry.all()]
  }

  /** Resolves when the group's generation is complete, or the join is refused. */
  async join(groupId: string, request: JoinRequest): Promise<JoinAnswer> {
    const { memberId, profile } = request
    if (groupId === '') return refusedJoin('INVALID_GROUP_ID', memberId)
    if (
      profile.sessionTimeoutMs < this.#settings['group.min.session.timeout.ms'] ||
      profile.sessionTimeoutMs > this.#settings['group.max.session.timeout.ms']
    ) {
      return refusedJoin('INVALID_SESSION_TIMEOUT', memberId)
    }
    const ready = await this.#registry.log.ready()
    if (!ready || this.#closed || this.isLost(groupId)) return refusedJoin('COORDINATOR_NOT_AVAILABLE', memberId)
    if (this.#registry.get(groupId) === undefined) {
      if (memberId !== '') return refusedJoin('UNKNOWN_MEMBER_ID', memberId)
      if (this.#registry.refusesNew(groupId)) return refusedJoin('COORDINATOR_NOT_AVAILABLE', memberId)
    }
    const entry = this.#registry.getOrAdd(groupId)
    const answer = await new Promise<JoinAnswer>((resolve) => {
      entry.group.join(request, this.#registry.nowMs(), resolve)
      this.#registry.changed(entry)
    })
    if (answer.error === 'GROUP_MAX_SIZE_REACHED') this.#registry.refused('members')
    return answer
  }

  /**
   * Resolves with the assignment once the leader has sent it and it is written. No sync is waited for: a commit of this
   * generation, which is synced, lies behind the group's record in the same partition, so whatever survives a power cut
   * names no generation older than the newest that has committed. Members of one that is lost join again.
   */
  async sync(groupId: string, request: SyncRequest): Promise<SyncAnswer> {
    const entry = this.#registry.get(groupId)
    if (entry === undefined) return refusedSync('UNKNOWN_MEMBER_ID')
    return new Promise<SyncAnswer>((resolve) => {
      entry.group.sync(request, this.#registry.nowMs(), resolve)
      this.#registry.changed(entry)
    })
  }

  heartbeat(groupId: string, claim: MemberClaim): KafkaErrorCode {
    const entry = this.#registry.get(groupId)
    if (entry === undefined) return 'UNKNOWN_MEMBER_ID'
    const code = entry.group.heartbeat(claim, this.#registry.nowMs())
    this.#registry.changed(entry)
    return code
  }

  leave(groupId: string, memberId: string, groupInstanceId: string | null): KafkaErrorCode {
    const entry = this.#registry.get(groupId)
    if (entry === undefined) return 'UNKNOWN_MEMBER_ID'
    const code = entry.group.leave(memberId, groupInstanceId, this.#registry.nowMs())
    this.#registry.changed(entry)
    return code
  }

  /** Only a group without members can go. Resolves when it is gone from the disk too. */
  async delete(groupId: string): Promise<KafkaErrorCode> {
    if (groupId === '') return 'INVALID_GROUP_ID'
    const entry = this.#registry.get(groupId)
    if (entry === undefined) return 'GROUP_ID_NOT_FOUND'
    if (entry.group.state !== 'Empty') return 'NON_EMPTY_GROUP'
    if (!(await this.#registry.log.ready())) return 'COORDINATOR_NOT_AVAILABLE'
    // Somebody may have come, or been quicker, in the meantime.
    if (this.#registry.get(groupId) !== entry) return 'GROUP_ID_NOT_FOUND'
    if (entry.group.state !== 'Empty') return 'NON_EMPTY_GROUP'
    try {
      const { log, upTo } = this.#registry.remove(entry)
      await log.synced(upTo)
      return 'NONE'
    } catch (error) {
      this.#ports.log.error('a group could not be deleted', { group: groupId, reason: messageOf(error) })
      return 'COORDINATOR_NOT_AVAILABLE'
    }
  }

  close(): void {
    this.#closed = true
    this.#expiry?.cancel()
    this.#registry.close()
  }

  #scheduleExpiry(): void {
    const intervalMs = this.#settings['offsets.retention.check.interval.ms']
    const look = () => {
      this.offsets
        .expire()
        .catch((error: unknown) => this.#ports.log.error('offsets could not be expired', { reason: messageOf(error) }))
      this.#scheduleExpiry()
    }
    this.#expiry = this.#ports.clock.after(intervalMs, look, 'background')
  }
}
