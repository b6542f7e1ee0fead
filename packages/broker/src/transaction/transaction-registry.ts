import { type Counter, type Gauge, messageOf } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import { CoordinatorLog, type Written } from '../coordinator-log.ts'
import { transactionsTopic } from '../internal-topics.ts'
import type { Settings } from '../settings.ts'
import { isIdle, isPrepared, type Transaction } from './transaction.ts'
import { TransactionEntry } from './transaction-entry.ts'
import {
  decodeTransaction,
  decodeTransactionKey,
  encodeTransaction,
  encodeTransactionKey,
} from './transaction-format.ts'

/** Ids may have 32,767 characters. */
const idCharsUsual = 256

/** All transactional ids of this broker, and their records in `__transaction_state`. */
export class TransactionRegistry {
  readonly log: CoordinatorLog
  readonly #ports: BrokerPorts
  readonly #settings: Settings
  readonly #entries = new Map<string, TransactionEntry>()
  /** Wall clock minus monotonic clock at the start: no timeout because somebody set the clock. */
  readonly #wallMs: number
  readonly #skipped: Counter
  readonly #gauge: Gauge
  #open = 0
  #idChars = 0

  constructor(directory: LogDirectory, ports: BrokerPorts, settings: Settings) {
    this.#ports = ports
    this.#settings = settings
    this.log = new CoordinatorLog(directory, ports, {
      name: transactionsTopic,
      what: 'transactions',
      partitions: settings['transaction.state.log.num.partitions'],
      configs: new Map([
        ['cleanup.policy', 'compact'],
        ['compression.type', 'uncompressed'],
        ['segment.bytes', String(settings['transaction.state.log.segment.bytes'])],
      ]),
    })
    this.#wallMs = ports.clock.nowMs() - ports.clock.monotonicMs()
    const help = 'Records of __transaction_state that were not understood'
    this.#skipped = ports.metrics.counter('millrace_broker_transaction_records_skipped_total', help)
    const openHelp = 'Transactions open or being ended'
    this.#gauge = ports.metrics.gauge('millrace_broker_transactions_open', openHelp)
  }

  /** Milliseconds since 1970 that never step back. */
  nowMs(): number {
    return Math.round(this.#wallMs + this.#ports.clock.monotonicMs())
  }

  /** No further transactional id may become known. Of very long ones there is room for fewer. */
  get isFullOfIds(): boolean {
    const most = this.#settings['transactional.ids.max']
    return this.#entries.size >= most || this.#idChars >= most * idCharsUsual
  }

  /** No further transaction may begin. */
  get isFull(): boolean {
    return this.#open >= this.#settings['transaction.open.max']
  }

  get(transactionalId: string): TransactionEntry | undefined {
    return this.#entries.get(transactionalId)
  }

  all(): IterableIterator<TransactionEntry> {
    return this.#entries.values()
  }

  add(transaction: Transaction): TransactionEntry {
    const entry = new TransactionEntry(transaction)
    this.#entries.set(transaction.transactionalId, entry)
    this.#idChars += transaction.transactionalId.length
    if (!isIdle(transaction.state)) this.#gauge.set(++this.#open)
    return entry
  }

  /** The id is known to nobody any more. */
  forget(entry: TransactionEntry): void {
    const { transactionalId } = entry.now
    if (this.#entries.get(transactionalId) !== entry) return
    this.#entries.delete(transactionalId)
    this.#idChars -= transactionalId.length
  }

  move(entry: TransactionEntry, next: Transaction): void {
    if (isIdle(entry.now.state) !== isIdle(next.state)) {
      this.#open += isIdle(next.state) ? -1 : 1
      this.#gauge.set(this.#open)
    }
    entry.now = next
  }

  /** Not durable yet. @throws what the log throws; nothing is written then. */
  write(transaction: Transaction): Written {
    const { transactionalId } = transaction
    const value = encodeTransaction(
      transaction,
      this.#settings['transaction.version'] > 0 || isPrepared(transaction.state),
    )
    return this.log.append(transactionalId, [{ key: encodeTransactionKey(transactionalId), value }])
  }

  writeTombstone(transactionalId: string): Written {
    return this.log.append(transactionalId, [{ key: encodeTransactionKey(transactionalId), value: null }])
  }

  /** Resolves when the step is on disk; then it is where the id stands. */
  async store(entry: TransactionEntry, next: Transaction): Promise<void> {
    const { log, upTo } = this.write(next)
    if (log.syncedTo < upTo) await log.synced(upTo)
    this.move(entry, next)
    if (next.state === 'Ongoing') entry.notedStartMs = next.startMs
  }

  /**
   * Tells the log of a transaction that is open. What it needs in order to go on after a restart stands in its
   * partitions; this says since when it has been open. It need not be durable, so nobody waits.
   */
  note(entry: TransactionEntry): void {
    if (!entry.isUnnoted) return
    try {
      this.write(entry.now)
      entry.notedStartMs = entry.now.startMs
    } catch (error) {
      const { transactionalId } = entry.now
      this.#ports.log.warn('an open transaction could not be noted', { transactionalId, reason: messageOf(error) })
    }
  }

  /** Everything the log has. */
  async load(): Promise<void> {
    const loaded = new Map<string, Transaction>()
    await this.log.load({
      record: (key, value) => {
        try {
          const transactionalId = decodeTransactionKey(key)
          if (transactionalId === undefined) this.#skip('a key of another kind')
          else if (value === null) loaded.delete(transactionalId)
          else loaded.set(transactionalId, decodeTransaction(transactionalId, value))
        } catch (error) {
          this.#skip(messageOf(error))
        }
      },
    })
    for (const transaction of loaded.values()) this.add(transaction)
  }

  #skip(why: string): void {
    this.#skipped.add()
    this.#ports.log.warn('a record of __transaction_state was skipped', { why })
  }
}
