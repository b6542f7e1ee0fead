import { Buffer } from 'node:buffer'
import { batchField, batchHeaderBytes, openBatch, type ValidBatch } from '@millrace/record/internal'
import { corruptSegment } from '../batch-step.ts'
import type { Segment } from '../segment.ts'

const beforeLength = batchField.length + 4
const noBytes: Buffer = Buffer.alloc(0)

/** Reads the batches of sealed segments one after the other, through one buffer. */
export class BatchReader {
  readonly #roomBytes: number
  #room: Buffer = noBytes
  /** Bytes read since the reader was made. */
  bytesRead = 0

  /** @param roomBytes read at once; a larger batch gets room of its own. */
  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes
  }

  /**
   * Checked batches from the one that begins at `position`. Each is valid until the next one is asked for.
   *
   * @throws CORRUPT_FILE
   */
  *batches(segment: Segment, position: number): Generator<ValidBatch, void, void> {
    if (this.#room.length === 0) this.#room = Buffer.allocUnsafeSlow(this.#roomBytes)
    let from = 0
    let to = 0
    for (let at = position; at < segment.sizeBytes; ) {
      let size = to - from < beforeLength ? Number.POSITIVE_INFINITY : sizeAt(this.#room, from)
      if (size > to - from) {
        from = 0
        to = this.#fill(segment, at, this.#room)
        size = to < beforeLength ? -1 : sizeAt(this.#room, 0)
        if (size < batchHeaderBytes || at + size > segment.sizeBytes) {
          throw corruptSegment(segment.path('.log'), at, `No batch begins here (${size} bytes).`)
        }
      }
      if (size > to) {
        const large = Buffer.allocUnsafeSlow(size)
        const got = this.#fill(segment, at, large)
        yield opened(segment, large, 0, Math.min(size, got), at)
        to = 0
        from = 0
      } else {
        yield opened(segment, this.#room, from, from + size, at)
        from += size
      }
      at += size
    }
  }

  /** Lets go of the buffer. */
  release(): void {
    this.#room = noBytes
  }

  #fill(segment: Segment, position: number, room: Buffer): number {
    const wanted = Math.min(room.length, segment.sizeBytes - position)
    const got = segment.log.read(room, 0, wanted, position)
    this.bytesRead += got
    return got
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + batchField.length) + beforeLength
}

function opened(segment: Segment, bytes: Buffer, from: number, to: number, position: number): ValidBatch {
  const place = { source: segment.path('.log'), position }
  try {
    return openBatch(bytes, from, to, place)
  } catch (error) {
    throw corruptSegment(place.source, position, error)
  }
}
