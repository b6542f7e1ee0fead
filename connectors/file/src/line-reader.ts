import { Buffer } from 'node:buffer'
import type { DiskFile } from '@millrace/kernel'

const chunkBytes = 1_048_576
const newline = 0x0a
const carriageReturn = 0x0d

/**
 * What `next` found. `line`: it stands in `bytes[from, to)`. `long`: a line beyond the limit was passed over.
 * `end`: no whole line is left.
 */
export type LineResult = 'line' | 'long' | 'end'

/**
 * Walks the lines of a file through one buffer, without an object per line. Ends are LF or CRLF. At the end of the
 * file a line without its
 * end stays unread, as more may be on its way: `takeRest` gives it.
 */
export class LineReader {
  readonly #file: DiskFile
  readonly #lineBytesMax: number
  bytes: Buffer
  from = 0
  to = 0
  /** Of the byte after what was last given. */
  position: number
  /** Number of the line last given, from 1. */
  line: number
  #at = 0
  #filled = 0
  #skipping = false

  constructor(file: DiskFile, position: number, line: number, lineBytesMax: number) {
    this.#file = file
    this.#lineBytesMax = lineBytesMax
    this.position = position
    this.line = line
    this.bytes = Buffer.allocUnsafeSlow(Math.max(chunkBytes, lineBytesMax + 2))
  }

  next(): LineResult {
    for (;;) {
      const end = this.bytes.indexOf(newline, this.#at)
      if (end >= 0 && end < this.#filled) {
        const skipped = this.#skipping
        this.#give(end, end + 1)
        this.#skipping = false
        if (skipped || this.to - this.from > this.#lineBytesMax) return 'long'
        return 'line'
      }
      if (!this.#fill()) return 'end'
    }
  }

  /** The last line, which has no end; false when there is none. */
  takeRest(): LineResult {
    if (this.#at >= this.#filled && !this.#skipping) return 'end'
    const skipped = this.#skipping
    this.#give(this.#filled, this.#filled)
    this.#skipping = false
    return skipped || this.to - this.from > this.#lineBytesMax ? 'long' : 'line'
  }

  #give(end: number, next: number): void {
    this.from = this.#at
    this.to = end > this.#at && this.bytes[end - 1] === carriageReturn ? end - 1 : end
    this.position += next - this.#at
    this.#at = next
    this.line++
  }

  /** Moves what is left to the front and reads on behind it; false at the end of the file. */
  #fill(): boolean {
    if (this.#at > 0) this.bytes.copy(this.bytes, 0, this.#at, this.#filled)
    this.#filled -= this.#at
    this.#at = 0
    if (this.#filled === this.bytes.length) {
      // Longer than may be: what is here is passed over, up to the line's end.
      this.position += this.#filled
      this.#filled = 0
      this.#skipping = true
    }
    const room = this.bytes.length - this.#filled
    const count = this.#file.read(this.bytes, this.#filled, room, this.position + this.#filled)
    this.bytes.fill(0, this.#filled + count, Math.min(this.bytes.length, this.#filled + count + 1))
    this.#filled += count
    return count > 0
  }
}
