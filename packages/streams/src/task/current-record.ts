import { Buffer } from 'node:buffer'
import { ByteWriter, MillraceError, messageOf, writeInt64 } from '@millrace/kernel'
import { ByteSlice } from '@millrace/record/internal'
import { type KeyText, keyText } from '@millrace/store'
import type { AnySerde } from '../topology/erased.ts'
import { UnreadableRecord } from './unreadable-record.ts'

const scratch = new ByteWriter(256)

/**
 * The one record that a task is working on. Key and value are decoded when a step first looks at them; the bytes they
 * came as stay at hand, and are copied on where the very same value comes out under a serde of the same name.
 *
 * A step that changes something saves what was there, sets its own, pushes, and puts it back.
 */
export class CurrentRecord {
  timestampMs = 0
  /** As they stand in the batch; null for none. */
  headers: Buffer | null = null

  readonly #keyBytes = new ByteSlice()
  readonly #valueBytes = new ByteSlice()
  #keySerde: AnySerde | undefined
  #valueSerde: AnySerde | undefined
  /** What the bytes decoded to. */
  #decoded: unknown
  #keyDecoded = false
  #valueDecoded = false
  #key: unknown = null
  #value: unknown = null
  /** False once a step has set another key or value than came in. */
  #keyRaw = false
  #valueRaw = false
  #text: KeyText | undefined
  #windowStartMs = 0
  #windowSizeMs = 0
  #room: Buffer = Buffer.allocUnsafe(64)

  /** A record as it lies in a batch. `from` -1: null. */
  read(
    bytes: Buffer,
    keyFrom: number,
    keyTo: number,
    valueFrom: number,
    valueTo: number,
    keySerde: AnySerde,
    valueSerde: AnySerde,
  ): void {
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#text = undefined
    this.#windowSizeMs = 0
    this.#keyRaw = this.#valueRaw = true
    this.#keyDecoded = keyFrom < 0
    this.#valueDecoded = valueFrom < 0
    this.#key = this.#value = this.#decoded = null
    this.#keyBytes.set(bytes, keyFrom, keyTo)
    this.#valueBytes.set(bytes, valueFrom, valueTo)
  }

  /**
   * An update of a table. `windowSizeMs` 0: without windows. `raw` is what the store wrote for the value; null: nothing,
   * or it is not at hand.
   */
  update(
    text: KeyText,
    windowStartMs: number,
    windowSizeMs: number,
    keySerde: AnySerde,
    value: unknown,
    raw: Buffer | null,
    valueSerde: AnySerde,
    timestampMs: number,
  ): void {
    this.timestampMs = timestampMs
    this.headers = null
    this.#keySerde = keySerde
    this.#valueSerde = valueSerde
    this.#text = text
    this.#windowStartMs = windowStartMs
    this.#windowSizeMs = windowSizeMs
    this.#keyRaw = true
    this.#valueRaw = raw !== null
    this.#keyDecoded = false
    this.#valueDecoded = true
    this.#key = null
    this.#value = this.#decoded = value
    this.#keyBytes.from = 0
    this.#keyBytes.to = -1
    if (raw !== null) this.#valueBytes.set(raw, 0, raw.length)
  }

  get hasKey(): boolean {
    return this.#keyDecoded ? this.#key !== null : true
  }

  get hasValue(): boolean {
    return this.#valueDecoded ? this.#value !== null : true
  }

  /** Decodes at the first call. @throws BAD_RECORD */
  key(): unknown {
    if (!this.#keyDecoded) {
      this.#key = this.#readKey()
      this.#keyDecoded = true
    }
    return this.#key
  }

  /** Decodes at the first call. @throws BAD_RECORD */
  value(): unknown {
    if (!this.#valueDecoded) {
      const { bytes, from, to } = this.#valueBytes
      this.#value = this.#decoded = readable(this.#valueSerde!, bytes, from, to)
      this.#valueDecoded = true
    }
    return this.#value
  }

