import { Buffer } from 'node:buffer'
import { SimDisk } from '@millrace/kernel/sim'
import { describe, expect, test } from 'vitest'
import { FilePool } from '../src/file-pool.ts'
import { checkLogOptions } from '../src/log-options.ts'

function poolOf(openMax: number) {
  let release = () => {}
  const device = new Promise<void>((resolve) => {
    release = resolve
  })
  const disk = new SimDisk({ pause: () => device })
  disk.makeDirectory('/d')
  return { pool: new FilePool(disk, openMax), release }
}

const path = (i: number) => `/d/${i}`

describe('a pool of files', () => {
  test('never has more open than it may; whoever comes back finds what it wrote', () => {
    const { pool } = poolOf(8)
    const room = Buffer.alloc(4)
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 50; i++) {
        const file = pool.use(path(i), 'open-or-create')
        if (round === 0) file.write(Buffer.from(`<${String(i).padStart(2)}>`), 0, 4, 0)
        file.read(room, 0, 4, 0)
        expect(room.toString()).toBe(`<${String(i).padStart(2)}>`)
        expect(pool.size).toBeLessThanOrEqual(8)
      }
    }
  })

  test('closes what nobody uses before what is used all the time', () => {
    const { pool } = poolOf(8)
    const kept = pool.entry(path(0), 'open-or-create')
    // Only the mark says so: the holder of an entry does not ask the pool again.
    for (let i = 1; i < 200; i++) {
      kept.used = true
      pool.use(path(i), 'open-or-create')
    }
    expect(kept.file).toBeDefined()
    for (let i = 200; i < 220; i++) pool.use(path(i), 'open-or-create')
    expect(kept.file).toBeUndefined()
    expect(pool.entry(path(0)).file).toBeDefined()
  })

  test('does not close a file under a sync', async () => {
    const { pool, release } = poolOf(8)
    const busy = pool.entry(path(0), 'open-or-create')
    const synced = pool.sync(path(0))
    for (let i = 1; i < 50; i++) pool.use(path(i), 'open-or-create')
    expect(busy.file).toBeDefined()
    release()
    await synced
    for (let i = 50; i < 70; i++) pool.use(path(i), 'open-or-create')
    expect(busy.file).toBeUndefined()
  })

  test.each([
    [undefined, 1024],
    [1024, 512],
    [20_000, 10_000],
    [1_048_576, 32_768],
    [Number.POSITIVE_INFINITY, 32_768],
  ])('takes half of what the process may have open: of %s, %i', (descriptorsMax, openFilesMax) => {
    expect(checkLogOptions({}, descriptorsMax).openFilesMax).toBe(openFilesMax)
    expect(checkLogOptions({ openFilesMax: 77 }, descriptorsMax).openFilesMax).toBe(77)
  })
})
