const BLOCK_MAX = 512

/**
 * An ordered map of strings, by UTF-16 code unit (for latin1 texts: by byte). Reads and writes cost one hash lookup;
 * keys are kept in
 * sorted blocks of up to 512, so an insert moves at most one block.
 */
export class SortedMap<K extends string, V> {
  readonly #values = new Map<K, V>()
  /** Never empty: the first block may be. */
  #blocks: K[][] = [[]]

  get size(): number {
    return this.#values.size
  }

  get(key: K): V | undefined {
    return this.#values.get(key)
  }

  has(key: K): boolean {
    return this.#values.has(key)
  }

  set(key: K, value: V): void {
    const before = this.#values.size
    this.#values.set(key, value)
    if (this.#values.size === before) return
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(position(block, key), 0, key)
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX / 2))
  }

  delete(key: K): boolean {
    if (!this.#values.delete(key)) return false
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(position(block, key), 1)
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1)
    return true
  }

  clear(): void {
    this.#values.clear()
    this.#blocks = [[]]
  }

  /** The first key that is not below `key`; with no argument, the first of all. */
  ceiling(key = ''): K | undefined {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    const found = block[position(block, key)]
    return found ?? this.#blocks[at + 1]?.[0]
  }

  /** The last key below `key`; with no argument, the last of all. */
  lower(key?: string): K | undefined {
    if (key === undefined) return this.#blocks[this.#blocks.length - 1]!.at(-1)
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    const before = position(block, key) - 1
    return before >= 0 ? block[before] : at > 0 ? this.#blocks[at - 1]!.at(-1) : undefined
  }

  /** Keys in order. May be changed while it runs: each step seeks past the key before. */
  *keys(from?: string, to?: string): IterableIterator<K> {
    let key = this.ceiling(from)
    while (key !== undefined && (to === undefined || key < to)) {
      yield key
      key = this.ceiling(`${key}\0`)
    }
  }

  *keysReverse(from?: string, to?: string): IterableIterator<K> {
    let key = this.lower(to)
    while (key !== undefined && (from === undefined || key >= from)) {
      yield key
      key = this.lower(key)
    }
  }

  /** The last block whose first key is not above `key`. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#blocks[middle]![0]! <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** How many keys of a sorted block are below `key`. */
function position(block: readonly string[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
