import { offset } from '@millrace/kernel'
import { BatchBuilder, encodeHeaders, leaderEpoch, nextOffset, utf8Out } from '@millrace/record/internal'
import { expect, it } from 'vitest'
import { type PolledBatch, recordsOf } from '../src/index.ts'

function polled(values: readonly (string | null)[], from = 0, codec: 'none' | 'gzip' = 'none'): PolledBatch {
  const builder = new BatchBuilder({ codec })
  const headers = encodeHeaders([{ key: 'h', value: 'one' }])
  values.forEach((value, i) => {
    builder.append(1_000 + i, i === 0 ? null : `k${i}`, utf8Out, value, utf8Out, headers)
  })
  const batch = builder.build()
  const next = nextOffset(batch)
  return { topic: 't', partition: 3, batch, from: offset(from), next, leaderEpoch: leaderEpoch(batch) }
}

const text = (bytes: Buffer) => bytes.toString()

it.each(['none', 'gzip'] as const)('reads records of a batch, from its position on (%s)', (codec) => {
  const found = [...recordsOf(polled(['a', null, 'c'], 1, codec), { key: text, value: text })]
  expect(found.map(({ key, value, offset: at, timestampMs }) => [key, value, at, timestampMs])).toEqual([
    ['k1', null, 1, 1_001],
    ['k2', 'c', 2, 1_002],
  ])
  expect(found[0]).toMatchObject({ topic: 't', partition: 3 })
  expect(found[0]?.headers).toEqual([{ key: 'h', value: Buffer.from('one') }])
})

it('takes a serde, decodes once and only what is looked at', () => {
  let decoded = 0
  const value = {
    read: (bytes: Buffer, from: number, to: number) => {
      decoded++
      return bytes.toString('utf8', from, to).length
    },
  }
  const found = [...recordsOf([polled(['abc', 'de']), polled(['f'])], { value })]
  expect(decoded).toBe(0)
  expect([found[1]?.value, found[1]?.value, found[2]?.value]).toEqual([2, 2, 1])
  expect(decoded).toBe(2)
  expect(found[0]?.key).toBeNull()
  expect(found[1]?.key).toEqual(Buffer.from('k1'))
})
