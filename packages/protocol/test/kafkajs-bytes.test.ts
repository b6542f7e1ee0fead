import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apiOf, fieldsOf } from '../src/apis.ts'
import {
  type ApiName,
  decodeRequest,
  decodeRequestHeader,
  encodeRequest,
  encodeResponse,
  type RequestOf,
  type ResponseOf,
} from '../src/internal.ts'
import { messages } from './message-values.ts'

/**
 * kafkajs has written and read these messages for years against Kafka: its bytes are the judge of ours. What is
 * compared is the sequence of all values in the order of the wire, so the two need not share names.
 */
const require = createRequire(import.meta.url)
interface KafkajsRequest {
  readonly encode: () => Promise<{ readonly buffer: Buffer }>
}
const kafkajsFrame: (parts: { correlationId: number; clientId: string; request: KafkajsRequest }) => Promise<{
  readonly buffer: Buffer
}> = require('kafkajs/src/protocol/request.js')

function kafkajsRequest(api: ApiName, version: number, values: object): KafkajsRequest {
  return require(`kafkajs/src/protocol/requests/${api}/v${version}/request.js`)(values)
}

function kafkajsDecode(api: ApiName, version: number, body: Buffer): Promise<unknown> {
  return require(`kafkajs/src/protocol/requests/${api}/v${version}/response.js`).decode(body)
}

const topics = [{ topic: 'orders', partitions: [{ partition: 3, offset: '12345678901', metadata: 'm' }] }]

/** What kafkajs is told to send, the versions it knows and we read, and what must have been understood. */
const requests: { readonly [A in ApiName]?: readonly [first: number, last: number, told: object, partly: object] } = {
  apiVersions: [0, 2, {}, {}],
  metadata: [1, 6, { topics: ['a', 'b'], allowAutoTopicCreation: true }, { topics: [{ name: 'a' }, { name: 'b' }] }],
  findCoordinator: [1, 2, { coordinatorKey: 'g', coordinatorType: 0 }, { keyType: 0, coordinatorKeys: ['g'] }],
  joinGroup: [
    1,
    5,
    {
      groupId: 'g',
      sessionTimeout: 30_000,
      rebalanceTimeout: 60_000,
      memberId: '',
      protocolType: 'consumer',
      groupProtocols: [{ name: 'range', metadata: Buffer.from('meta') }],
    },
    {
      groupId: 'g',
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      protocols: [{ name: 'range', metadata: Buffer.from('meta') }],
    },
  ],
  syncGroup: [
    0,
    3,
    {
      groupId: 'g',
      generationId: 7,
      memberId: 'm-1',
      groupAssignment: [{ memberId: 'm-1', memberAssignment: Buffer.from('assigned') }],
    },
    { generationId: 7, assignments: [{ memberId: 'm-1', assignment: Buffer.from('assigned') }] },
  ],
  heartbeat: [0, 3, { groupId: 'g', groupGenerationId: 7, memberId: 'm' }, { groupId: 'g', generationId: 7 }],
  leaveGroup: [0, 2, { groupId: 'g', memberId: 'm' }, { groupId: 'g', members: [{ memberId: 'm' }] }],
  offsetCommit: [
    2,
    5,
    { groupId: 'g', groupGenerationId: 7, memberId: 'm', retentionTime: -1, topics },
    {
      generationIdOrMemberEpoch: 7,
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 3, committedOffset: 12_345_678_901 }] }],
    },
  ],
  offsetFetch: [
    1,
    4,
    { groupId: 'g', topics },
    { groups: [{ groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [3] }] }] },
  ],
  listOffsets: [
    1,
    3,
    { replicaId: -1, isolationLevel: 1, topics: [{ topic: 'orders', partitions: [{ partition: 3, timestamp: -2 }] }] },
    { replicaId: -1, topics: [{ name: 'orders', partitions: [{ partitionIndex: 3, timestamp: -2 }] }] },
  ],
  fetch: [
    4,
    11,
    {
      replicaId: -1,
      isolationLevel: 1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 1000,
      topics: [{ topic: 'orders', partitions: [{ partition: 3, fetchOffset: '12345678901', maxBytes: 100 }] }],
      rackId: '',
    },
    { maxWaitMs: 500, topics: [{ topic: 'orders', partitions: [{ partition: 3, fetchOffset: 12_345_678_901 }] }] },
  ],
  describeGroups: [0, 2, { groupIds: ['a', 'b'] }, { groups: ['a', 'b'] }],
  listGroups: [0, 2, {}, {}],
  deleteGroups: [0, 1, ['a', 'b'], { groupsNames: ['a', 'b'] }],
  createTopics: [
    2,
    3,
    { topics: [{ topic: 't', numPartitions: 3, configEntries: [{ name: 'a', value: 'b' }] }], validateOnly: true },
    { topics: [{ name: 't', numPartitions: 3, configs: [{ name: 'a', value: 'b' }] }], validateOnly: true },
  ],
  deleteTopics: [1, 1, { topics: ['a'], timeout: 9 }, { topics: [{ name: 'a' }], timeoutMs: 9 }],
  createPartitions: [0, 1, { topicPartitions: [{ topic: 't', count: 9 }] }, { topics: [{ name: 't', count: 9 }] }],
  deleteRecords: [
    0,
    1,
    { topics: [{ topic: 't', partitions: [{ partition: 1, offset: '9' }] }] },
    { topics: [{ name: 't', partitions: [{ partitionIndex: 1, offset: 9 }] }] },
  ],
  describeConfigs: [
    1,
    2,
    { resources: [{ type: 2, name: 't', configNames: ['x'] }], includeSynonyms: true },
    { resources: [{ resourceType: 2, resourceName: 't', configurationKeys: ['x'] }], includeSynonyms: true },
  ],
  alterConfigs: [
    0,
    1,
    { resources: [{ type: 2, name: 't', configEntries: [{ name: 'x', value: 'y' }] }] },
    { resources: [{ resourceType: 2, resourceName: 't', configs: [{ name: 'x', value: 'y' }] }] },
  ],
  initProducerId: [
    0,
    1,
    { transactionalId: null, transactionTimeout: 30_000 },
    { transactionalId: null, transactionTimeoutMs: 30_000, producerId: -1, producerEpoch: -1 },
  ],
  produce: [
    3,
    7,
    {
      acks: -1,
      timeout: 30_000,
      producerId: 5,
      topicData: [
        {
          topic: 't',
          partitions: [{ partition: 1, firstSequence: 0, messages: [{ key: 'k', value: 'v', timestamp: 1 }] }],
        },
      ],
    },
    { acks: -1, topicData: [{ name: 't', partitionData: [{ index: 1, records: expect.any(Buffer) }] }] },
  ],
}

