import type { KeyText } from './key-text.ts'

const FIRST_CAPACITY = 4096
const GROWTH = 4
const BITS_PER_KEY = 10
const PROBES = 6

interface Layer {
  readonly bits: Uint32Array
  readonly mask: number
  readonly capacity: number
  count: number
}

/**
 * A Bloom filter that grows by layers: `mayHave` is true for every key that was added and for about 1-3% of the
 * others. 10 to 20 bits a
 * key. What saves the engine the question for keys it has never seen.
 */
export class KeyFilter {
  readonly #layers: Layer[] = [layer(FIRST_CAPACITY)]
  #bytes = this.#layers[0]!.bits.byteLength

  get bytes(): number {
    return this.#bytes
  }

  add(key: KeyText): void {
    const first = hash(key)
    const step = spread(first) | 1
    for (const one of this.#layers) if (holds(one, first, step)) return
    let last = this.#layers[this.#layers.length - 1]!
    if (last.count >= last.capacity) {
      last = layer(last.capacity * GROWTH)
      this.#layers.push(last)
      this.#bytes += last.bits.byteLength
    }
    last.count++
    let at = first
    for (let i = 0; i < PROBES; i++, at = (at + step) | 0) {
      const bit = at & last.mask
      last.bits[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  mayHave(key: KeyText): boolean {
    const first = hash(key)
    const step = spread(first) | 1
    for (let i = this.#layers.length - 1; i >= 0; i--) if (holds(this.#layers[i]!, first, step)) return true
    return false
  }
}

function layer(capacity: number): Layer {
  const bits = 2 ** Math.ceil(Math.log2(capacity * BITS_PER_KEY))
  return { bits: new Uint32Array(bits / 32), mask: bits - 1, capacity, count: 0 }
}

function holds(one: Layer, first: number, step: number): boolean {
  let at = first
  for (let i = 0; i < PROBES; i++, at = (at + step) | 0) {
    const bit = at & one.mask
    if ((one.bits[bit >>> 5]! & (1 << (bit & 31))) === 0) return false
  }
  return true
}

/** FNV-1a over the characters, finished as murmur3 does. */
function hash(key: string): number {
  let h = 0x811c9dc5 | 0
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193)
  return spread(h)
}

function spread(value: number): number {
  let h = value ^ (value >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}
