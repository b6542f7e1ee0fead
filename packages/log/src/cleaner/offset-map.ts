import type { Buffer } from 'node:buffer'
import type { Random } from '@millrace/kernel'
import { KeyDigest } from './key-digest.ts'

/** Four words of key and eight bytes of offset. */
const entryBytes = 24
const wordsPerKey = 4
/** Keys up to here stand in the map as they are. */
const plainBytesMax = 15

export interface OffsetMapOptions {
  /** Memory that the map may take, whatever the keys (`log.cleaner.dedupe.buffer.size`). */
  readonly bytesMax: number
  /** How full it may become (`log.cleaner.io.buffer.load.factor`): fuller is slower. */
  readonly loadFactor: number
  /** Entries that are expected at most: no more memory than those need is taken. */
  readonly entriesExpected: number
  /** For a secret, so that nobody can choose keys that fall onto one another. */
  readonly random: Random
}

/**
 * The latest offset of each key, in bounded memory (storage/…/log/SkimpyOffsetMap.java): open addressing over
 * typed arrays, 24 bytes an entry.
 *
 * A key stands there in sixteen bytes: one of up to fifteen bytes as it is, behind its length; a longer one as a keyed
 * digest (Kafka: MD5) whose highest bit is set, so that the two never meet. Two longer keys meet with a chance of 2^-127.
 */
export class OffsetMap {
  /** New keys are refused from here on. */
  readonly entriesMax: number
  readonly #mask: number
  readonly #seed: number
  readonly #digest: KeyDigest
  readonly #keys: Int32Array
  /** Offset + 1: a slot that is 0 is free. */
  readonly #offsets: Float64Array
  readonly #wanted = new Int32Array(wordsPerKey)
  #size = 0

  constructor(options: OffsetMapOptions) {
    const { bytesMax, loadFactor, entriesExpected, random } = options
    const slotsMax = 2 ** Math.floor(Math.log2(Math.max(2, bytesMax / entryBytes)))
    const slotsWanted = 2 ** Math.ceil(Math.log2(Math.max(2, (entriesExpected + 1) / loadFactor)))
    const slots = Math.min(slotsMax, slotsWanted)
    this.entriesMax = Math.max(1, Math.min(slots - 1, Math.floor(slots * loadFactor)))
    this.#mask = slots - 1
    this.#seed = random.integer(2 ** 32) | 0
    this.#digest = new KeyDigest(Int32Array.from({ length: wordsPerKey }, () => random.integer(2 ** 32)))
    this.#keys = new Int32Array(slots * wordsPerKey)
    this.#offsets = new Float64Array(slots)
  }

  get size(): number {
    return this.#size
  }

  /**
   * Notes that the key `bytes[from, to)` stands at `offset`. False, and nothing noted, for a new key where the map is
   * full.
   */
  put(bytes: Buffer, from: number, to: number, offset: number): boolean {
    const slot = this.#slotOf(bytes, from, to)
    if (this.#offsets[slot] === 0) {
      if (this.#size >= this.entriesMax) return false
      this.#keys.set(this.#wanted, slot * wordsPerKey)
      this.#size++
    }
    this.#offsets[slot] = offset + 1
    return true
  }

  /** -1 for a key that was not noted. */
  get(bytes: Buffer, from: number, to: number): number {
    return this.#offsets[this.#slotOf(bytes, from, to)]! - 1
  }

  /** Where the key stands, or the free slot where it would. Leaves the key's words in `wanted`. */
  #slotOf(bytes: Buffer, from: number, to: number): number {
    const wanted = this.#wanted
    if (to - from <= plainBytesMax) plainWords(bytes, from, to, wanted)
    else {
      this.#digest.digest(bytes, from, to, wanted)
      wanted[0]! |= 0x8000_0000
    }
    const keys = this.#keys
    const mask = this.#mask
    let slot = mixed(wanted, this.#seed) & mask
    for (; this.#offsets[slot] !== 0; slot = (slot + 1) & mask) {
      const at = slot * wordsPerKey
      if (
        keys[at] === wanted[0] &&
        keys[at + 1] === wanted[1] &&
        keys[at + 2] === wanted[2] &&
        keys[at + 3] === wanted[3]
      ) {
        break
      }
    }
    return slot
  }
}

function plainWords(bytes: Buffer, from: number, to: number, into: Int32Array): void {
  let word = to - from
  let at = 1
  for (let i = from; i < to; i++, at++) {
    if ((at & 3) === 0) {
      into[(at >> 2) - 1] = word
      word = 0
    }
    word = (word << 8) | bytes[i]!
  }
  for (; (at & 3) !== 0; at++) word <<= 8
  into[(at >> 2) - 1] = word
  for (let i = at >> 2; i < wordsPerKey; i++) into[i] = 0
}

/** A hash of four words (the finaliser of MurmurHash3 over a seeded mix). */
function mixed(words: Int32Array, seed: number): number {
  let h = seed
  for (let i = 0; i < wordsPerKey; i++) {
    h = Math.imul(h ^ words[i]!, 0x85eb_ca6b)
    h ^= h >>> 13
    h = Math.imul(h, 0xc2b2_ae35)
    h ^= h >>> 16
  }
  return h
}
