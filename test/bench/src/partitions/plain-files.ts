import { Buffer } from 'node:buffer'
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs'

/** Open files in folders of their own, without any log: what the machine itself asks for a write or a read. */
export class PlainFiles {
  readonly #directory: string
  readonly #files: readonly number[]
  readonly #ends: Float64Array
  readonly #next: Float64Array
  readonly #room: Buffer

  constructor(directory: string, count: number, callBytes: number) {
    this.#directory = directory
    this.#files = Array.from({ length: count }, (_, i) => {
      mkdirSync(`${directory}/${i}`, { recursive: true })
      return openSync(`${directory}/${i}/plain`, 'wx+')
    })
    this.#ends = new Float64Array(count)
    this.#next = new Float64Array(count)
    this.#room = Buffer.alloc(callBytes)
  }

  write(i: number, bytes: Buffer): void {
    const at = i % this.#files.length
    this.#ends[at]! += writeSync(this.#files[at]!, bytes, 0, bytes.length, this.#ends[at]!)
  }

  read(i: number): void {
    const at = i % this.#files.length
    this.#next[at]! += readSync(this.#files[at]!, this.#room, 0, this.#room.length, this.#next[at]!)
  }

  remove(): void {
    for (const file of this.#files) closeSync(file)
    rmSync(this.#directory, { recursive: true })
  }
}
