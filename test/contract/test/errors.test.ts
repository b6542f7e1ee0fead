import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { errorTable, type KafkaErrorCode, MiB } from '@millrace/kernel'
import { type ApiName, decodeResponse, type Partially, type RequestOf } from '@millrace/protocol/internal'
import { expect, test } from 'vitest'
import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import { GroupMember, subscription } from './exchange/group-member.ts'
import { RawTransaction } from './exchange/raw-transaction.ts'
import type { Session } from './exchange/session.ts'

/** Stands in a request for a number that the codec of this suite cannot write, and no server gives out. */
const placeholder = 0x1_2345_6789_abcd
const sent = Buffer.alloc(8)
sent.writeBigInt64BE(BigInt(placeholder))

/** As `session.ask`, with the placeholder replaced by any int64. */
async function askWith<A extends ApiName>(
  session: Session,
  step: string,
  [api, version, request]: readonly [A, number, Partially<RequestOf<A>>],
  number: bigint,
): Promise<void> {
  const connection = await session.connection()
  const frame = connection.encoded(api, version, request)
  const at = frame.indexOf(sent)
  if (at < 0 || frame.indexOf(sent, at + 1) >= 0) throw new Error(`${api} does not have the number once`)
  frame.writeBigInt64BE(number, at)
  session.note(step, await connection.exchange(frame, (answer) => codesOf(decodeResponse(api, version, answer))))
}

/** The errors of an answer, in their order. */
function codesOf(answer: unknown): string[] {
  if (Array.isArray(answer)) return answer.flatMap(codesOf)
  if (typeof answer !== 'object' || answer === null || ArrayBuffer.isView(answer)) return []
  return Object.entries(answer).flatMap(([name, value]) =>
    /errorCode$/i.test(name) && typeof value === 'number' && value !== 0 ? [nameOf(value)] : codesOf(value),
  )
}

const names = new Map<number, string>(Object.entries(errorTable).map(([name, { wire }]) => [wire, name]))
const nameOf = (code: number): string => names.get(code) ?? String(code)

/** Size, API key, version, correlation id, and what follows. */
function frameOf(key: number, version: number, rest = Buffer.alloc(0)): Buffer {
  const frame = Buffer.alloc(12 + rest.length)
  frame.writeInt32BE(8 + rest.length)
  frame.writeInt16BE(key, 4)
  frame.writeInt16BE(version, 6)
  frame.writeInt32BE(1, 8)
  rest.copy(frame, 12)
  return frame
}

const beyond = 2n ** 63n - 1n

