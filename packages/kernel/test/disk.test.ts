import { Buffer } from 'node:buffer'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { nodeDisk } from '../src/node/index.ts'
import type { Disk } from '../src/ports/disk.ts'
import { SimDisk } from '../src/sim/index.ts'

const made: string[] = []
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})

function realDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
  made.push(path)
  return path
}

const kinds: readonly [string, () => { disk: Disk; path: string }][] = [
  ['node disk', () => ({ disk: nodeDisk(), path: realDirectory() })],
  ['simulated disk', () => ({ disk: new SimDisk(), path: '/d' })],
]

const write = (disk: Disk, path: string, text: string, position = 0) => {
  const file = disk.open(path, 'open-or-create')
  file.write(Buffer.from(text), 0, text.length, position)
  file.close()
}
const textOf = (disk: Disk, path: string) => disk.readWhole(path)?.toString('latin1')

describe.each(kinds)('a %s', (_, make) => {
  test('says what its volume has', () => {
    const { disk, path } = make()
    disk.makeDirectory(path)
    const { totalBytes, usableBytes } = disk.space(path)
    expect(Number.isSafeInteger(totalBytes) && Number.isSafeInteger(usableBytes)).toBe(true)
    expect(usableBytes).toBeGreaterThanOrEqual(0)
    expect(totalBytes).toBeGreaterThanOrEqual(Math.max(1, usableBytes))
    expect(() => disk.space(`${path}/missing`)).toThrow(/missing/)
  })

  test('removes files and directories in the background; missing ones are no error', async () => {
    const { disk, path } = make()
    disk.makeDirectory(`${path}/tree/deep`)
    write(disk, `${path}/tree/deep/a`, 'a')
    write(disk, `${path}/b`, 'b')
    await disk.removeInBackground(`${path}/b`)
    await disk.removeInBackground(`${path}/tree`)
    await disk.removeInBackground(`${path}/tree`)
    await disk.removeInBackground(`${path}/b`)
    expect(disk.list(path)).toEqual([])
  })

  test('says how many files may be open, or that it is not known', () => {
    const { disk } = make()
    const most = disk.descriptorsMax()
    if (process.platform === 'linux' && !(disk instanceof SimDisk)) expect(most).toBeGreaterThan(0)
    else expect(most).toBeUndefined()
  })

  test('reads what was written, short only at the end; a hole is zeros', () => {
    const { disk, path } = make()
    disk.makeDirectory(path)
    const file = disk.open(`${path}/a`, 'create')
    file.write(Buffer.from('__abc'), 2, 5, 3)
    expect(file.size()).toBe(6)
    const target = Buffer.alloc(10, '-')
    expect(file.read(target, 1, 9, 0)).toBe(6)
    expect(target.toString('latin1')).toBe('-\0\0\0abc---')
    expect(file.read(target, 0, 4, 6)).toBe(0)
    file.truncate(4)
    file.truncate(6)
    expect(textOf(disk, `${path}/a`)).toBe('\0\0\0a\0\0')
    disk.preallocate(file, 3000)
    expect(file.size()).toBe(3000)
    file.close()
  })

  test('open modes', () => {
    const { disk, path } = make()
    disk.makeDirectory(path)
    for (const mode of ['read', 'write'] as const) {
      expect(() => disk.open(`${path}/a`, mode)).toThrow(expect.objectContaining({ code: 'DISK_ERROR' }))
    }
    write(disk, `${path}/a`, 'kept')
    disk.open(`${path}/a`, 'open-or-create').close()
    expect(textOf(disk, `${path}/a`)).toBe('kept')
    expect(() => disk.open(`${path}/a`, 'create')).toThrow(expect.objectContaining({ code: 'DISK_ERROR' }))
  })

  test('a directory is not made where a file stands', () => {
    const { disk, path } = make()
    disk.makeDirectory(path)
    write(disk, `${path}/file`, '')
    expect(() => disk.makeDirectory(`${path}/file/below`)).toThrow(expect.objectContaining({ code: 'DISK_ERROR' }))
  })

  test('names: list, rename over, remove, trees; what is missing is no error where the port says so', async () => {
    const { disk, path } = make()
    disk.makeDirectory(`${path}/deep/er`)
    disk.makeDirectory(`${path}/deep/er`)
    write(disk, `${path}/b`, 'new')
    write(disk, `${path}/a`, 'old')
    disk.rename(`${path}/b`, `${path}/a`)
    expect(disk.list(path)).toEqual(['a', 'deep'])
    expect(textOf(disk, `${path}/a`)).toBe('new')
    disk.remove(`${path}/a`)
    disk.remove(`${path}/a`)
    disk.removeTree(`${path}/deep`)
    disk.removeTree(`${path}/deep`)
    expect(disk.list(path)).toEqual([])
    expect(disk.list(`${path}/none`)).toEqual([])
    expect(disk.readWhole(`${path}/none`)).toBeUndefined()
    expect(disk.exists(`${path}/none`)).toBe(false)
    await disk.syncDirectory(path)
    await expect(disk.syncDirectory(`${path}/none`)).rejects.toMatchObject({ code: 'DISK_ERROR' })
  })

  test('a directory is locked once, and again after the release', () => {
    const { disk, path } = make()
    disk.makeDirectory(path)
    const lock = disk.lockDirectory(path)
    expect(() => disk.lockDirectory(path)).toThrow(expect.objectContaining({ code: 'DIRECTORY_IN_USE' }))
    lock.release()
    disk.lockDirectory(path).release()
    expect(disk.bootId()).toBe(disk.bootId())
  })
})

