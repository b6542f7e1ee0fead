import type { Buffer } from 'node:buffer'
import { type Clock, MiB, type Offset, type Timer } from '@millrace/kernel'
import type { LogDirectory, LogRead, PartitionLog } from '@millrace/log/internal'
import type { AnswerMemory, MemoryLender } from '@millrace/protocol/internal'
import type { ReadAheadBudget } from './read-ahead-budget.ts'

export type Isolation = 'read_committed' | 'read_uncommitted'

/** Where a reader will go on, if it goes on. */
export interface NextPiece {
  readonly log: PartitionLog
  readonly from: Offset
  readonly bytesMax: number
  readonly isolation: Isolation
}

/** A piece that lies ready. */
interface ReadyPiece extends NextPiece {
  readonly bytes: Buffer
  readonly next: Offset
  /** What `bytes` is part of. */
  readonly lent: Buffer
  readonly swaps: number
  readonly readMs: number
}

export interface ReadAheadParts {
  readonly directory: LogDirectory
  readonly clock: Clock
  readonly budget: ReadAheadBudget
  readonly lender: MemoryLender
  /** Fires when the connection is gone. */
  readonly closed: AbortSignal
}

/** Of one connection. */
const connectionBytesMax = 8 * MiB
/** Of a reader that takes longer over what it has the memory is not held; its time is not lost by a read either. */
const keptMs = 1000
/** Until a connection whose pieces were not used is tried again. */
const restMs = 10_000
/** So many outcomes count; older ones count half. */
const outcomesMax = 64

/**
 * What one connection will ask for next, read while its client is busy with what it has: a consumer asks again only
 * when it has gone through its last answer, and would then wait for the disk and the checksums. Java's does.
 *
 * A piece is answered only where reading now would give the very same bytes: same offset, no more and not less than is
 * asked for, of the same log, whose files were not changed by the cleaner, and that has not lost its beginning. A
 * piece that ends where the log ends is not kept, for by then there may be more. Watermarks and aborted transactions
 * are those of the moment in which it is answered.
 */
export class ReadAhead {
  readonly #directory: LogDirectory
  readonly #clock: Clock
  readonly #budget: ReadAheadBudget
  readonly #lender: MemoryLender
  /** Not read yet. */
  readonly #planned = new Map<PartitionLog, NextPiece>()
  readonly #ready = new Map<PartitionLog, ReadyPiece>()
  #bytes = 0
  #fetches = 0
  #used = 0
  #unused = 0
  #restsUntilMs = 0
  #isReading = false
  #isClosed = false
  #timer: Timer | undefined