contract('errors', {
  'frames that are no requests': async (session) => {
    const ended = async (step: string, frame: Buffer) => {
      const connection = await session.connection()
      const answer = await connection.exchange(frame, (bytes) => `answered with ${bytes.length} bytes`)
      session.note(step, answer)
    }
    const noName = Buffer.from([0xff, 0xff])
    await ended('an API that is none', frameOf(999, 0, noName))
    await ended('a version that is none', frameOf(3, 99, noName))
    await ended('no body', frameOf(3, 1, noName))
    await ended('a body cut short', frameOf(3, 1, Buffer.concat([noName, Buffer.from([0, 0, 0, 1, 0, 9, 120])])))
    await ended(
      'a list of two thousand million',
      frameOf(3, 1, Buffer.concat([noName, Buffer.from('7fffffff', 'hex')])),
    )
    const negative = frameOf(3, 1, noName)
    negative.writeInt32BE(-1)
    await ended('a size below nothing', negative)
    const huge = frameOf(3, 1, noName)
    huge.writeInt32BE(0x7fff_ffff)
    await ended('a size of two GiB', huge)
    await session.ask('after all that', 'metadata', 1, { topics: [] })
  },

  'a version of ApiVersions that is none': async (session) => {
    const connection = await session.connection()
    const frame = frameOf(18, 99, Buffer.from([0xff, 0xff, 0]))
    const answer = await connection.exchange(frame, (bytes) => decodeResponse('apiVersions', 0, bytes))
    session.note('answered in version 0', answer === 'closed' ? answer : nameOf(answer.errorCode))
    const own = answer === 'closed' ? [] : answer.apiKeys.filter(({ apiKey }) => apiKey === 18)
    session.note(
      'it tells',
      own.map(({ minVersion }) => minVersion),
    )
  },

  'numbers that do not fit 53 bits': async (session) => {
    const topic = await session.topic('orders')
    const group = session.name('group')
    const transactionalId = session.name('writer')
    const producer = new RawTransaction(session, transactionalId, 1)
    await producer.init()
    const claim = { transactionalId, producerId: placeholder, producerEpoch: 0 }
    await askWith(session, 'a new epoch', ['initProducerId', 4, { ...claim, transactionTimeoutMs: 1000 }], beyond)
    const topics = [{ name: topic, partitions: [0] }]
    await askWith(session, 'a partition', ['addPartitionsToTxn', 3, { transactions: [{ ...claim, topics }] }], beyond)
    await askWith(session, 'a group', ['addOffsetsToTxn', 3, { ...claim, groupId: group }], beyond)
    await askWith(session, 'an end', ['endTxn', 4, { ...claim, committed: true }], beyond)
    const offsets = (committedOffset: number) => [
      { name: topic, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] },
    ]
    const inTransaction = { ...claim, groupId: group, topics: offsets(5) }
    await askWith(session, 'offsets of a producer', ['txnOffsetCommit', 4, inTransaction], beyond)
    const asked = { producerIdFilters: [placeholder] }
    await askWith(session, 'transactions of a producer', ['listTransactions', 1, asked], beyond)
    const commit = { groupId: group, generationIdOrMemberEpoch: -1, topics: offsets(placeholder) }
    await askWith(session, 'an offset', ['offsetCommit', 8, commit], beyond)
    await askWith(session, 'a negative one', ['offsetCommit', 8, commit], -(2n ** 63n))
    const times = { topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: placeholder }] }] }
    await askWith(session, 'a time', ['listOffsets', 6, { replicaId: -1, ...times }], beyond)
    const before = { topics: [{ name: topic, partitions: [{ partitionIndex: 0, offset: placeholder }] }] }
    await askWith(session, 'records', ['deleteRecords', 2, { ...before, timeoutMs: 5000 }], beyond)
  },

  'a transaction with partitions that are not there': async (session) => {
    const topic = await session.topic('orders')
    const producer = new RawTransaction(session, session.name('writer'), 1)
    await producer.init()
    const topics = [
      { name: topic, partitions: [0, 7] },
      { name: session.name('nothing'), partitions: [0] },
    ]
    await producer.add('added', topic, 0, { topics })
  },

  'security that is not there': async (session) => {
    const any = { resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1 }
    const filter = { ...any, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 }
    await session.ask('ACLs', 'describeAcls', 3, filter)
    const acl = { resourceType: 2, resourceName: 'orders', resourcePatternType: 3 }
    const creations = [{ ...acl, principal: 'User:me', host: '*', operation: 3, permissionType: 3 }]
    await session.ask('an ACL', 'createAcls', 3, { creations })
    await session.ask('ACLs deleted', 'deleteAcls', 3, { filters: [filter] })
    await session.ask('a handshake', 'saslHandshake', 1, { mechanism: 'PLAIN' }, { over: await session.connection() })
    const authBytes = Buffer.from('\0me\0secret')
    await session.ask('a login', 'saslAuthenticate', 2, { authBytes }, { over: await session.connection() })
  },

  'users that cannot be': async (session) => {
    const [name, other] = [session.name('user'), session.name('other')]
    const salted = { salt: Buffer.alloc(16, 1), saltedPassword: Buffer.alloc(32, 2) }
    const upsert = (step: string, upsertion: object, more: object = {}) => {
      const user = { name, mechanism: 1, iterations: 8192, ...salted, ...upsertion }
      return session.ask(step, 'alterUserScramCredentials', 0, { upsertions: [user], deletions: [], ...more })
    }
    await upsert('few iterations', { iterations: 1 })
    await upsert('too many iterations', { iterations: 1_000_000_000 })
    await upsert('no mechanism', { mechanism: 0 })
    await upsert('an unknown mechanism', { mechanism: 9 })
    await upsert('no name', { name: '' })
    await upsert('deleted as well', {}, { deletions: [{ name, mechanism: 1 }] })
    const deletions = [{ name: other, mechanism: 1 }]
    await session.ask('nobody', 'alterUserScramCredentials', 0, { deletions, upsertions: [] })
    for (const user of [other, '']) {
      const users = [{ name: user }]
      await session.ask(user === '' ? 'no name described' : 'nobody described', 'describeUserScramCredentials', 0, {
        users,
      })
    }
    await session.ask('twice', 'describeUserScramCredentials', 0, { users: [{ name }, { name }] })
  },

  'a batch larger than a segment': async (session) => {
    const configs = { 'segment.bytes': String(MiB), 'max.message.bytes': String(4 * MiB) }
    const topic = await session.topic('orders', { configs })
    const records = batchOf([{ value: 'x'.repeat(MiB + 1), timestampMs: session.time() }])
    const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }]
    await session.ask('sent', 'produce', 8, { acks: -1, timeoutMs: 5000, topicData })
  },

  'offsets of what is being read': async (session) => {
    const topic = await session.topic('orders')
    const member = await GroupMember.of(session, session.name('group'), 'one')
    await member.join('', { protocols: [{ name: 'range', metadata: subscription(topic) }] })
    await member.sync('', [member])
    await session.ask('', 'offsetCommit', 8, member.committing(topic, 1), { quiet: true, over: member.connection })
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0 }] }]
    await session.ask('deleted', 'offsetDelete', 0, { groupId: member.group, topics })
    await session.ask('the group', 'deleteGroups', 2, { groupsNames: [member.group] })
  },

  'coordinators of nothing': async (session) => {
    await session.everyVersion(
      'a key type that is none',
      'findCoordinator',
      { keyType: 9, coordinatorKeys: ['x'] },
      { min: 1, max: 5 },
    )
    await session.ask('a share group before its version', 'findCoordinator', 5, { keyType: 2, coordinatorKeys: ['x'] })
  },

  'filters that are none': async (session) => {
    await session.ask('a pattern', 'listTransactions', 2, { transactionalIdPattern: '[' })
    // Of nobody: the other suites have transactions of their own on the same server.
    const none = { producerIdFilters: [2 ** 40] }
    await session.ask('states', 'listTransactions', 1, { ...none, stateFilters: ['Ongoing', 'Nothing'] })
    await session.ask('states of groups', 'listGroups', 5, { statesFilter: ['Nothing'], typesFilter: ['nothing'] })
  },

  'leader epochs below the first': async (session) => {
    const topic = await session.topic('orders')
    for (const currentLeaderEpoch of [-2, 99]) {
      const at = { currentLeaderEpoch }
      const fetched = [{ topic, partitions: [{ partition: 0, partitionMaxBytes: 1000, ...at }] }]
      const none = { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, sessionEpoch: -1 }
      await session.ask(`fetched with ${currentLeaderEpoch}`, 'fetch', 12, { ...none, topics: fetched })
      const listed = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1, ...at }] }]
      await session.ask(`listed with ${currentLeaderEpoch}`, 'listOffsets', 6, { replicaId: -1, topics: listed })
      const epochs = [{ topic, partitions: [{ partition: 0, leaderEpoch: 0, ...at }] }]
      await session.ask(`its end with ${currentLeaderEpoch}`, 'offsetForLeaderEpoch', 4, {
        replicaId: -1,
        topics: epochs,
      })
    }
  },
})

