import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ApiName, apiOf, apis, type Direction } from '../src/apis.ts'
import { MessageReader } from '../src/codec/message-reader.ts'
import { fieldsOf, isApiName, MessageWriter, readMessage, writeMessage } from '../src/internal.ts'
import { messages } from './message-values.ts'

const names = Object.keys(apis).filter(isApiName)
const directions: readonly Direction[] = ['request', 'response']
const runs = Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 25)

function written(api: ApiName, direction: Direction, version: number, value: never): Buffer {
  const out = new MessageWriter()
  out.begin()
  writeMessage(out, api, direction, version, value)
  const { pieces, size } = out.end()
  const frame = Buffer.concat(pieces)
  expect(frame.length).toBe(size)
  expect(frame.readInt32BE(0)).toBe(size - 4)
  return frame.subarray(4)
}

describe.each(names)('%s', (api) => {
  const { versions, reshape } = apiOf(api)
  for (const direction of directions) {
    for (let version = versions.min; version <= versions.max; version++) {
      const moved = reshape[direction]
      // Where fields moved, the old layout is what goes over the wire: only values that it can say are generated.
      test(`${direction} v${version}`, () => {
        fc.assert(
          fc.property(messages(fieldsOf(api, direction), version), (any) => {
            const value = moved !== undefined && version < moved.before ? moved.toNewer(any) : any
            const bytes = written(api, direction, version, value as never)
            const back = readMessage(new MessageReader(bytes), api, direction, version)
            const again = written(api, direction, version, back as never)
            expect(again.equals(bytes)).toBe(true)
            if (moved === undefined || version >= moved.before) expect(back).toEqual(value)
          }),
          { numRuns: runs },
        )
      })
    }
  }
})
