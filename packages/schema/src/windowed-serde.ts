import type { Buffer } from 'node:buffer'
import { type ByteWriter, configError, readInt64 } from '@millrace/kernel'
import { badBytes, badText, badValue } from './bad-value.ts'
import { type Duration, durationMs } from './duration.ts'
import type { Serde } from './serde.ts'

/** A key within a window `[start, end)`, milliseconds since the epoch. */
export interface Windowed<K> {
  readonly key: K
  readonly start: number
  readonly end: number
}

/** What `windowed` gives: a serde that can also be asked for its parts. */
export interface WindowedSerde<K> extends Serde<Windowed<K>> {
  readonly inner: Serde<K>
  readonly sizeMs: number
}

/**
 * Keys of a time window of fixed size, as Kafka's TimeWindowedSerializer writes them. The end is not written: it is
 * `start + size`.
 *
 *   bytes 0 .. n-8   the key, by `inner`
 *   bytes n-8 .. n   start, int64
 *
 * As text: `<key>@<start>`, start in milliseconds or ISO 8601.
 *
 * @throws CONFIG when `size` is empty or zero.
 */
export function windowed<K>(inner: Serde<K>, size: Duration): WindowedSerde<K> {
  const sizeMs = durationMs(size, 'windowed size')
  if (sizeMs === 0) throw configError('windowed size', 'must be longer than zero', size)
  const name = `windowed(${inner.name})`
  const { fromText, toText } = inner
  return Object.freeze({
    name,
    inner,
    sizeMs,
    read(bytes: Buffer, from: number, to: number) {
      if (to - from < 8) throw badBytes(name, `at least 8 bytes wanted, met ${to - from}`, from)
      const start = startAt(bytes, to - 8, name)
      return { key: inner.read(bytes, from, to - 8), start, end: start + sizeMs }
    },
    write(value: Windowed<K>, into: ByteWriter) {
      if (!Number.isSafeInteger(value?.start)) throw badValue(name, '{ key, start, end } with a whole start', value)
      inner.write(value.key, into)
      into.int64(value.start)
    },
    ...(fromText === undefined ? {} : { fromText: (text: string) => windowedFromText(text, name, sizeMs, fromText) }),
    ...(toText === undefined ? {} : { toText: (value: Windowed<K>) => `${toText(value.key)}@${value.start}` }),
  })
}

function startAt(bytes: Buffer, at: number, name: string): number {
  try {
    return readInt64(bytes, at)
  } catch (cause) {
    throw badBytes(name, 'the window start does not fit a JavaScript number (±2^53)', at, cause)
  }
}

function windowedFromText<K>(text: string, name: string, sizeMs: number, inner: (text: string) => K): Windowed<K> {
  const at = text.lastIndexOf('@')
  const after = text.slice(at + 1)
  const start = /^-?\d+$/.test(after) ? Number(after) : Date.parse(after)
  if (at < 0 || !Number.isSafeInteger(start)) throw badText(name, '<key>@<start>', text)
  return { key: inner(text.slice(0, at)), start, end: start + sizeMs }
}
