import { Buffer } from 'node:buffer'

/** Cloning makes plain `Uint8Array`s of buffers. The same value with buffers again, at any depth; no byte is copied. */
export function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (Array.isArray(value)) return value.map(withBuffers)
  if (typeof value !== 'object' || value === null || value instanceof Map) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withBuffers(field)]))
}
