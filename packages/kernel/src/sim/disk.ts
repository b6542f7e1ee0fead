import { Buffer } from 'node:buffer'
import { MillraceError } from '../errors.ts'
import type { Disk, DiskFile, DiskLock, OpenMode, VolumeSpace } from '../ports/disk.ts'
import { SimContents, seededNumbers } from './disk-file.ts'

/**
 * A disk in memory that fails as disks do.
 *
 * Fault model of a power cut (`crash`):
 * - Contents. Each 512-byte sector written since the last completed `sync` of its file is, independently of all others,
 *   as last written, as some earlier write left it, as it was when synced, or garbled where it was written. So writes
 *   tear
 *   within a run of sectors and reorder. Sectors not written since a sync are untouched. A hole reads as zeros.
 * - Sizes. A file has any size it had since its last sync; growth and truncation may both be lost.
 * - Names. Of the creations, renames and removals in a directory since its last `syncDirectory`, any subset happened
 *   (half the time: the first few, as in a journal). A rename happens whole or not at all. `sync` of a file does not
 *   make its name durable.
 * - A sync under way makes nothing durable until it has resolved, and then what was written before it began.
 * Process death (`kill`): the page cache survives, with its debts; open files and locks are gone.
 *
 * Both return a new disk and leave this one as it is: whoever still writes to it writes to a machine that is gone.
 */
export class SimDisk implements Disk {
  /** What goes wrong from now on. Change it at any time. */
  readonly faults: SimDiskFaults = {
    capacityBytes: Number.POSITIVE_INFINITY,
    readOnly: false,
    failWrite: undefined,
    failSync: undefined,
  }
  /** How often the device was asked to sync a file or a directory. */
  syncs = 0
  #root = new SimDirectory()
  #locks = new Set<string>()
  #bootNumber = 1
  readonly #pause: () => Promise<void>
  readonly #nowMs: () => number

  /**
   * `pause` decides when a sync completes; by default at once (in a later microtask). `nowMs` dates what is written; by
   * default it is 1970.
   */
  constructor(options: { readonly pause?: () => Promise<void>; readonly nowMs?: () => number } = {}) {
    this.#pause = options.pause ?? (() => Promise.resolve())
    this.#nowMs = options.nowMs ?? (() => 0)
  }