for (const [name, [first, last, told, partly]] of Object.entries(requests)) {
  const api = name as ApiName
  for (let version = first; version <= last; version++) {
    test(`${api} v${version}: what kafkajs sends is understood, and would be sent the same`, async () => {
      const request = kafkajsRequest(api, version, told)
      const sent = await kafkajsFrame({ correlationId: 77, clientId: 'app', request })
      const frame = sent.buffer.subarray(4)
      const header = decodeRequestHeader(frame)
      expect(header).toMatchObject({ apiKey: apiOf(api).key, apiVersion: version, correlationId: 77, clientId: 'app' })
      const value = decodeRequest(api, header, frame)
      expect(value).toMatchObject(partly)
      const own = encodeRequest(
        api,
        version,
        { correlationId: 77, clientId: 'app' },
        value as RequestOf<typeof api> & never,
      )
      expect(Buffer.concat(own.pieces).equals(sent.buffer)).toBe(true)
    })
  }
}

/** What kafkajs adds to an answer of its own, and throttle times, which it moves. */
const notOnTheWire = /throttle|^error$|^isDefault$/i

function leaves(value: unknown, name = ''): string[] {
  if (notOnTheWire.test(name)) return []
  if (Buffer.isBuffer(value)) return [value.toString('hex')]
  if (Array.isArray(value)) return value.flatMap((item) => leaves(item))
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, inner]) => leaves(inner, key))
  }
  return [`${value}`]
}

describe('what we answer is understood by kafkajs', () => {
  const judged: readonly (readonly [api: ApiName, first: number, last: number])[] = [
    ['metadata', 1, 6],
    ['joinGroup', 0, 5],
    ['syncGroup', 0, 3],
    ['heartbeat', 0, 3],
    ['offsetCommit', 2, 5],
    ['listOffsets', 1, 3],
    ['describeGroups', 0, 2],
    ['listGroups', 0, 2],
    ['deleteGroups', 0, 1],
    ['createTopics', 2, 3],
    ['deleteTopics', 1, 1],
    ['createPartitions', 0, 1],
    ['describeConfigs', 1, 2],
    ['alterConfigs', 0, 1],
    ['initProducerId', 0, 1],
    ['produce', 3, 7],
    ['findCoordinator', 1, 2],
    ['offsetFetch', 2, 4],
    ['apiVersions', 0, 2],
  ]
  for (const [api, first, last] of judged) {
    for (let version = first; version <= last; version++) {
      test(`${api} v${version}`, async () => {
        const { reshape } = apiOf(api)
        const moved = reshape.response
        await fc.assert(
          fc.asyncProperty(messages(fieldsOf(api, 'response'), version), async (any) => {
            if ('errorCode' in any) any['errorCode'] = 0 // kafkajs throws some codes while it decodes
            const value = moved !== undefined && version < moved.before ? moved.toNewer(any) : any
            const frame = encodeResponse(api, version, 1, value as ResponseOf<typeof api> & never)
            const body = Buffer.concat(frame.pieces).subarray(8)
            const theirs = leaves(await kafkajsDecode(api, version, body))
            expect(theirs.sort()).toEqual(leaves(carried(any, api, version)).sort())
          }),
          { numRuns: 20 },
        )
      })
    }
  }
})

/** The values that this version carries, as the wire has them. */
function carried(value: Readonly<Record<string, unknown>>, api: ApiName, version: number): unknown {
  return onlyCarried(fieldsOf(api, 'response'), value, version)
}

function onlyCarried(fields: ReturnType<typeof fieldsOf>, value: object, version: number): object {
  const given = new Map<string, unknown>(Object.entries(value))
  const rows = Object.entries(fields).filter(([, { versions }]) => versions.min <= version && version <= versions.max)
  return Object.fromEntries(
    rows.map(([name, field]) => {
      const inner = given.get(name)
      const { shape } = field
      if (shape.kind !== 'list') return [name, inner]
      const { item } = shape
      if (inner === null) return [name, []]
      if (item.kind !== 'struct' || !Array.isArray(inner)) return [name, inner]
      return [name, inner.map((each: object) => onlyCarried(item.fields, each, version))]
    }),
  )
}
