import { Buffer } from 'node:buffer'
import { codeOf, configError, type Disk, type DiskLock, MiB, MillraceError, messageOf } from '@millrace/kernel'
import { type Database, open, type RootDatabase } from 'lmdb'
import { BufferedEnvironment, type CommittedEnvironment } from './buffered-environment.ts'
import type { CommittedStore } from './buffered-store.ts'
import type { FlushedOffsets, StoreEngine } from './byte-store.ts'
import { CleanMarker } from './clean-marker.ts'
import { checkLmdbHeader } from './lmdb-header.ts'
import { LmdbStore } from './lmdb-store.ts'

export interface LmdbOptions {
  /** Locks the directory and tells whether the machine was restarted. lmdb itself reads and writes its own file. */
  readonly disk: Disk
  /** Stores a directory can hold. Default 64. */
  readonly storesMax?: number | undefined
  /** Address space mapped at first; grows by itself. Default 64 MiB. */
  readonly mapBytes?: number | undefined
}

const STATE_FILE = 'state.lmdb'
const PROBE_BYTES = MiB
const OFFSETS_KEY = Buffer.from('offsets')

/**
 * State on disk in lmdb: one environment a directory, all its stores and offsets in one transaction. Nothing is
 * synced before `close`: the
 * changelogs are the truth, and after a power cut they restore it.
 *
 * @throws CONFIG on an unknown option.
 */
export function lmdbEngine(options: LmdbOptions): StoreEngine {
  const { disk, storesMax = 64, mapBytes = 64 * MiB, ...rest } = options
  const stray = Object.keys(rest)[0]
  if (stray !== undefined)
    throw configError(`lmdbEngine ${stray}`, 'is not an option', stray, 'Known: disk, storesMax, mapBytes.')
  if (!Number.isSafeInteger(storesMax) || storesMax < 1)
    throw configError('lmdbEngine storesMax', 'must be a whole number from 1', storesMax)
  if (!Number.isSafeInteger(mapBytes) || mapBytes < MiB)
    throw configError('lmdbEngine mapBytes', 'must be at least 1 MiB', mapBytes)
  return {
    name: 'lmdb',
    open: (directory) => new BufferedEnvironment(openEnvironment(directory, disk, storesMax, mapBytes)),
  }
}

function openEnvironment(directory: string, disk: Disk, storesMax: number, mapBytes: number): LmdbEnvironment {
  disk.makeDirectory(directory)
  const lock = disk.lockDirectory(directory)
  try {
    const path = `${directory}/${STATE_FILE}`
    const marker = new CleanMarker(disk, directory)
    const torn = disk.exists(path) && !marker.isTrustworthy()
    if (torn) removeState(disk, path)
    else checkLmdbHeader(disk, path)
    marker.begin()
    const root = named(directory, () =>
      open<Buffer, Buffer>({
        path,
        maxDbs: storesMax + 1,
        mapSize: mapBytes,
        noSync: true,
        keyEncoding: 'binary',
        encoding: 'binary',
      }),
    )
    return new LmdbEnvironment(directory, disk, lock, marker, root, torn)
  } catch (error) {
    lock.release()
    throw error
  }
}

class LmdbEnvironment implements CommittedEnvironment {
  readonly directory: string
  readonly openedUnclean: boolean
  readonly #disk: Disk
  readonly #lock: DiskLock
  readonly #marker: CleanMarker
  readonly #root: RootDatabase<Buffer, Buffer>
  readonly #meta: Database<Buffer, Buffer>

  constructor(
    directory: string,
    disk: Disk,
    lock: DiskLock,
    marker: CleanMarker,
    root: RootDatabase<Buffer, Buffer>,
    torn: boolean,
  ) {
    this.directory = directory
    this.openedUnclean = torn
    this.#disk = disk
    this.#lock = lock
    this.#marker = marker
    this.#root = root
    this.#meta = this.#database('meta')
  }

  offsets(): FlushedOffsets {
    const bytes = this.#meta.get(OFFSETS_KEY)
    if (bytes === undefined) return {}
    const value: unknown = JSON.parse(bytes.toString())
    if (isOffsets(value)) return value
    throw new MillraceError('CORRUPT_FILE', 'the offsets in it cannot be read', {
      place: this.directory,
      fix: 'Remove the directory: its stores are restored from their changelogs.',
    })
  }

  store(name: string): CommittedStore {
    return new LmdbStore(name, this.#database(`store:${name}`))
  }

  transaction(write: () => void, offsets: FlushedOffsets): void {
    this.#marker.check()
    try {
      named(this.directory, () =>
        this.#root.transactionSync(() => {
          write()
          this.#meta.putSync(OFFSETS_KEY, Buffer.from(JSON.stringify(offsets)))
        }),
      )
    } catch (error) {
      // lmdb says EIO for a write that a full disk cut short: the Disk port tells which it was.
      if (codeOf(error) === 'DISK_ERROR') probe(this.#disk, `${this.directory}/probe`)
      throw error
    }
  }

  async close(): Promise<void> {
    try {
      await this.#root.close()
      await this.#marker.end(`${this.directory}/${STATE_FILE}`)
    } finally {
      this.#lock.release()
    }
  }

  async destroy(): Promise<void> {
    try {
      await this.#root.close()
    } finally {
      this.#lock.release()
      this.#disk.removeTree(this.directory)
    }
  }

  #database(name: string): Database<Buffer, Buffer> {
    return named(this.directory, () =>
      this.#root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' }),
    )
  }
}

/** Writes and removes a small file. @throws DISK_FULL or DISK_READ_ONLY where the disk is that. */
function probe(disk: Disk, path: string): void {
  try {
    const file = disk.open(path, 'open-or-create')
    try {
      file.write(Buffer.alloc(PROBE_BYTES), 0, PROBE_BYTES, 0)
    } finally {
      file.close()
    }
  } finally {
    disk.remove(path)
  }
}

function removeState(disk: Disk, path: string): void {
  disk.remove(path)
  disk.remove(`${path}-lock`)
}

/** Runs a call of lmdb and gives its errors our codes and the directory's name. */
function named<T>(directory: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    const [code, fix] = remedy(`${codeOf(cause) ?? ''} ${messageOf(cause)}`)
    throw new MillraceError(code, messageOf(cause), { place: directory, fix, cause })
  }
}

function remedy(text: string): ['DISK_FULL' | 'DISK_READ_ONLY' | 'CORRUPT_FILE' | 'DISK_ERROR', string] {
  if (/ENOSPC|No space left|EDQUOT|quota/i.test(text))
    return ['DISK_FULL', 'Free some space, then start again: nothing is lost.']
  if (/EACCES|EROFS|EPERM|Permission denied|Read-only|not permitted/i.test(text)) {
    return ['DISK_READ_ONLY', 'Give the process write access to the state directory.']
  }
  if (/MDB_INVALID|MDB_CORRUPTED|MDB_VERSION_MISMATCH|MDB_PAGE_NOTFOUND|not an LMDB|corrupt|mismatch/i.test(text)) {
    return ['CORRUPT_FILE', 'Remove the directory: its stores are restored from their changelogs.']
  }
  return ['DISK_ERROR', 'Check the disk; the state can be removed, it is restored from its changelogs.']
}

function isOffsets(value: unknown): value is Record<string, number> {
  return typeof value === 'object' && value !== null && Object.values(value).every(Number.isSafeInteger)
}
