import { Buffer } from 'node:buffer'
import { KiB, MiB } from '@millrace/kernel'

/** Smaller frames cost less than keeping their memory. */
const pooledFrom = 16 * KiB
const slabBytesMin = 64 * KiB
/** Larger frames are rare. */
const slabBytesMax = 1 * MiB
/** Node's own pool serves these. */
const tinyBytes = 2 * KiB

/**
 * Memory of large requests, used again. Buffers lie outside of JavaScript's heap, and V8 answers some tens of megabytes of
 * new ones with a collection of the whole heap: at a hundred megabytes of batches a second that took more processor
 * time than all the rest. Whoever gives a frame back must be the last who looks at it; one that is not given back is
 * collected like any other.
 */
export class FramePool {
  readonly #heldBytesMax: number
  /** By size: 64 KiB, 128 KiB, … */
  readonly #free = new Map<number, ArrayBufferLike[]>()
  #heldBytes = 0

  /** @param heldBytesMax kept for later at most */
  constructor(heldBytesMax: number = 8 * MiB) {
    this.#heldBytesMax = heldBytesMax
  }

  /** Bytes that wait for a frame. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** A buffer of `bytes`, whatever it holds. */
  readonly take = (bytes: number): Buffer => {
    if (bytes <= tinyBytes) return Buffer.allocUnsafe(bytes)
    if (bytes < pooledFrom || bytes > slabBytesMax) return Buffer.allocUnsafeSlow(bytes)
    const size = slabBytesFor(bytes)
    const kept = this.#free.get(size)?.pop()
    if (kept === undefined) return Buffer.allocUnsafeSlow(size).subarray(0, bytes)
    this.#heldBytes -= size
    return Buffer.from(kept, 0, bytes)
  }

  /** Takes the memory of a frame back, if it is of a size that is kept and there is room. */
  give(frame: Buffer): void {
    const size = frame.buffer.byteLength
    if (frame.length < pooledFrom || frame.byteOffset !== 0 || size > slabBytesMax) return
    if (size !== slabBytesFor(frame.length) || this.#heldBytes + size > this.#heldBytesMax) return
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [frame.buffer])
    else free.push(frame.buffer)
    this.#heldBytes += size
  }
}

function slabBytesFor(bytes: number): number {
  let size = slabBytesMin
  while (size < bytes) size *= 2
  return size
}
