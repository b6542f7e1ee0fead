import { Buffer } from 'node:buffer'
import { codeOf } from '@millrace/kernel'
import { baseOffset, batchField, batchHeaderBytes, leaderEpoch, type ValidBatch } from '@millrace/record/internal'
import { corruptSegment } from './batch-step.ts'
import type { LogContext } from './log-context.ts'
import type { Segment } from './segment.ts'

const chunkBytes = 1 << 20

/** What bounds a walk over the batches of a segment. */
export interface WalkBounds {
  readonly recoveryPoint: number
  readonly indexIntervalBytes: number
}

/** The batches of segments as recovery meets them: checked one by one, counted into their segment. */
export class BatchWalk {
  readonly #context: LogContext
  readonly #bounds: WalkBounds

  constructor(context: LogContext, bounds: WalkBounds) {
    this.#context = context
    this.#bounds = bounds
  }

  /**
   * Whole batches from `from` on, counted into the segment. What is not one ends the walk, or is an error below the
   * recovery point.
   */
  *over(segment: Segment, from: number, size: number, onBad: 'stop' | 'refuse'): Generator<ValidBatch> {
    const path = segment.path('.log')
    let chunk: Buffer = Buffer.alloc(0)
    let chunkAt = from
    let position = from
    while (position < size) {
      if (position + batchHeaderBytes > chunkAt + chunk.length || !holdsBatch(chunk, position - chunkAt)) {
        chunk = this.#readChunk(segment, position, size)
        chunkAt = position
      }
      let batch: ValidBatch
      try {
        batch = this.#openAt(segment, chunk, position - chunkAt, position)
      } catch (error) {
        if (onBad === 'stop' && segment.next >= this.#bounds.recoveryPoint) return
        throw codeOf(error) === 'CORRUPT_FILE' ? error : corruptSegment(path, position, error)
      }
      segment.noteBatch(batch, this.#bounds.indexIntervalBytes)
      yield batch
      position += batch.length
    }
  }

  /** Counts the batches from `from` on, and does nothing else with them. */
  count(segment: Segment, from: number, size: number, onBad: 'stop' | 'refuse'): void {
    for (const _ of this.over(segment, from, size, onBad)) {
      // The walk counts them.
    }
  }

  #openAt(segment: Segment, chunk: Buffer, at: number, position: number): ValidBatch {
    const { checks, leaderEpoch: newest } = this.#context
    const place = { source: segment.path('.log'), position }
    const size = sizeAt(chunk, at)
    const batch = checks.openBatch(chunk, at, Math.min(chunk.length, at + size), place)
    // Neither is under the checksum.
    const next = baseOffset(batch)
    const inLine = next >= this.#bounds.recoveryPoint ? next === segment.next : next >= segment.next
    if (!inLine) throw corruptSegment(place.source, position, `The batch has offset ${next}, expected ${segment.next}.`)
    if (leaderEpoch(batch) > newest) {
      const problem = `The batch has epoch ${leaderEpoch(batch)}, the newest is ${newest}.`
      throw corruptSegment(place.source, position, problem)
    }
    return batch
  }

  #readChunk(segment: Segment, position: number, size: number): Buffer {
    const file = this.#context.pool.use(segment.path('.log'))
    const header = Buffer.alloc(batchHeaderBytes)
    const got = file.read(header, 0, batchHeaderBytes, position)
    const stated = got < batchHeaderBytes ? 0 : sizeAt(header, 0)
    // A length that is nonsense must not decide how much is read.
    const wanted = Math.min(size - position, Math.max(chunkBytes, stated <= size - position ? stated : 0))
    const chunk = Buffer.allocUnsafeSlow(wanted)
    return chunk.subarray(0, file.read(chunk, 0, wanted, position))
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  return at + batchField.length + 4 > bytes.length
    ? 0
    : bytes.readInt32BE(at + batchField.length) + batchField.length + 4
}

function holdsBatch(chunk: Buffer, at: number): boolean {
  return at + Math.max(sizeAt(chunk, at), batchHeaderBytes) <= chunk.length
}
