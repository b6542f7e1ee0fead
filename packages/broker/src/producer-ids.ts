import { Buffer } from 'node:buffer'
import { type Disk, MillraceError } from '@millrace/kernel'

/** Ids reserved on disk at a time: a restart skips what is left of a block. */
const blockSize = 1000

/**
 * Producer ids that no earlier run has given out. The file holds the first id that is not reserved; it is replaced
 * and made durable
 * before an id of the new block leaves.
 */
export class ProducerIds {
  readonly #disk: Disk
  readonly #directory: string
  #next = 0
  #end = 0
  #reserving: Promise<void> | undefined

  /** @param directory the data directory. */
  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined
      })
      await this.#reserving
    }
    return this.#next++
  }

  async #reserve(): Promise<void> {
    const path = `${this.#directory}/producer-ids`
    const first = this.#read(path)
    const temporary = `${path}.tmp`
    this.#disk.remove(temporary)
    const file = this.#disk.open(temporary, 'create')
    try {
      const text = Buffer.from(`version: 0\nnext: ${first + blockSize}\n`)
      file.write(text, 0, text.length, 0)
      await file.sync()
    } finally {
      file.close()
    }
    this.#disk.rename(temporary, path)
    await this.#disk.syncDirectory(this.#directory)
    this.#next = first
    this.#end = first + blockSize
  }

  #read(path: string): number {
    const text = this.#disk.readWhole(path)?.toString('latin1')
    if (text === undefined) return 0
    const next = /^version: 0\nnext: (\d{1,15})\n$/.exec(text)?.[1]
    if (next !== undefined) return Number(next)
    throw new MillraceError('CORRUPT_FILE', 'does not say which producer ids are free', {
      place: path,
      value: text,
      fix: 'Write "version: 0\\nnext: N\\n" with an N above every producer id in use, or remove the data directory.',
    })
  }
}
