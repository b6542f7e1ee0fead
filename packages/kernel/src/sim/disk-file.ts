import { Buffer } from 'node:buffer'

/** The unit a device writes whole. */
export const sectorBytes = 512
/** Older contents remembered per sector: what a write-back that ran a little earlier would have left. */
const versionsMax = 4

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** What happened to a sector since it was last known to be on the device. */
interface DirtySector {
  /** Contents it went through, oldest first, without the present one. */
  versions: Buffer[]
  /** The part that was written, so that bytes synced before stay whole. */
  from: number
  to: number
}

/** A sync under way: what it will make durable. */
export interface SyncInFlight {
  readonly contents: Map<number, Buffer>
  readonly size: number
}

/** A file's contents twice: as the page cache has them (`live`) and as the device has them (`stable`). */
export class SimContents {
  #live: Buffer = Buffer.alloc(0)
  size = 0
  modifiedMs = 0
  /** Syncs of one file run one after the other, whatever handle asked. */
  lastSync: Promise<void> = Promise.resolve()
  #stable: Buffer = Buffer.alloc(0)
  #stableSize = 0
  #dirty = new Map<number, DirtySector>()
  /** Sizes the file had since the last sync; any of them may be what the device knows. */
  #sizes: number[] = []
  #inFlight: { dirty: Map<number, DirtySector>; sizes: number[] } | undefined

  read(target: Buffer, at: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.size - position))
    this.#live.copy(target, at, position, position + count)
    return count
  }

  write(source: Buffer, from: number, to: number, position: number): void {
    const end = position + to - from
    this.#touch(position, end)
    this.#live = grown(this.#live, end)
    source.copy(this.#live, position, from, to)
    if (end > this.size) this.#resize(end)
  }

  truncate(size: number): void {
    if (size < this.size) {
      this.#touch(size, this.size)
      this.#live.fill(0, size, this.size)
    } else this.#live = grown(this.#live, size)
    if (size !== this.size) this.#resize(size)
  }

  bytes(): Buffer {
    return Buffer.from(this.#live.subarray(0, this.size))
  }

  /** Contents as they are now; those, and no later ones, are what the sync makes durable. */
  beginSync(): SyncInFlight {
    const contents = new Map<number, Buffer>()
    for (const sector of this.#dirty.keys()) contents.set(sector, Buffer.from(sectorOf(this.#live, sector)))
    this.#inFlight = { dirty: this.#dirty, sizes: this.#sizes }
    this.#dirty = new Map()
    this.#sizes = []
    return { contents, size: this.size }
  }

  endSync(sync: SyncInFlight): void {
    for (const [sector, bytes] of sync.contents) {
      this.#stable = grown(this.#stable, (sector + 1) * sectorBytes)
      bytes.copy(this.#stable, sector * sectorBytes)
    }
    this.#stableSize = sync.size
    this.#inFlight = undefined
  }

  /** The device refused: the pages count as clean now and will never be written (Linux, "fsyncgate"). */
  failSync(): void {
    this.#inFlight = undefined
  }

  /** As after the death of the process: the page cache and its debts survive. */
  afterKill(): SimContents {
    const copy = new SimContents()
    copy.#live = Buffer.from(this.#live)
    copy.size = this.size
    copy.modifiedMs = this.modifiedMs
    copy.#stable = Buffer.from(this.#stable)
    copy.#stableSize = this.#stableSize
    copy.#dirty = mergedDirty(this.#inFlight?.dirty, this.#dirty)
    copy.#sizes = [...(this.#inFlight?.sizes ?? []), ...this.#sizes]
    return copy
  }

  /** As after a power cut: each unsynced sector is kept, an older state of it, dropped, or garbled. */
  afterCrash(random: () => number): SimContents {
    const sizes = [this.#stableSize, ...(this.#inFlight?.sizes ?? []), ...this.#sizes]
    const size = sizes[Math.floor(random() * sizes.length)] ?? 0
    const device = Buffer.alloc(
      Math.ceil(Math.max(size, this.#stable.length, this.#live.length) / sectorBytes) * sectorBytes,
    )
    this.#stable.copy(device)
    for (const [sector, dirty] of mergedDirty(this.#inFlight?.dirty, this.#dirty)) {
      const at = sector * sectorBytes
      const fate = random()
      if (fate < 0.4) sectorOf(this.#live, sector).copy(device, at)
      else if (fate < 0.6) dirty.versions[Math.floor(random() * dirty.versions.length)]?.copy(device, at)
      else if (fate < 0.75) for (let i = dirty.from; i < dirty.to; i++) device[at + i] = Math.floor(random() * 256)
    }
    const copy = new SimContents()
    copy.#live = device.subarray(0, size)
    copy.size = size
    copy.modifiedMs = this.modifiedMs
    copy.#stable = Buffer.from(copy.#live)
    copy.#stableSize = size
    return copy
  }

  #resize(size: number): void {
    this.size = size
    this.#sizes.push(size)
  }

  #touch(from: number, to: number): void {
    for (let sector = Math.floor(from / sectorBytes); sector * sectorBytes < to; sector++) {
      const start = Math.max(0, from - sector * sectorBytes)
      const end = Math.min(sectorBytes, to - sector * sectorBytes)
      const dirty = this.#dirty.get(sector)
      if (dirty === undefined) {
        const underWay = this.#inFlight?.dirty.has(sector) === true
        const versions = underWay ? [Buffer.from(sectorOf(this.#live, sector))] : []
        this.#dirty.set(sector, { versions, from: start, to: end })
        continue
      }
      dirty.versions.push(Buffer.from(sectorOf(this.#live, sector)))
      if (dirty.versions.length > versionsMax) dirty.versions.shift()
      dirty.from = Math.min(dirty.from, start)
      dirty.to = Math.max(dirty.to, end)
    }
  }
}

function sectorOf(bytes: Buffer, sector: number): Buffer {
  const slice = bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes)
  if (slice.length === sectorBytes) return slice
  const whole = Buffer.alloc(sectorBytes)
  slice.copy(whole)
  return whole
}

function grown(bytes: Buffer, size: number): Buffer {
  if (size <= bytes.length) return bytes
  const larger = Buffer.alloc(Math.max(size, bytes.length * 2))
  bytes.copy(larger)
  return larger
}

function mergedDirty(
  earlier: Map<number, DirtySector> | undefined,
  later: Map<number, DirtySector>,
): Map<number, DirtySector> {
  const merged = new Map<number, DirtySector>()
  for (const map of [earlier ?? new Map<number, DirtySector>(), later]) {
    for (const [sector, dirty] of map) {
      const known = merged.get(sector)
      if (known === undefined) merged.set(sector, { ...dirty, versions: [...dirty.versions] })
      else {
        known.versions.push(...dirty.versions)
        known.from = Math.min(known.from, dirty.from)
        known.to = Math.max(known.to, dirty.to)
      }
    }
  }
  return merged
}
