/** What kafkajs errors are made of: a text, or an error whose text and facts are taken over. */
export type ErrorSource = string | (Error & { readonly helpUrl?: string | undefined })

export interface KafkaJSErrorMetadata {
  readonly retriable?: boolean | undefined
  readonly cause?: unknown
}

/** The root of kafkajs's errors. `retriable`: the same call may succeed later. */
export class KafkaJSError extends Error {
  override name = 'KafkaJSError'
  readonly retriable: boolean
  declare readonly helpUrl?: string
  declare readonly cause?: Error

  constructor(source: ErrorSource = '', options: KafkaJSErrorMetadata = {}) {
    const { retriable = true, cause } = options
    super(messageIn(source), cause === undefined ? undefined : { cause })
    this.retriable = retriable
    const helpUrl = typeof source === 'string' ? undefined : source.helpUrl
    if (helpUrl !== undefined) this.helpUrl = helpUrl
  }
}

function messageIn(source: ErrorSource): string {
  return typeof source === 'string' ? source : source.message
}

export class KafkaJSNonRetriableError extends KafkaJSError {
  override name = 'KafkaJSNonRetriableError'

  constructor(source: ErrorSource = '', options: { readonly cause?: unknown } = {}) {
    super(source, { ...options, retriable: false })
  }
}

/** A server's refusal: kafkajs's name of the error as `type`, Kafka's number as `code`. */
export interface ProtocolErrorSource {
  readonly message: string
  readonly name: string
  readonly type: string
  readonly code: number
  readonly retriable: boolean
}

export class KafkaJSProtocolError extends KafkaJSError {
  override name = 'KafkaJSProtocolError'
  readonly type: string
  readonly code: number

  constructor(source: ErrorSource | ProtocolErrorSource = '', options: KafkaJSErrorMetadata = {}) {
    const { type, code, retriable } = protocolFacts(source)
    super(source, { retriable, ...options })
    this.type = type
    this.code = code
  }
}

/** kafkajs's own for an error that no server has sent. */
function protocolFacts(source: ErrorSource | ProtocolErrorSource): Omit<ProtocolErrorSource, 'message' | 'name'> {
  const none = { type: 'KAFKAJS_UNKNOWN_ERROR_CODE', code: -99, retriable: false }
  return typeof source === 'string' ? none : { ...none, ...source }
}

export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  override name = 'KafkaJSOffsetOutOfRange'
  readonly topic: string
  readonly partition: number

  constructor(
    source: ProtocolErrorSource | ErrorSource,
    at: { topic: string; partition: number } = { topic: '', partition: -1 },
  ) {
    super(source)
    this.topic = at.topic
    this.partition = at.partition
  }
}

export class KafkaJSMemberIdRequired extends KafkaJSProtocolError {
  override name = 'KafkaJSMemberIdRequired'
  readonly memberId: string

  constructor(source: ProtocolErrorSource | ErrorSource, member: { memberId: string } = { memberId: '' }) {
    super(source)
    this.memberId = member.memberId
  }
}

export interface RetriesUsed {
  readonly retryCount: number
  readonly retryTime: number
}

/** What kept failing is the `cause`. */
export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNumberOfRetriesExceeded'
  declare readonly stack: string
  readonly retryCount: number
  /** The pause before the last attempt, in milliseconds. */
  readonly retryTime: number

  constructor(failure: Error | string, tries: RetriesUsed = { retryCount: 0, retryTime: 0 }) {
    super(failure, { cause: failure })
    this.stack = `${this.name}\n  Caused by: ${typeof failure === 'string' ? failure : failure.stack}`
    this.retryCount = tries.retryCount
    this.retryTime = tries.retryTime
  }
}

export class KafkaJSConnectionError extends KafkaJSError {
  override name = 'KafkaJSConnectionError'
  readonly broker: string
  readonly code: string | undefined

  constructor(source: ErrorSource, at: { broker?: string | undefined; code?: string | undefined } = {}) {
    super(source)
    this.broker = at.broker ?? ''
    this.code = at.code
  }
}

export class KafkaJSConnectionClosedError extends KafkaJSConnectionError {
  override name = 'KafkaJSConnectionClosedError'
  readonly host: string | undefined
  readonly port: number | undefined

  constructor(source: ErrorSource, at: { host?: string | undefined; port?: number | undefined } = {}) {
    super(source, { broker: `${at.host}:${at.port}` })
    this.host = at.host
    this.port = at.port
  }
}

export interface TimedOutRequest {
  readonly broker?: string | undefined
  readonly correlationId?: number | undefined
  readonly createdAt?: number | undefined
  readonly sentAt?: number | undefined
  readonly pendingDuration?: number | undefined
}

export class KafkaJSRequestTimeoutError extends KafkaJSError {
  override name = 'KafkaJSRequestTimeoutError'
  readonly broker: string
  readonly correlationId: number
  readonly createdAt: number
  readonly sentAt: number
  readonly pendingDuration: number

