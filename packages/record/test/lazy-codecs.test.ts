import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { compress, decompress } from '../src/codec/codec.ts'

const { cache } = createRequire(import.meta.url)
const isLoaded = (library: string): boolean =>
  Object.keys(cache).some((file) => file.includes(`node_modules/${library}/`))

test('native code of a codec is loaded by the first batch that needs it', () => {
  expect([isLoaded('snappy'), isLoaded('lz4-napi')]).toEqual([false, false])
  const bytes = Buffer.from('again and again and again')
  const packed = compress('snappy', bytes, 0, bytes.length)
  expect([isLoaded('snappy'), isLoaded('lz4-napi')]).toEqual([true, false])
  expect(decompress('snappy', packed, 0, packed.length, 100).toString()).toBe(bytes.toString())
  compress('lz4', bytes, 0, bytes.length)
  expect(isLoaded('lz4-napi')).toBe(true)
})
