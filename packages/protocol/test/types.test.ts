import { Buffer } from 'node:buffer'
import { expect, expectTypeOf, test } from 'vitest'
import { fill, type RequestOf, type ResponseOf, zeroUuid } from '../src/internal.ts'

test('types come from the tables', () => {
  type Partition = RequestOf<'produce'>['topicData'][number]['partitionData'][number]
  expectTypeOf<Partition>().toEqualTypeOf<{ readonly index: number; readonly records: Buffer | null }>()
  expectTypeOf<RequestOf<'produce'>['transactionalId']>().toEqualTypeOf<string | null>()
  expectTypeOf<RequestOf<'metadata'>['allowAutoTopicCreation']>().toEqualTypeOf<boolean>()
  expectTypeOf<ResponseOf<'describeGroups'>['groups'][number]['groupState']>().toEqualTypeOf<string>()
})

test('fill completes every depth with the defaults', () => {
  const records = Buffer.from('batch')
  const request = fill('produce', 'request', { topicData: [{ name: 'a', partitionData: [{ records }] }] })
  expect(request).toEqual({
    transactionalId: null,
    acks: 0,
    timeoutMs: 0,
    topicData: [{ name: 'a', topicId: zeroUuid, partitionData: [{ index: 0, records }] }],
  })
  expect(fill('metadata', 'request', {}).allowAutoTopicCreation).toBe(true)
  expect(fill('metadata', 'request', { topics: null }).topics).toBe(null)
  // @ts-expect-error a misspelt field does not compile
  fill('metadata', 'request', { topic: [] })
})
