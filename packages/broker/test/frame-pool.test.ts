import { Buffer } from 'node:buffer'
import { memoryMetrics } from '@millrace/kernel/node'
import { FrameSplitter } from '@millrace/protocol/internal'
import { expect, test } from 'vitest'
import { FramePool } from '../src/server/frame-pool.ts'

const KiB = 1024
const framePool = (heldBytesMax?: number) => new FramePool(memoryMetrics(), 'test', heldBytesMax)

test('memory that was given back is used again, for any frame it has room for', () => {
  const pool = framePool()
  const first = pool.take(100 * KiB)
  expect(first).toHaveLength(100 * KiB)
  pool.give(first)
  expect(pool.heldBytes).toBe(128 * KiB)
  const second = pool.take(70 * KiB)
  expect(second).toHaveLength(70 * KiB)
  expect(second.buffer).toBe(first.buffer)
  expect(pool.heldBytes).toBe(0)
})

test('two frames that are both in use share nothing', () => {
  const pool = framePool()
  pool.give(pool.take(20 * KiB))
  expect(pool.take(20 * KiB).buffer).not.toBe(pool.take(20 * KiB).buffer)
})

test('what is kept is bounded, and only what the pool handed out is kept', () => {
  const pool = framePool(128 * KiB)
  const frames = [64, 64, 64].map((size) => pool.take(size * KiB))
  for (const frame of frames) pool.give(frame)
  expect(pool.heldBytes).toBe(128 * KiB)
  for (const bytes of [100, 3 * KiB, 2048 * KiB]) {
    const empty = framePool()
    empty.give(empty.take(bytes))
    expect(empty.heldBytes).toBe(0)
  }
  const window = framePool()
  window.give(Buffer.alloc(64 * KiB).subarray(1))
  expect(window.heldBytes).toBe(0)
})

test('a frame cut out of a stream lies in the memory of the one before it, and holds its own bytes', () => {
  const pool = framePool()
  const splitter = new FrameSplitter('test', undefined, pool.take)
  const seen = new Set<unknown>()
  for (let i = 1; i <= 5; i++) {
    const size = 30 * KiB - i
    const stream = Buffer.alloc(4 + size, i)
    stream.writeInt32BE(size, 0)
    const deliver = (frame: Buffer) => {
      expect(frame.equals(Buffer.alloc(size, i))).toBe(true)
      seen.add(frame.buffer)
      pool.give(frame)
    }
    splitter.push(stream.subarray(0, 10 * KiB), deliver)
    splitter.push(stream.subarray(10 * KiB), deliver)
  }
  expect(seen.size).toBe(1)
})
