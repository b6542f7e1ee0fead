import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeOf, type Disk } from '@millrace/kernel'
import { nodeDisk } from '@millrace/kernel/node'
import { type ByteStore, lmdbEngine } from '@millrace/store'
import { afterAll, describe, expect, test } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'millrace-crash-'))
let directories = 0
const newDirectory = () => join(root, String(directories++))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const flusher = fileURLToPath(new URL('./fixtures/flusher.mjs', import.meta.url))

/** Runs the flusher until it has said `rounds` rounds, kills it, and gives the last round it said. */
async function killedAfter(directory: string, rounds: number): Promise<number> {
  const child = spawn(process.execPath, [flusher, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
    if (said.split('\n').length > rounds) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect(signal).toBe('SIGKILL')
  return Number(said.trim().split('\n').at(-1))
}

function rows(store: ByteStore): Map<string, string> {
  return new Map(Array.from(store.range(undefined, undefined), ({ key, value }) => [String(key), String(value).trim()]))
}

test('a process killed at any moment leaves exactly one whole flush, not older than the last it knew of', async () => {
  const directory = newDirectory()
  for (const rounds of [1, 2, 5, 9, 17, 33, 60, 100]) {
    const said = await killedAfter(directory, rounds)
    const environment = lmdbEngine({ disk: nodeDisk() }).open(directory)
    const flushed = environment.offsets['s'] ?? 0
    expect(flushed).toBeGreaterThanOrEqual(said)
    expect(environment.openedUnclean).toBe(false)
    for (const name of ['a', 'b']) {
      const found = rows(environment.open(name))
      const roundsKept = Array.from({ length: Math.min(10, flushed) }, (_, i) => flushed - i)
      const wanted = new Map(Array.from({ length: 300 }, (_, i) => [`key ${i}`, String(flushed)]))
      for (const round of roundsKept) wanted.set(`round ${String(round).padStart(9, '0')}`, '')
      expect([...found].sort()).toStrictEqual([...wanted].sort())
    }
    await environment.close()
  }
}, 120_000)

test('a directory that another process holds is refused', async () => {
  const directory = newDirectory()
  const child = spawn(process.execPath, [flusher, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const error = thrown(() => lmdbEngine({ disk: nodeDisk() }).open(directory))
  child.kill('SIGKILL')
  await once(child, 'close')
  expect(codeOf(error)).toBe('DIRECTORY_IN_USE')
  expect(String(error)).toContain(directory)
})

describe('after a restart of the machine', () => {
  const onBoot = (boot: string): Disk => Object.assign(Object.create(nodeDisk()), { bootId: () => boot })
  const put = (disk: Disk, directory: string) => {
    const environment = lmdbEngine({ disk }).open(directory)
    environment.open('a').put(Buffer.from('k'), Buffer.from('v'))
    environment.flush({ s: 1 })
    return environment
  }

  test('state that was closed cleanly is there', async () => {
    const directory = newDirectory()
    await put(onBoot('1'), directory).close()
    const environment = lmdbEngine({ disk: onBoot('2') }).open(directory)
    expect([environment.openedUnclean, environment.offsets]).toStrictEqual([false, { s: 1 }])
    await environment.close()
  })

  test.each(['1 open', '', '1 cle'])('state marked %j is discarded', async (mark) => {
    const directory = newDirectory()
    await put(onBoot('1'), directory).close()
    writeFileSync(join(directory, 'boot'), mark)
    const environment = lmdbEngine({ disk: onBoot('2') }).open(directory)
    expect([environment.openedUnclean, environment.offsets]).toStrictEqual([true, {}])
    expect(environment.open('a').approximateCount()).toBe(0)
    await environment.close()
  })

  test('the mark is open while the environment is', async () => {
    const directory = newDirectory()
    const environment = put(onBoot('1'), directory)
    expect(readFileSync(join(directory, 'boot'), 'utf8')).toBe('1 open')
    await environment.close()
    expect(readFileSync(join(directory, 'boot'), 'utf8')).toBe('1 clean')
  })
})

test('the map grows far past its first size', async () => {
  const directory = newDirectory()
  const environment = lmdbEngine({ disk: nodeDisk(), mapBytes: 1024 * 1024 }).open(directory)
  const store = environment.open('a')
  const value = Buffer.alloc(4000, 'v')
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 1000; i++) store.put(Buffer.from(`key ${round * 1000 + i}`), value)
    environment.flush({ s: round })
  }
  expect(store.approximateCount()).toBe(10_000)
  expect(statSync(join(directory, 'state.lmdb')).size).toBeGreaterThan(40_000_000)
  for (let i = 0; i < 10_000; i += 500) expect(store.get(Buffer.from(`key ${i}`))?.equals(value)).toBe(true)
  await environment.destroy()
  expect(readdirSync(root)).not.toContain(directory.split('/').at(-1))
})

test('a file that is not lmdb is CORRUPT_FILE and names the directory', () => {
  const directory = newDirectory()
  const disk = nodeDisk()
  disk.makeDirectory(directory)
  writeFileSync(join(directory, 'state.lmdb'), Buffer.alloc(8192, 'x'))
  writeFileSync(join(directory, 'boot'), `${disk.bootId()} open`)
  const error = thrown(() => lmdbEngine({ disk }).open(directory))
  expect(codeOf(error)).toBe('CORRUPT_FILE')
  expect(String(error)).toContain(directory)
  disk.lockDirectory(directory).release() // and the lock is free again
})

test.skipIf(process.getuid?.() === 0)('a directory that may not be written is DISK_READ_ONLY', async () => {
  const directory = newDirectory()
  await lmdbEngine({ disk: nodeDisk() }).open(directory).close()
  chmodSync(directory, 0o555)
  const error = thrown(() => lmdbEngine({ disk: nodeDisk() }).open(directory))
  chmodSync(directory, 0o755)
  expect(codeOf(error)).toBe('DISK_READ_ONLY')
})

test('a misspelt or impossible option is refused by name', () => {
  const disk = nodeDisk()
  expect(String(thrown(() => lmdbEngine({ disk, mapBytes: 5 })))).toContain('lmdbEngine mapBytes')
  const misspelt = Object.assign({ disk }, { storeMax: 3 })
  expect(String(thrown(() => lmdbEngine(misspelt)))).toContain('storeMax')
})

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