/** Errors that are in no record, by why no request of these suites brings them about. */
const notProvoked: Readonly<Record<string, readonly KafkaErrorCode[]>> = {
  'there is one broker: no other leads, follows, votes or is fenced': [
    ...(['NOT_LEADER_OR_FOLLOWER', 'BROKER_NOT_AVAILABLE', 'REPLICA_NOT_AVAILABLE', 'NOT_COORDINATOR'] as const),
    ...(['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NOT_CONTROLLER', 'OFFSET_NOT_AVAILABLE'] as const),
    ...(['STALE_CONTROLLER_EPOCH', 'STALE_BROKER_EPOCH', 'REASSIGNMENT_IN_PROGRESS', 'LISTENER_NOT_FOUND'] as const),
    ...(['PREFERRED_LEADER_NOT_AVAILABLE', 'ELIGIBLE_LEADERS_NOT_AVAILABLE', 'INCONSISTENT_VOTER_SET'] as const),
    ...(['DUPLICATE_BROKER_REGISTRATION', 'BROKER_ID_NOT_REGISTERED', 'INVALID_REGISTRATION'] as const),
    ...(['INELIGIBLE_REPLICA', 'NEW_LEADER_ELECTED', 'MISMATCHED_ENDPOINT_TYPE', 'UNKNOWN_CONTROLLER_ID'] as const),
    ...(['PRINCIPAL_DESERIALIZATION_FAILURE', 'SNAPSHOT_NOT_FOUND', 'POSITION_OUT_OF_RANGE'] as const),
    ...(['INCONSISTENT_CLUSTER_ID', 'INCONSISTENT_TOPIC_ID', 'TRANSACTION_COORDINATOR_FENCED'] as const),
  ],
  'it passes: whoever asks again is served, and this suite asks again': [
    ...(['LEADER_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE'] as const),
    ...(['CONCURRENT_TRANSACTIONS', 'REQUEST_TIMED_OUT'] as const),
  ],
  'it comes of a disk': ['KAFKA_STORAGE_ERROR', 'LOG_DIR_NOT_FOUND'],
  'it comes of rights and logins, which have suites of their own': [
    ...(['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'] as const),
    ...(['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED'] as const),
  ],
  'it belongs to what is not offered: see "what is offered" in docs/differences.md': [
    ...(['DELEGATION_TOKEN_AUTH_DISABLED', 'DELEGATION_TOKEN_NOT_FOUND', 'DELEGATION_TOKEN_OWNER_MISMATCH'] as const),
    ...(['DELEGATION_TOKEN_REQUEST_NOT_ALLOWED', 'DELEGATION_TOKEN_AUTHORIZATION_FAILED'] as const),
    ...(['DELEGATION_TOKEN_EXPIRED', 'INVALID_PRINCIPAL_TYPE', 'THROTTLING_QUOTA_EXCEEDED'] as const),
    ...(['INVALID_UPDATE_VERSION', 'FEATURE_UPDATE_FAILED', 'OFFSET_MOVED_TO_TIERED_STORAGE'] as const),
    ...(['FENCED_MEMBER_EPOCH', 'STALE_MEMBER_EPOCH', 'UNRELEASED_INSTANCE_ID', 'UNSUPPORTED_ASSIGNOR'] as const),
    ...(['UNKNOWN_SUBSCRIPTION_ID', 'TELEMETRY_TOO_LARGE'] as const),
  ],
  'Apache Kafka 4.3 gives it no more, or never did': [
    ...(['INVALID_FETCH_SIZE', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'DUPLICATE_SEQUENCE_NUMBER'] as const),
    ...(['UNKNOWN_PRODUCER_ID', 'NETWORK_EXCEPTION'] as const),
  ],
  'it comes of offsets that fill a batch; ours gives it as well to one past 2^53': ['INVALID_COMMIT_OFFSET_SIZE'],
}

test('every error that a client can bring about is in the record of Apache Kafka', () => {
  const folder = new URL('../../golden/kafka-4.3/', import.meta.url)
  const all = readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n')
  const recorded = Object.keys(errorTable).filter((name) => all.includes(`"${name}"`))
  const accounted = [...recorded, ...Object.values(notProvoked).flat()]
  expect(accounted.toSorted()).toEqual(Object.keys(errorTable).toSorted())
})
