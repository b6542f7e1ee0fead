import { Buffer } from 'node:buffer'
import { type Counter, type Gauge, KiB, type Metrics, MiB } from '@millrace/kernel'

/** Smaller frames cost less than keeping their memory. */
const pooledFrom = 4 * KiB
const slabBytesMin = 8 * KiB
/** Larger frames are rare. */
const slabBytesMax = 1 * MiB
/** Node's own pool serves these. */
const tinyBytes = 2 * KiB

/** What lies free of one size. */
interface Shelf {
  readonly free: ArrayBufferLike[]
  /** The fewest that lay here since `shrink`: those nobody needed. */
  least: number
}

/**
 * Memory of large requests and of the batches that are read for answers, used again. Buffers lie outside of
 * JavaScript's heap, and V8 answers some tens of megabytes of new ones with a collection of the whole heap: at a
 * hundred megabytes of batches a second that took more processor time than all the rest. Whoever gives one back must
 * be the last who looks at it; one that is not given back is collected like any other.
 */
export class FramePool {
  readonly #heldBytesMax: number
  /** By size: 8 KiB, 16 KiB, … */
  readonly #shelves = new Map<number, Shelf>()
  readonly #reused: Counter
  readonly #made: Counter
  readonly #heldGauge: Gauge
  readonly #lentGauge: Gauge
  #heldBytes = 0
  #lentBytes = 0

  /** @param heldBytesMax kept for later at most */
  constructor(metrics: Metrics, listener: string, heldBytesMax: number = 16 * MiB) {
    this.#heldBytesMax = heldBytesMax
    const taken = 'Large buffers for requests and answers: used again, or newly made'
    this.#reused = metrics.counter('millrace_broker_buffers_total', taken, { listener, from: 'pool' })
    this.#made = metrics.counter('millrace_broker_buffers_total', taken, { listener, from: 'new' })
    this.#heldGauge = metrics.gauge('millrace_broker_buffers_held_bytes', 'Kept for the next one', { listener })
    const lent = 'Batches that answers hold until they are sent, or that were read ahead'
    this.#lentGauge = metrics.gauge('millrace_broker_buffers_lent_bytes', lent, { listener })
  }

  /** Bytes that wait for a frame. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Bytes lent to answers that are not sent, and to what is read ahead. */
  get lentBytes(): number {
    return this.#lentBytes
  }

  /** A buffer of `bytes`, whatever it holds. */
  readonly take = (bytes: number): Buffer => {
    if (bytes <= tinyBytes) return Buffer.allocUnsafe(bytes)
    if (bytes < pooledFrom || bytes > slabBytesMax) return Buffer.allocUnsafeSlow(bytes)
    const size = slabBytesFor(bytes)
    const shelf = this.#shelves.get(size)
    const kept = shelf?.free.pop()
    if (shelf === undefined || kept === undefined) {
      this.#made.add()
      return Buffer.allocUnsafeSlow(size).subarray(0, bytes)
    }
    if (shelf.free.length < shelf.least) shelf.least = shelf.free.length
    this.#reused.add()
    this.#hold(-size)
    return Buffer.from(kept, 0, bytes)
  }

  /** Takes the memory of a frame back, if it is of a size that is kept and there is room. */
  give(frame: Buffer): void {
    const size = frame.buffer.byteLength
    if (frame.length < pooledFrom || frame.byteOffset !== 0 || size > slabBytesMax) return
    if (size !== slabBytesFor(frame.length) || this.#heldBytes + size > this.#heldBytesMax) return
    const shelf = this.#shelves.get(size)
    if (shelf === undefined) this.#shelves.set(size, { free: [frame.buffer], least: 0 })
    else shelf.free.push(frame.buffer)
    this.#hold(size)
  }

  /** As `take`, counted until `takeBack`. */
  lend(bytes: number): Buffer {
    this.#lentBytes += bytes
    this.#lentGauge.set(this.#lentBytes)
    return this.take(bytes)
  }

  takeBack(buffer: Buffer): void {
    this.#lentBytes -= buffer.length
    this.#lentGauge.set(this.#lentBytes)
    this.give(buffer)
  }

  /** Lets go what nobody has needed since the last call: called now and then, an idle pool is empty after two. */
  shrink(): void {
    for (const [size, shelf] of this.#shelves) {
      shelf.free.splice(0, shelf.least)
      this.#hold(-size * shelf.least)
      shelf.least = shelf.free.length
    }
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes
    this.#heldGauge.set(this.#heldBytes)
  }
}

function slabBytesFor(bytes: number): number {
  let size = slabBytesMin
  while (size < bytes) size *= 2
  return size
}