  constructor(source: ErrorSource, request: TimedOutRequest = {}) {
    super(source)
    this.broker = request.broker ?? ''
    this.correlationId = request.correlationId ?? -1
    this.createdAt = request.createdAt ?? -1
    this.sentAt = request.sentAt ?? -1
    this.pendingDuration = request.pendingDuration ?? -1
  }
}

export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  override name = 'KafkaJSMetadataNotLoaded'
}

export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  override name = 'KafkaJSTopicMetadataNotLoaded'
  readonly topic: string

  constructor(source: ErrorSource = '', at: { readonly topic?: string | undefined } = {}) {
    super(source)
    this.topic = at.topic ?? ''
  }
}

export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  override name = 'KafkaJSStaleTopicMetadataAssignment'
  readonly topic: string
  readonly unknownPartitions: readonly number[]

  constructor(source: ErrorSource, at: { topic?: string; unknownPartitions?: readonly number[] } = {}) {
    super(source)
    this.topic = at.topic ?? ''
    this.unknownPartitions = at.unknownPartitions ?? []
  }
}

export interface DeleteGroupsResult {
  groupId: string
  errorCode?: number
  error?: KafkaJSProtocolError
}

export class KafkaJSDeleteGroupsError extends KafkaJSError {
  override name = 'KafkaJSDeleteGroupsError'
  readonly groups: DeleteGroupsResult[]

  constructor(source: ErrorSource, groups: DeleteGroupsResult[] = []) {
    super(source)
    this.groups = groups
  }
}

export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  override name = 'KafkaJSServerDoesNotSupportApiKey'
  readonly apiKey: number
  readonly apiName: string

  constructor(source: ErrorSource, api: { apiKey?: number | undefined; apiName?: string | undefined } = {}) {
    super(source)
    this.apiKey = api.apiKey ?? -1
    this.apiName = api.apiName ?? ''
  }
}

export class KafkaJSBrokerNotFound extends KafkaJSError {
  override name = 'KafkaJSBrokerNotFound'
}

export class KafkaJSPartialMessageError extends KafkaJSNonRetriableError {
  override name = 'KafkaJSPartialMessageError'
}

export class KafkaJSSASLAuthenticationError extends KafkaJSNonRetriableError {
  override name = 'KafkaJSSASLAuthenticationError'
}

export class KafkaJSGroupCoordinatorNotFound extends KafkaJSNonRetriableError {
  override name = 'KafkaJSGroupCoordinatorNotFound'
}

export class KafkaJSNotImplemented extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNotImplemented'
}

export class KafkaJSTimeout extends KafkaJSNonRetriableError {
  override name = 'KafkaJSTimeout'
}

export class KafkaJSLockTimeout extends KafkaJSTimeout {
  override name = 'KafkaJSLockTimeout'
}

export class KafkaJSUnsupportedMagicByteInMessageSet extends KafkaJSNonRetriableError {
  override name = 'KafkaJSUnsupportedMagicByteInMessageSet'
}

export interface KafkaJSDeleteTopicRecordsErrorPartition {
  partition: number
  offset: string
  error: KafkaJSError
}

/** Retriable when every partition's error is. */
export class KafkaJSDeleteTopicRecordsError extends KafkaJSError {
  override name = 'KafkaJSDeleteTopicRecordsError'
  readonly partitions: KafkaJSDeleteTopicRecordsErrorPartition[]

  constructor(failed: { partitions: KafkaJSDeleteTopicRecordsErrorPartition[] }) {
    super('Error while deleting records', { retriable: failed.partitions.every(({ error }) => error.retriable) })
    this.partitions = failed.partitions
  }
}

export class KafkaJSInvariantViolation extends KafkaJSNonRetriableError {
  override name = 'KafkaJSInvariantViolation'

  constructor(source: ErrorSource) {
    super(`Invariant violated: ${messageIn(source)}. This is likely a bug and should be reported.`)
  }
}

export class KafkaJSInvalidVarIntError extends KafkaJSNonRetriableError {}

export class KafkaJSInvalidLongError extends KafkaJSNonRetriableError {}

export class KafkaJSCreateTopicError extends KafkaJSProtocolError {
  override name = 'KafkaJSCreateTopicError'
  readonly topic: string

  constructor(source: ProtocolErrorSource | ErrorSource, topic: string) {
    super(source)
    this.topic = topic
  }
}

export class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  override name = 'KafkaJSAlterPartitionReassignmentsError'
  readonly topic?: string
  readonly partition?: number

  constructor(source: ProtocolErrorSource | ErrorSource, topic?: string, partition?: number) {
    super(source)
    if (topic !== undefined) this.topic = topic
    if (partition !== undefined) this.partition = partition
  }
}

/** Several at once. Not a `KafkaJSError`, as in kafkajs. */
export class KafkaJSAggregateError extends Error {
  override name = 'KafkaJSAggregateError'
  readonly errors: (Error | string)[]

  constructor(message: Error | string, errors: (Error | string)[]) {
    super(messageIn(message))
    this.errors = errors
  }
}

export class KafkaJSFetcherRebalanceError extends Error {}

export class KafkaJSNoBrokerAvailableError extends KafkaJSError {
  override name = 'KafkaJSNoBrokerAvailableError'

  constructor() {
    super('No broker available')
  }
}
