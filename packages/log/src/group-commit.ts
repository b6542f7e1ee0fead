import type { SyncPace } from './sync-pace.ts'

interface Round {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * One sync under way at a time; those who ask meanwhile share the next one. No lingering but for the directory's
 * pace: alone, a sync
 * starts in the turn of the first who asks. A round makes durable what was written before its sync began, so its list
 * of those waiting
 * is swapped in the same step.
 */
export class GroupCommit {
  readonly #sync: () => Promise<void>
  readonly #pace: SyncPace
  #next: Round | undefined
  #running = false
  #round: Promise<void> = Promise.resolve()
  #failure: Error | undefined

  constructor(sync: () => Promise<void>, pace: SyncPace) {
    this.#sync = sync
    this.#pace = pace
  }

  /** Resolves when a sync that began after this call has ended. Rejects for all, for good, after one has failed. */
  ask(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.#next ??= newRound()
    if (!this.#running) {
      this.#running = true
      // A microtask later, so that other appends of this turn take part.
      this.#round = Promise.resolve().then(() => this.#run())
    }
    return this.#next.promise
  }

  /** Resolves when no sync is under way. */
  idle(): Promise<void> {
    return this.#round
  }

  /** Nothing will ever be synced again. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#next?.reject(error)
    this.#next = undefined
  }

  async #run(): Promise<void> {
    this.#pace.enter()
    while (this.#next !== undefined) {
      const turn = this.#pace.turn()
      if (turn !== undefined) await turn
      const round = this.#next
      if (round === undefined) break // it failed while it waited
      this.#next = undefined
      try {
        await this.#sync()
        round.resolve()
      } catch (error) {
        const cause = error instanceof Error ? error : new Error(String(error))
        round.reject(cause)
        this.fail(cause)
      }
    }
    this.#pace.leave()
    this.#running = false
  }
}

function newRound(): Round {
  let resolve: () => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  promise.catch(() => {}) // an append at acks=1 has nobody waiting
  return { promise, resolve, reject }
}
