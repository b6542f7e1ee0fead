/** What kafkajs errors are made of: a text, or an error whose text and facts are taken over. */
export type ErrorSource = string | (Error & { readonly helpUrl?: string | undefined })

interface ErrorOptions {
  readonly retriable?: boolean | undefined
  readonly cause?: unknown
}

/** The root of kafkajs's errors. `retriable`: the same call may succeed later. */
export class KafkaJSError extends Error {
  override name = 'KafkaJSError'
  readonly retriable: boolean
  helpUrl: string | undefined

  constructor(source: ErrorSource, options: ErrorOptions = {}) {
    const { retriable = true, cause } = options
    super(messageIn(source), cause === undefined ? undefined : { cause })
    this.retriable = retriable
    this.helpUrl = typeof source === 'string' ? undefined : source.helpUrl
  }
}

function messageIn(source: ErrorSource): string {
  return typeof source === 'string' ? source : source.message
}

export class KafkaJSNonRetriableError extends KafkaJSError {
  override name = 'KafkaJSNonRetriableError'

  constructor(source: ErrorSource, options: { readonly cause?: unknown } = {}) {
    super(source, { ...options, retriable: false })
  }
}

/** A server's refusal: kafkajs's name of the error as `type`, Kafka's number as `code`. */
export interface ProtocolErrorSource {
  readonly message: string
  readonly type: string
  readonly code: number
  readonly retriable?: boolean | undefined
  readonly helpUrl?: string | undefined
}

export class KafkaJSProtocolError extends KafkaJSError {
  override name = 'KafkaJSProtocolError'
  readonly type: string
  readonly code: number

  constructor(source: ProtocolErrorSource, options: ErrorOptions = {}) {
    super(source.message, { retriable: options.retriable ?? source.retriable ?? false, cause: options.cause })
    this.helpUrl = source.helpUrl
    this.type = source.type
    this.code = source.code
  }
}

export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  override name = 'KafkaJSOffsetOutOfRange'
  readonly topic: string
  readonly partition: number

  constructor(source: ProtocolErrorSource, at: { readonly topic: string; readonly partition: number }) {
    super(source)
    this.topic = at.topic
    this.partition = at.partition
  }
}

export class KafkaJSMemberIdRequired extends KafkaJSProtocolError {
  override name = 'KafkaJSMemberIdRequired'
  readonly memberId: string

  constructor(source: ProtocolErrorSource, member: { readonly memberId: string }) {
    super(source)
    this.memberId = member.memberId
  }
}

/** What kept failing is the `cause`. */
export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  override name = 'KafkaJSNumberOfRetriesExceeded'
  readonly retryCount: number
  /** The pause before the last attempt, in milliseconds. */
  readonly retryTime: number

  constructor(failure: Error, tries: { readonly retryCount: number; readonly retryTime: number }) {
    super(failure, { cause: failure })
    this.stack = `${this.name}\n  Caused by: ${failure.stack}`
    this.retryCount = tries.retryCount
    this.retryTime = tries.retryTime
  }
}

export class KafkaJSConnectionError extends KafkaJSError {
  override name = 'KafkaJSConnectionError'
  readonly broker: string | undefined
  readonly code: string | undefined

  constructor(source: ErrorSource, at: { broker?: string | undefined; code?: string | undefined } = {}) {
    super(source)
    this.broker = at.broker
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
  readonly broker: string | undefined
  readonly correlationId: number | undefined
  readonly createdAt: number | undefined
  readonly sentAt: number | undefined
  readonly pendingDuration: number | undefined

  constructor(source: ErrorSource, request: TimedOutRequest = {}) {
    super(source)
    this.broker = request.broker
    this.correlationId = request.correlationId
    this.createdAt = request.createdAt
    this.sentAt = request.sentAt
    this.pendingDuration = request.pendingDuration
  }
}

export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  override name = 'KafkaJSMetadataNotLoaded'
}

export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  override name = 'KafkaJSTopicMetadataNotLoaded'
  readonly topic: string | undefined

  constructor(source: ErrorSource, at: { readonly topic?: string | undefined } = {}) {
    super(source)
    this.topic = at.topic
  }
}

export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  override name = 'KafkaJSStaleTopicMetadataAssignment'
  readonly topic: string | undefined
  readonly unknownPartitions: readonly number[] | undefined

  constructor(
    source: ErrorSource,
    at: { readonly topic?: string | undefined; readonly unknownPartitions?: readonly number[] | undefined } = {},
  ) {
    super(source)
    this.topic = at.topic
    this.unknownPartitions = at.unknownPartitions
  }
}

export interface DeleteGroupsResult {
  groupId: string
  errorCode?: number
  error?: KafkaJSProtocolError
}

export class KafkaJSDeleteGroupsError extends KafkaJSError {
  override name = 'KafkaJSDeleteGroupsError'
  readonly groups: readonly DeleteGroupsResult[]

  constructor(source: ErrorSource, groups: readonly DeleteGroupsResult[] = []) {
    super(source)
    this.groups = groups
  }
}

export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  override name = 'KafkaJSServerDoesNotSupportApiKey'
  readonly apiKey: number | undefined
  readonly apiName: string | undefined

  constructor(source: ErrorSource, api: { apiKey?: number | undefined; apiName?: string | undefined } = {}) {
    super(source)
    this.apiKey = api.apiKey
    this.apiName = api.apiName
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
  readonly partitions: readonly KafkaJSDeleteTopicRecordsErrorPartition[]

  constructor(failed: { readonly partitions: readonly KafkaJSDeleteTopicRecordsErrorPartition[] }) {
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

  constructor(source: ProtocolErrorSource, topic: string) {
    super(source)
    this.topic = topic
  }
}

export class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  override name = 'KafkaJSAlterPartitionReassignmentsError'
  readonly topic: string | undefined
  readonly partition: number | undefined

  constructor(source: ProtocolErrorSource, topic?: string, partition?: number) {
    super(source)
    this.topic = topic
    this.partition = partition
  }
}

/** Several at once. Not a `KafkaJSError`, as in kafkajs. */
export class KafkaJSAggregateError extends Error {
  override name = 'KafkaJSAggregateError'
  readonly errors: readonly Error[]

  constructor(message: string, errors: readonly Error[]) {
    super(message)
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