  /** The machine lost its power. */
  crash(seed: number): SimDisk {
    const random = seededNumbers(seed)
    const after = new SimDisk({ pause: this.#pause, nowMs: this.#nowMs })
    after.#bootNumber = this.#bootNumber + 1
    after.#root = this.#root.afterCrash(random, new Map())
    return after
  }

  /** The process died, however it died. */
  kill(): SimDisk {
    const after = new SimDisk({ pause: this.#pause, nowMs: this.#nowMs })
    after.#bootNumber = this.#bootNumber
    after.#root = this.#root.afterKill(new Map())
    return after
  }

  open(path: string, mode: OpenMode): DiskFile {
    const { directory, name } = this.#parent(path)
    const found = directory.names.get(name)
    if (found instanceof SimDirectory) throw diskError(path, 'it is a directory')
    if (found === undefined) {
      if (mode === 'read' || mode === 'write') throw diskError(path, 'no such file')
      this.#refuseReadOnly(path)
      const contents = new SimContents()
      contents.modifiedMs = this.#nowMs()
      directory.change([{ name, node: contents }])
      return new SimFile(this, path, contents)
    }
    if (mode === 'create') throw diskError(path, 'it exists')
    if (mode !== 'read') this.#refuseReadOnly(path)
    return new SimFile(this, path, found)
  }

  rename(from: string, to: string): void {
    this.#refuseReadOnly(from)
    const source = this.#parent(from)
    const target = this.#parent(to)
    const node = source.directory.names.get(source.name)
    if (node === undefined) throw diskError(from, 'no such file')
    if (source.directory === target.directory) {
      source.directory.change([{ name: target.name, node }, { name: source.name }])
      return
    }
    target.directory.change([{ name: target.name, node }])
    source.directory.change([{ name: source.name }])
  }

  remove(path: string): void {
    this.#refuseReadOnly(path)
    const { directory, name } = this.#parent(path)
    if (directory.names.has(name)) directory.change([{ name }])
  }

  /** In a later microtask: until the directory is synced, a power cut takes it back or not anyway. */
  async removeInBackground(path: string): Promise<void> {
    await Promise.resolve()
    this.remove(path)
  }

  removeTree(path: string): void {
    this.remove(path)
  }

  makeDirectory(path: string): void {
    let at = this.#root
    for (const name of parts(path)) {
      const next = at.names.get(name)
      if (next instanceof SimContents) throw diskError(path, 'a file is in the way')
      if (next === undefined) {
        this.#refuseReadOnly(path)
        const made = new SimDirectory()
        at.change([{ name, node: made }])
        at = made
      } else at = next
    }
  }

  list(path: string): string[] {
    const node = this.#find(path)
    return node instanceof SimDirectory ? [...node.names.keys()].sort() : []
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined
  }

  readWhole(path: string): Buffer | undefined {
    const node = this.#find(path)
    return node instanceof SimContents ? node.bytes() : undefined
  }

  async syncDirectory(path: string): Promise<void> {
    const node = this.#find(path)
    if (!(node instanceof SimDirectory)) throw diskError(path, 'no such directory')
    const upTo = node.pending.length
    this.syncs++
    await this.#pause()
    if (this.faults.failSync?.(path) === true) throw diskError(path, 'input/output error (EIO)')
    node.settle(upTo)
  }

  preallocate(file: DiskFile, size: number): void {
    const from = file.size()
    if (size > from) file.write(Buffer.alloc(size - from), 0, size - from, from)
  }

  lockDirectory(path: string): DiskLock {
    if (this.#locks.has(path)) {
      throw new MillraceError('DIRECTORY_IN_USE', 'process 1 holds it', { place: path, fix: 'Stop that process.' })
    }
    this.#locks.add(path)
    return { release: () => this.#locks.delete(path) }
  }

  descriptorsMax(): undefined {
    return undefined
  }

  bootId(): string {
    return `boot-${this.#bootNumber}`
  }

  space(path: string): VolumeSpace {
    if (!this.exists(path)) throw diskError(path, 'no such file or directory (ENOENT)')
    const totalBytes = Math.min(this.faults.capacityBytes, Number.MAX_SAFE_INTEGER)
    return { totalBytes, usableBytes: Math.max(0, totalBytes - this.usedBytes()) }
  }

  /** Bytes in files, for `capacityBytes`. */
  usedBytes(): number {
    return this.#root.usedBytes()
  }

  /** Room for a write that ends at `end`: how much of it fits. Called by open files. */
  admitWrite(path: string, contents: SimContents, end: number): number {
    this.#refuseReadOnly(path)
    if (this.faults.failWrite?.(path) === true) throw diskError(path, 'input/output error (EIO)')
    contents.modifiedMs = this.#nowMs()
    if (this.faults.capacityBytes === Number.POSITIVE_INFINITY) return end
    return Math.min(end, Math.max(contents.size, contents.size + this.faults.capacityBytes - this.usedBytes()))
  }

  /** Called by open files. */
  async syncContents(path: string, contents: SimContents): Promise<void> {
    this.syncs++
    const sync = contents.beginSync()
    await this.#pause()
    if (this.faults.failSync?.(path) === true) {
      contents.failSync()
      throw diskError(path, 'input/output error (EIO)')
    }
    contents.endSync(sync)
  }

  #find(path: string): SimNode | undefined {
    let at: SimNode = this.#root
    for (const name of parts(path)) {
      const next: SimNode | undefined = at instanceof SimDirectory ? at.names.get(name) : undefined
      if (next === undefined) return undefined
      at = next
    }
    return at
  }

  #parent(path: string): { directory: SimDirectory; name: string } {
    const names = parts(path)
    const name = names.pop()
    const directory = this.#find(names.join('/'))
    if (name === undefined || !(directory instanceof SimDirectory)) throw diskError(path, 'no such directory')
    return { directory, name }
  }

  #refuseReadOnly(path: string): void {
    if (!this.faults.readOnly) return
    throw new MillraceError('DISK_READ_ONLY', 'the file system is read-only', {
      place: path,
      fix: 'Mount it for writing, or choose a directory on another one.',
    })
  }
}

/** Faults to inject; the functions are asked at each write and sync and say whether that one fails with EIO. */
export interface SimDiskFaults {
  capacityBytes: number
  readOnly: boolean
  failWrite: ((path: string) => boolean) | undefined
  /** A failed sync loses the pages it was to write. */
  failSync: ((path: string) => boolean) | undefined
}

type SimNode = SimDirectory | SimContents

/** A name set to a node, or removed. */
interface NameChange {
  readonly name: string
  readonly node?: SimNode
}

class SimDirectory {
  readonly names = new Map<string, SimNode>()
  readonly #stable = new Map<string, SimNode>()
  /** Since the last sync, in order; the changes of one entry happen together. */
  pending: (readonly NameChange[])[] = []

  change(changes: readonly NameChange[]): void {
    applyChanges(this.names, changes)
    this.pending.push(changes)
  }

  settle(upTo: number): void {
    for (const changes of this.pending.splice(0, upTo)) applyChanges(this.#stable, changes)
  }

  usedBytes(): number {
    let total = 0
    for (const node of this.names.values()) total += node instanceof SimContents ? node.size : node.usedBytes()
    return total
  }

  afterKill(copies: Map<SimNode, SimNode>): SimDirectory {
    const copyOf = (node: SimNode): SimNode => {
      const known = copies.get(node)
      if (known !== undefined) return known
      const made = node instanceof SimContents ? node.afterKill() : node.afterKill(copies)
      copies.set(node, made)
      return made
    }
    const after = new SimDirectory()
    for (const [name, node] of this.names) after.names.set(name, copyOf(node))
    for (const [name, node] of this.#stable) after.#stable.set(name, copyOf(node))
    after.pending = this.pending.map((changes) =>
      changes.map(({ name, node }) => (node === undefined ? { name } : { name, node: copyOf(node) })),
    )
    return after
  }

  afterCrash(random: () => number, copies: Map<SimNode, SimNode>): SimDirectory {
    const kept = new Map(this.#stable)
    const asJournal = random() < 0.5
    const first = Math.floor(random() * (this.pending.length + 1))
    this.pending.forEach((changes, i) => {
      if (asJournal ? i < first : random() < 0.5) applyChanges(kept, changes)
    })
    const after = new SimDirectory()
    for (const [name, node] of kept) {
      const known = copies.get(node)
      const copy = known ?? (node instanceof SimContents ? node.afterCrash(random) : node.afterCrash(random, copies))
      copies.set(node, copy)
      after.names.set(name, copy)
      after.#stable.set(name, copy)
    }
    return after
  }
}

class SimFile implements DiskFile {
  readonly path: string
  readonly #disk: SimDisk
  readonly #contents: SimContents

  constructor(disk: SimDisk, path: string, contents: SimContents) {
    this.#disk = disk
    this.path = path
    this.#contents = contents
  }

  read(target: Buffer, at: number, length: number, position: number): number {
    return this.#contents.read(target, at, length, position)
  }

  write(source: Buffer, from: number, to: number, position: number): void {
    const end = position + to - from
    const admitted = this.#disk.admitWrite(this.path, this.#contents, end)
    if (admitted > position) this.#contents.write(source, from, from + admitted - position, position)
    if (admitted < end) {
      throw new MillraceError('DISK_FULL', 'no space is left', {
        place: this.path,
        fix: 'Free some space on this file system, or move the data directory.',
      })
    }
  }

  truncate(size: number): void {
    this.#disk.admitWrite(this.path, this.#contents, size)
    this.#contents.truncate(size)
  }

  size(): number {
    return this.#contents.size
  }

  modifiedMs(): number {
    return this.#contents.modifiedMs
  }

  setModifiedMs(ms: number): void {
    this.#contents.modifiedMs = ms
  }

  sync(): Promise<void> {
    const contents = this.#contents
    const next = contents.lastSync.catch(() => undefined).then(() => this.#disk.syncContents(this.path, contents))
    contents.lastSync = next
    return next
  }

  close(): void {}
}

function applyChanges(names: Map<string, SimNode>, changes: readonly NameChange[]): void {
  for (const { name, node } of changes) {
    if (node === undefined) names.delete(name)
    else names.set(name, node)
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '')
}

function diskError(path: string, problem: string): MillraceError {
  return new MillraceError('DISK_ERROR', problem, { place: path })
}
