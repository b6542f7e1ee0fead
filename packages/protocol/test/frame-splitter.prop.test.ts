import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameSplitter } from '../src/internal.ts'

const frames = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.nat({ max: 5000 }).map((size) => new Uint8Array(size).fill(size)),
  ),
  { maxLength: 12 },
)

function framed(bodies: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    bodies.map((body) => {
      const frame = Buffer.alloc(4 + body.length)
      frame.writeInt32BE(body.length, 0)
      frame.set(body, 4)
      return frame
    }),
  )
}

test('any chunking gives the same frames', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (bodies, steps) => {
      const stream = framed(bodies)
      const splitter = new FrameSplitter('peer')
      const got: Buffer[] = []
      const borrowed = Buffer.alloc(700)
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = stream.copy(borrowed, 0, at, Math.min(stream.length, at + steps[i % steps.length]!))
        splitter.push(borrowed.subarray(0, size), (frame) => got.push(frame))
        borrowed.fill(0xee) // a chunk is only borrowed: frames must not look into it later
        at += size
      }
      expect(got.map((frame) => frame.toString('hex'))).toEqual(bodies.map((body) => Buffer.from(body).toString('hex')))
      expect(splitter.pendingBytes).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('a frame of many MiB comes whole', () => {
  const body = Buffer.alloc(5 << 20)
  for (let i = 0; i < body.length; i += 1000) body.writeUInt32BE(i, i)
  const stream = framed([body, Buffer.from('next')])
  const splitter = new FrameSplitter('peer')
  const got: Buffer[] = []
  for (let at = 0; at < stream.length; at += 65_536) {
    splitter.push(stream.subarray(at, at + 65_536), (frame) => got.push(frame))
  }
  expect(got[0]?.equals(body)).toBe(true)
  expect(got[1]?.toString()).toBe('next')
})

test('a size out of bounds is refused before anything of that size is allocated', () => {
  const cases: readonly [string, RegExp][] = [
    ['7fffffff00', /2147483647 bytes is announced, the limit is 1000/],
    ['80000000', /2147483648 bytes/],
    ['ffffffff', /4294967295 bytes/],
    ['000003e9', /1001 bytes/],
    [Buffer.from('GET / HTTP/1.1').toString('hex'), /This is HTTP/],
    ['160301020001', /TLS handshake/],
  ]
  for (const [hex, message] of cases) {
    const before = process.memoryUsage().arrayBuffers
    const splitter = new FrameSplitter('10.0.0.1:5000', 1000)
    const refused = (): void => splitter.push(Buffer.from(hex, 'hex'), () => expect.unreachable())
    expect(refused).toThrow(message)
    expect(refused).toThrow(/10\.0\.0\.1:5000/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  }
})

test('a large size that is only announced costs little', () => {
  const before = process.memoryUsage().arrayBuffers
  const splitters = Array.from({ length: 10 }, () => {
    const splitter = new FrameSplitter('peer', 100 << 20)
    splitter.push(Buffer.from('06400000ff', 'hex'), () => expect.unreachable())
    return splitter
  })
  expect(splitters.map((splitter) => splitter.pendingBytes)).toEqual(splitters.map(() => 5))
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30 << 20)
})