  /** Sets another value; the bytes stay at hand for when it is the same. */
  setValue(value: unknown): void {
    this.#value = value === undefined ? null : value
    this.#valueDecoded = true
  }

  /** Sets another key and returns what `restoreKey` puts back. */
  setKey(key: unknown, serde: AnySerde | undefined): SavedKey {
    const saved = {
      key: this.#key,
      serde: this.#keySerde,
      text: this.#text,
      raw: this.#keyRaw,
      windowSizeMs: this.#windowSizeMs,
    }
    if (key === this.#key) return saved
    this.#key = key === undefined ? null : key
    this.#keySerde = serde
    this.#text = undefined
    this.#keyRaw = false
    this.#windowSizeMs = 0
    return saved
  }

  restoreKey(saved: SavedKey): void {
    this.#key = saved.key
    this.#keySerde = saved.serde
    this.#text = saved.text
    this.#keyRaw = saved.raw
    this.#windowSizeMs = saved.windowSizeMs
  }

  /** The key's bytes as text: what stores are keyed by. The record has a key. @throws BAD_RECORD */
  keyText(serde: AnySerde): KeyText {
    if (this.#text !== undefined && this.#windowSizeMs === 0) return this.#text
    if (this.#keyRaw && this.#windowSizeMs === 0) {
      const { bytes, from, to } = this.#keyBytes
      this.#text = keyText(bytes, from, to)
      return this.#text
    }
    scratch.reset()
    serde.write(this.key(), scratch)
    return keyText(scratch.bytes, 0, scratch.position)
  }

  /** The bytes the key came as, where they are what `serde` would mean; undefined: encode `key()`. */
  rawKey(serde: AnySerde): ByteSlice | undefined {
    if (!this.#keyRaw || !sameSerde(serde, this.#keySerde)) return undefined
    if (this.#keyBytes.to < 0) this.#writeKey()
    return this.#keyBytes
  }

  /** The bytes the value came as, where nothing has replaced it. */
  rawValue(serde: AnySerde): ByteSlice | undefined {
    if (!this.#valueRaw || !sameSerde(serde, this.#valueSerde)) return undefined
    return !this.#valueDecoded || (this.#value !== null && this.#value === this.#decoded) ? this.#valueBytes : undefined
  }

  /** Keys are read where they lie, or from the text that a store keeps. */
  #readKey(): unknown {
    const serde = this.#keySerde
    if (serde === undefined) throw new MillraceError('STATE', 'a key without a serde was asked for')
    if (this.#text === undefined || this.#keyBytes.to >= 0) {
      const { bytes, from, to } = this.#keyBytes
      return readable(serde, bytes, from, to)
    }
    this.#writeKey()
    return readable(serde, this.#keyBytes.bytes, this.#keyBytes.from, this.#keyBytes.to)
  }

  /** A table's key in Kafka's layout: the key, and for windows the start as int64. Into room that is used again. */
  #writeKey(): void {
    const text = this.#text!
    const size = text.length + (this.#windowSizeMs === 0 ? 0 : 8)
    if (this.#room.length < size) this.#room = Buffer.allocUnsafe(size * 2)
    this.#room.latin1Write(text, 0)
    if (this.#windowSizeMs !== 0) writeInt64(this.#room, text.length, this.#windowStartMs)
    this.#keyBytes.set(this.#room, 0, size)
  }
}

/** @throws UnreadableRecord around whatever the serde threw. */
function readable(serde: AnySerde, bytes: Buffer, from: number, to: number): unknown {
  try {
    return serde.read(bytes, from, to)
  } catch (cause) {
    throw new UnreadableRecord(messageOf(cause), { cause })
  }
}

export interface SavedKey {
  readonly key: unknown
  readonly serde: AnySerde | undefined
  readonly text: KeyText | undefined
  readonly raw: boolean
  readonly windowSizeMs: number
}

/** Serdes of one name write the same bytes for the same value; one that validates must see the value. */
function sameSerde(a: AnySerde, b: AnySerde | undefined): boolean {
  return a === b || (b !== undefined && a.name === b.name && a.validates !== true)
}
