import { messageOf, type Timer } from '@millrace/kernel'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Settings } from '../settings.ts'
import { isIdle } from './transaction.ts'
import type { TransactionEnds } from './transaction-ends.ts'
import type { TransactionEntry } from './transaction-entry.ts'
import type { TransactionRegistry } from './transaction-registry.ts'

export interface ScanParts {
  readonly ports: BrokerPorts
  readonly settings: Settings
  readonly registry: TransactionRegistry
  readonly ends: TransactionEnds
  abort(entry: TransactionEntry): Promise<void>
}

/** What time does to transactions: those too long open are aborted, ids too long unused are forgotten. */
export class TransactionScans {
  readonly #parts: ScanParts
  readonly #timers = new Map<string, Timer>()

  constructor(parts: ScanParts) {
    this.#parts = parts
  }

  start(): void {
    this.#every('transaction.abort.timed.out.transaction.cleanup.interval.ms', () => this.#abortTimedOut())
    this.#every('transaction.remove.expired.transaction.cleanup.interval.ms', () => this.#forgetUnused())
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  #every(
    setting:
      | 'transaction.abort.timed.out.transaction.cleanup.interval.ms'
      | 'transaction.remove.expired.transaction.cleanup.interval.ms',
    scan: () => Promise<unknown>,
  ): void {
    const { ports, settings } = this.#parts
    const fire = () => {
      this.#every(setting, scan)
      scan().catch((error: unknown) =>
        ports.log.error('transactions could not be looked through', { reason: messageOf(error) }),
      )
    }
    this.#timers.set(setting, ports.clock.after(settings[setting], fire, 'background'))
  }

  /** Also notes what is open for longer than from one look to the next: the short ones never cost a record. */
  async #abortTimedOut(): Promise<void> {
    const { registry, ports } = this.#parts
    const tasks: Promise<void>[] = []
    for (const entry of registry.all()) {
      if (entry.isBusy) continue
      if (!this.#isTimedOut(entry)) {
        registry.note(entry)
        continue
      }
      const { transactionalId, producerId, timeoutMs } = entry.now
      const aborted = entry.inTurn(async () => {
        if (!this.#isTimedOut(entry)) return
        await this.#parts.abort(entry)
        const help = 'Transactions aborted because they were open for longer than their timeout'
        ports.metrics.counter('millrace_broker_transactions_timed_out_total', help).add()
        ports.log.warn('a transaction was open for too long and is aborted', { transactionalId, producerId, timeoutMs })
      })
      if (aborted !== undefined) tasks.push(aborted)
    }
    await Promise.all(tasks)
  }

  #isTimedOut({ now }: TransactionEntry): boolean {
    return now.state === 'Ongoing' && now.startMs + now.timeoutMs < this.#parts.registry.nowMs()
  }

  async #forgetUnused(): Promise<void> {
    const { registry, ends, ports, settings } = this.#parts
    const tasks: Promise<void>[] = []
    const isUnused = ({ now }: TransactionEntry) =>
      isIdle(now.state) && now.updateMs + settings['transactional.id.expiration.ms'] <= registry.nowMs()
    for (const entry of registry.all()) {
      if (entry.isBusy || !isUnused(entry)) continue
      const forgotten = entry.inTurn(async () => {
        if (!isUnused(entry)) return
        entry.isMoving = true
        try {
          await ends.settle(entry)
          registry.writeTombstone(entry.now.transactionalId)
          registry.forget(entry)
          const help = 'Transactional ids forgotten after transactional.id.expiration.ms'
          ports.metrics.counter('millrace_broker_transactional_ids_expired_total', help).add()
        } finally {
          entry.isMoving = false
        }
      })
      if (forgotten !== undefined) tasks.push(forgotten)
    }
    await Promise.all(tasks)
  }
}