  constructor(of: ReadAheadParts) {
    const { closed } = of
    this.#directory = of.directory
    this.#clock = of.clock
    this.#budget = of.budget
    this.#lender = of.lender
    this.#isClosed = closed.aborted
    closed.addEventListener('abort', () => this.#close(), { once: true })
  }

  /** A fetch begins: what one before it had still to plan it reads itself. */
  begin(): void {
    this.#fetches++
  }

  /** What `log.read` would return, if it lies ready; it is part of the answer in `memory` then. */
  take({ log, from, bytesMax, isolation }: NextPiece, memory: AnswerMemory): LogRead | undefined {
    this.#planned.delete(log)
    const piece = this.#ready.get(log)
    if (piece === undefined) return undefined
    const fits = piece.bytes.length <= bytesMax && bytesMax <= piece.bytesMax
    const isSame = piece.from === from && piece.isolation === isolation && from >= log.logStart
    if (!fits || !isSame || piece.swaps !== log.tail.swaps) {
      this.#drop(piece)
      return undefined
    }
    this.#forget(piece)
    memory.include(piece.lent)
    this.#budget.used.add()
    this.#used++
    this.#age()
    const { bytes, next } = piece
    const { highWatermark, lastStable, logStart } = log
    const aborted = isolation === 'read_committed' ? log.abortedBetween(from, next) : []
    return { bytes, next, highWatermark, lastStable, logStart, aborted }
  }

  /** Reads these once the answer in `memory` has been sent, one in each turn. */
  plan(pieces: readonly NextPiece[], memory: AnswerMemory): void {
    if (pieces.length === 0 || this.#clock.monotonicMs() < this.#restsUntilMs) return
    const fetches = this.#fetches
    memory.whenSent(() => {
      if (this.#isClosed || this.#fetches !== fetches) return
      for (const piece of pieces) this.#planned.set(piece.log, piece)
      if (!this.#isReading) void this.#readAll()
    })
  }

  async #readAll(): Promise<void> {
    this.#isReading = true
    for (;;) {
      await this.#clock.turn()
      const [first] = this.#planned.values()
      if (first === undefined) break
      this.#planned.delete(first.log)
      this.#read(first)
    }
    this.#isReading = false
  }

  #read(piece: NextPiece): void {
    const { log, from, bytesMax, isolation } = piece
    const stale = this.#ready.get(log)
    if (stale !== undefined) this.#drop(stale)
    if (this.#directory.partition(log.at.topic, log.at.partition) !== log) return // it was deleted meanwhile
    let lent: Buffer | undefined
    const take = (bytes: number): Buffer => {
      if (bytes > bytesMax || !this.#hasRoom(bytes)) throw new Error('there is no room for it')
      lent = this.#lender.lend(bytes)
      return lent
    }
    let read: LogRead | undefined
    try {
      read = log.read(from, bytesMax, isolation, take)
    } catch {
      // Whoever asks for it reads it then, and is told what is wrong.
    }
    if (lent === undefined) return
    const { swaps } = log.tail
    if (read === undefined || swaps % 2 !== 0 || read.next >= endFor(isolation, read)) {
      this.#lender.takeBack(lent)
      this.#count()
      return
    }
    const readMs = this.#clock.monotonicMs()
    this.#ready.set(log, { ...piece, bytes: read.bytes, next: read.next, lent, swaps, readMs })
    this.#hold(lent.length)
    this.#timer ??= this.#clock.after(keptMs, this.#sweep, 'background')
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= connectionBytesMax && this.#budget.hasRoom(bytes)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    const oldest = this.#clock.monotonicMs() - keptMs
    let left: number | undefined
    for (const piece of [...this.#ready.values()]) {
      if (piece.readMs <= oldest) this.#drop(piece)
      else left ??= piece.readMs
    }
    if (left !== undefined) this.#timer = this.#clock.after(left - oldest, this.#sweep, 'background')
  }

  #close(): void {
    this.#isClosed = true
    this.#planned.clear()
    this.#timer?.cancel()
    for (const piece of [...this.#ready.values()]) this.#drop(piece)
  }

  #drop(piece: ReadyPiece): void {
    this.#forget(piece)
    this.#lender.takeBack(piece.lent)
    this.#count()
  }

  #forget(piece: ReadyPiece): void {
    this.#ready.delete(piece.log)
    this.#hold(-piece.lent.length)
  }

  #hold(bytes: number): void {
    this.#bytes += bytes
    this.#budget.hold(bytes)
  }

  /** One that was not used. More of these than of the others, and the connection gets none for a while. */
  #count(): void {
    this.#budget.unused.add()
    this.#unused++
    if (this.#unused > this.#used) {
      this.#restsUntilMs = this.#clock.monotonicMs() + restMs
      this.#used = 0
      this.#unused = 0
      this.#planned.clear()
    } else this.#age()
  }

  #age(): void {
    if (this.#used + this.#unused < outcomesMax) return
    this.#used >>= 1
    this.#unused >>= 1
  }
}

/** Where the log ends for such a reader. */
export function endFor(isolation: Isolation, { lastStable, highWatermark }: LogRead): Offset {
  return isolation === 'read_committed' ? lastStable : highWatermark
}