test('a lock left by the dead is no lock: another boot, no such process, a pid used again', () => {
  const path = realDirectory()
  const disk = nodeDisk()
  const boot = disk.bootId()
  const claims = [
    `.lock.${process.pid}.1.00000000-0000-0000-0000-000000000000.aa`,
    `.lock.999999999.5.${boot}.bb`,
    `.lock.${process.ppid}.1.${boot}.cc`,
  ]
  for (const claim of claims) writeFileSync(join(path, claim), '')
  const lock = disk.lockDirectory(path)
  expect(disk.list(path).length).toBe(1)
  lock.release()
  expect(disk.list(path)).toEqual([])
})

describe('the simulated disk after a power cut', () => {
  /** The states a file can be found in, over many crashes. */
  function outcomes(prepare: (disk: SimDisk) => void, path: string): Set<string> {
    const disk = new SimDisk()
    prepare(disk)
    const found = new Set<string>()
    for (let seed = 0; seed < 300; seed++) found.add(textOf(disk.crash(seed), path) ?? 'missing')
    return found
  }

  async function synced(text: string): Promise<SimDisk> {
    const disk = new SimDisk()
    disk.makeDirectory('/d')
    await disk.syncDirectory('/')
    write(disk, '/d/a', text)
    await disk.syncDirectory('/d')
    const file = disk.open('/d/a', 'write')
    await file.sync()
    return disk
  }

  test('what was synced is untouched, whatever comes behind it in the same sector', async () => {
    const disk = await synced('promised')
    write(disk, '/d/a', 'x'.repeat(2000), 8)
    const seen = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const text = textOf(disk.crash(seed), '/d/a') ?? ''
      expect(text.slice(0, 8)).toBe('promised')
      const body = text.slice(8)
      if (body === '') seen.add('dropped')
      else if (body === 'x'.repeat(2000)) seen.add('kept')
      else if (/^[x\0]*$/.test(body)) seen.add('torn')
      else seen.add('garbled')
    }
    expect([...seen].sort()).toEqual(['dropped', 'garbled', 'kept', 'torn'])
  })

  test('a sync makes no name durable, and a directory sync no contents', async () => {
    const named = outcomes((disk) => {
      disk.makeDirectory('/d')
      write(disk, '/d/a', 'abc')
    }, '/d/a')
    expect(named).toContain('missing')
    expect(named).toContain('abc')
    const disk = new SimDisk()
    disk.makeDirectory('/d')
    await disk.syncDirectory('/')
    write(disk, '/d/a', 'abc')
    await disk.syncDirectory('/d')
    const contents = new Set(Array.from({ length: 300 }, (_, seed) => textOf(disk.crash(seed), '/d/a')))
    expect(contents.has(undefined)).toBe(false)
    expect(contents).toContain('')
  })

  test('a rename happens whole or not at all; a truncation may be lost', async () => {
    const disk = await synced('old')
    write(disk, '/d/b', 'new')
    const file = disk.open('/d/b', 'write')
    await file.sync()
    disk.rename('/d/b', '/d/a')
    disk.open('/d/a', 'write').truncate(1)
    const found = new Set(Array.from({ length: 300 }, (_, seed) => textOf(disk.crash(seed), '/d/a')))
    expect(
      [...found].every((text) => text === 'old' || text === 'new' || text?.[0] === 'n' || text?.length === 3),
    ).toBe(true)
    expect(found).toContain('old')
    expect(found).toContain('new')
    expect(found).toContain('n')
  })

  test('the same seed gives the same disk; a kill loses nothing but keeps the debt', async () => {
    const disk = await synced('a')
    write(disk, '/d/a', 'b'.repeat(5000), 1)
    expect(textOf(disk.crash(7), '/d/a')).toBe(textOf(disk.crash(7), '/d/a'))
    const killed = disk.kill()
    expect(textOf(killed, '/d/a')).toBe(textOf(disk, '/d/a'))
    const after = new Set(Array.from({ length: 100 }, (_, seed) => textOf(killed.crash(seed), '/d/a')?.length))
    expect(after).toContain(1)
    expect(killed.bootId()).toBe(disk.bootId())
    expect(killed.crash(1).bootId()).not.toBe(disk.bootId())
  })

  test('a sync under way makes nothing durable; what is written after it began is not part of it', async () => {
    const release: (() => void)[] = []
    const disk = new SimDisk({ pause: () => new Promise((resolve) => release.push(resolve)) })
    disk.makeDirectory('/d')
    write(disk, '/d/a', 'first')
    const names = [disk.syncDirectory('/'), disk.syncDirectory('/d')]
    for (const done of release.splice(0)) done()
    await Promise.all(names)
    const file = disk.open('/d/a', 'write')
    const sync = file.sync()
    await Promise.resolve()
    await Promise.resolve()
    file.write(Buffer.from('-later'), 0, 6, 5)
    const during = new Set(Array.from({ length: 100 }, (_, seed) => textOf(disk.crash(seed), '/d/a')))
    expect(during).toContain('')
    for (const done of release.splice(0)) done()
    await sync
    const after = Array.from({ length: 100 }, (_, seed) => textOf(disk.crash(seed), '/d/a') ?? '')
    expect(after.every((text) => text.startsWith('first'))).toBe(true)
    expect(after).toContain('first')
  })
})

test.runIf(existsSync('/proc'))('a directory that the system will not have is refused, and not tried for ever', () => {
  const making = () => nodeDisk().makeDirectory('/proc/none/below')
  expect(making).toThrow(expect.objectContaining({ code: 'DISK_ERROR' }))
  expect(making).toThrow(/\/proc\/none: no directory can be made here. Choose another directory/)
})
