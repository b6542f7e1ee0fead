import { Buffer } from 'node:buffer'
import { codeOf, configError, type Disk, type DiskLock, MillraceError, type Random } from '@millrace/kernel'
import { describeStore, type StoreDescription } from '../topology/describe.ts'
import type { StoreSpec } from '../topology/nodes.ts'

/**
 * The directory of one application in one process:
 *
 *   process-id     an id that stays with the directory
 *   stores.json    what each store held when it was last run: its kind, its serdes, its windows
 *   0_3/           state of a task
 *
 * Held by one process at a time: its id names the static members of the group, and two with the same would fence one
 * another for ever.
 */
export class StateDirectory {
  readonly path: string
  readonly #disk: Disk
  readonly #lock: DiskLock

  /** @throws DIRECTORY_IN_USE when another process, or another application object of this one, runs on it. */
  constructor(disk: Disk, path: string) {
    this.path = path
    this.#disk = disk
    disk.makeDirectory(path)
    this.#lock = lockOf(disk, path)
  }

  /**
   * Its threads are static members of the group (KIP-345): one that was killed and comes back takes its own place
   * again at once, where an unknown one would wait for the dead member's session to end.
   */
  async processId(random: Random): Promise<string> {
    const kept = this.#disk.readWhole(`${this.path}/process-id`)?.toString('utf8').trim()
    if (kept !== undefined && /^[A-Za-z0-9_-]{22}$/.test(kept)) return kept
    const id = random.uuid()
    await this.#write('process-id', `${id}\n`)
    return id
  }

  /**
   * Refuses a store whose bytes mean something else than before, and remembers how they are written now. What cannot
   * be read tells nothing.
   *
   * @throws CONFIG naming the store.
   */
  async checkStores(stores: readonly StoreSpec[]): Promise<void> {
    const before = this.#storesBefore()
    const now = stores.map(describeStore)
    for (const store of now) {
      const old = before.get(store.name)
      const [wanted, found] = [shapeOf(store), old === undefined ? undefined : shapeOf(old)]
      if (found === undefined || found === wanted) continue
      throw configError(
        `store ${store.name}`,
        `holds ${found} in ${this.path}, and now is to hold other data`,
        wanted,
        'Give the store another name, or reset the application: delete its state directory and internal topics.',
      )
    }
    const all = [...new Map([...before, ...now.map((store) => [store.name, store] as const)]).values()]
    const text = `${JSON.stringify(all)}\n`
    if (this.#disk.readWhole(`${this.path}/stores.json`)?.toString('utf8') !== text)
      await this.#write('stores.json', text)
  }

  release(): void {
    this.#lock.release()
  }

  #storesBefore(): Map<string, StoreDescription> {
    const text = this.#disk.readWhole(`${this.path}/stores.json`)?.toString('utf8') ?? '[]'
    try {
      const stores: unknown = JSON.parse(text)
      return new Map((Array.isArray(stores) ? stores : []).filter(isStore).map((store) => [store.name, store]))
    } catch {
      return new Map()
    }
  }

  async #write(name: string, text: string): Promise<void> {
    const file = `${this.path}/${name}`
    const half = this.#disk.open(`${file}.new`, 'open-or-create')
    try {
      const bytes = Buffer.from(text)
      half.truncate(0)
      half.write(bytes, 0, bytes.length, 0)
      await half.sync()
    } finally {
      half.close()
    }
    this.#disk.rename(`${file}.new`, file)
    await this.#disk.syncDirectory(this.path)
  }
}

/** Tasks that have a directory here, whoever ran them. */
export function tasksWithState(disk: Disk, path: string): string[] {
  return disk.list(path).filter((name) => /^\d+_\d+$/.test(name))
}

function lockOf(disk: Disk, path: string): DiskLock {
  try {
    return disk.lockDirectory(path)
  } catch (cause) {
    if (codeOf(cause) !== 'DIRECTORY_IN_USE') throw cause
    throw new MillraceError('DIRECTORY_IN_USE', 'another process runs this application on this state directory', {
      place: path,
      fix: 'Give each process of the application a state directory of its own, or stop the other one.',
      cause,
    })
  }
}

/** Everything that decides how a store's bytes are read. How long windows are kept does not. */
function shapeOf({ kind, key, value, windowSizeMs }: StoreDescription): string {
  const windows = windowSizeMs === undefined ? '' : ` in windows of ${windowSizeMs} ms`
  return `a ${kind} of ${key} to ${value}${windows}`
}

function isStore(value: unknown): value is StoreDescription {
  return typeof value === 'object' && value !== null && 'name' in value && 'kind' in value && 'key' in value
}
