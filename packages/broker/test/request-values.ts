import { Buffer } from 'node:buffer'
import { type ApiName, apiNameOf, fieldsOf, isApiName } from '@millrace/protocol/internal'
import fc from 'fast-check'
import { type BrokerBench, batchOf } from './broker-bench.ts'

type Shape = ReturnType<typeof fieldsOf>[string]['shape']

const usual = ['', 't', 'none', 'a b', 'g', '__consumer_offsets', '0', 'retention.ms', 'cleanup.policy', 'range']
const integers = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -3, max: 4 }) },
  fc.constantFrom(0x7fff, -0x8000, 1000, 10_000),
)
const longs = fc.oneof(integers, fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 40))
const batch = batchOf(['a', 'b'], { key: 'k' })

function anyOf(shape: Shape, topicIds: readonly string[], names: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'bool':
      return fc.boolean()
    case 'string':
      return names
    case 'uuid':
      return fc.constantFrom(...topicIds, 'AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ')
    case 'bytes':
      return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
    case 'records':
      return fc.oneof(
        fc.constant(null),
        fc.constant(batch).map((bytes) => Buffer.from(bytes)),
        fc.constant(Buffer.from('no batch')),
      )
    case 'int64':
      return longs
    case 'list':
      return fc.array(anyOf(shape.item, topicIds, names), { maxLength: 3 })
    case 'struct':
      return fc.record(
        Object.fromEntries(
          Object.entries(shape.fields).map(([name, field]) => {
            const value = anyOf(field.shape, topicIds, names)
            return [name, field.nullable.max >= 0 ? fc.option(value) : value]
          }),
        ),
      )
    default:
      return integers
  }
}

/** A request to any of the APIs, whatever stands in it. */
export function requestOf(apis: readonly ApiName[], topicIds: readonly string[], names: readonly string[] = usual) {
  const someName = fc.constantFrom(...names)
  return fc.constantFrom(...apis).chain((api) =>
    fc.record({
      api: fc.constant(api),
      request: anyOf({ kind: 'struct', fields: fieldsOf(api, 'request') }, topicIds, someName) as fc.Arbitrary<object>,
    }),
  )
}

export async function offeredBy(bench: BrokerBench): Promise<ApiName[]> {
  const { apiKeys } = await bench.send('apiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
  return apiKeys
    .map(({ apiKey }) => apiNameOf(apiKey))
    .filter((name): name is ApiName => name !== undefined && isApiName(name))
}
