/**
 * What to do about an error.
 *
 * - `retry`: the same request again, after a pause.
 * - `refresh-metadata`: ask who leads or coordinates, then again.
 * - `reset-offset`: the position is gone; the reset policy decides.
 * - `rejoin`: the membership is gone; join the group anew.
 * - `fence`: somebody newer has taken over; stop writing under this identity.
 * - `fail`: tell the caller.
 */
export type Remedy = 'retry' | 'refresh-metadata' | 'reset-offset' | 'rejoin' | 'fence' | 'fail'

/**
 * Kafka's error codes (clients/src/main/java/org/apache/kafka/common/protocol/Errors.java, Kafka 4.3) with our remedy.
 * Broker and client read the same table.
 */
export const errorTable = {
  UNKNOWN_SERVER_ERROR: { wire: -1, remedy: 'fail', text: 'The server met an error it had no name for.' },
  NONE: { wire: 0, remedy: 'fail', text: 'No error.' },
  OFFSET_OUT_OF_RANGE: {
    wire: 1,
    remedy: 'reset-offset',
    text: 'The offset is outside what this partition still holds.',
  },
  CORRUPT_MESSAGE: { wire: 2, remedy: 'retry', text: 'A batch failed its checksum or is malformed.' },
  UNKNOWN_TOPIC_OR_PARTITION: {
    wire: 3,
    remedy: 'refresh-metadata',
    text: 'The server does not host this topic or partition.',
  },
  INVALID_FETCH_SIZE: { wire: 4, remedy: 'fail', text: 'The fetch size is invalid.' },
  LEADER_NOT_AVAILABLE: { wire: 5, remedy: 'refresh-metadata', text: 'The partition has no leader at the moment.' },
  NOT_LEADER_OR_FOLLOWER: { wire: 6, remedy: 'refresh-metadata', text: 'This broker does not serve the partition.' },
  REQUEST_TIMED_OUT: { wire: 7, remedy: 'retry', text: 'The request timed out.' },
  BROKER_NOT_AVAILABLE: { wire: 8, remedy: 'refresh-metadata', text: 'The broker is not available.' },
  REPLICA_NOT_AVAILABLE: { wire: 9, remedy: 'refresh-metadata', text: 'The replica is not available.' },
  MESSAGE_TOO_LARGE: { wire: 10, remedy: 'fail', text: 'The batch is larger than the topic allows.' },
  STALE_CONTROLLER_EPOCH: { wire: 11, remedy: 'fail', text: 'The controller moved to another broker.' },
  OFFSET_METADATA_TOO_LARGE: { wire: 12, remedy: 'fail', text: 'The metadata of an offset is too large.' },
  NETWORK_EXCEPTION: { wire: 13, remedy: 'refresh-metadata', text: 'The server went away before it answered.' },
  COORDINATOR_LOAD_IN_PROGRESS: { wire: 14, remedy: 'retry', text: 'The coordinator is still loading.' },
  COORDINATOR_NOT_AVAILABLE: { wire: 15, remedy: 'refresh-metadata', text: 'The coordinator is not available.' },
  NOT_COORDINATOR: {
    wire: 16,
    remedy: 'refresh-metadata',
    text: 'Another broker coordinates this group or transaction.',
  },
  INVALID_TOPIC_EXCEPTION: { wire: 17, remedy: 'fail', text: 'The topic name is not valid or not allowed here.' },
  RECORD_LIST_TOO_LARGE: { wire: 18, remedy: 'fail', text: 'The batch is larger than a segment.' },
  NOT_ENOUGH_REPLICAS: { wire: 19, remedy: 'retry', text: 'Fewer replicas in sync than required.' },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    wire: 20,
    remedy: 'retry',
    text: 'Written, but to fewer replicas than required.',
  },
  INVALID_REQUIRED_ACKS: { wire: 21, remedy: 'fail', text: 'The acks value must be 0, 1 or -1.' },
  ILLEGAL_GENERATION: { wire: 22, remedy: 'rejoin', text: 'The generation is not the current one of the group.' },
  INCONSISTENT_GROUP_PROTOCOL: { wire: 23, remedy: 'fail', text: 'No assignor is common to all members of the group.' },
  INVALID_GROUP_ID: { wire: 24, remedy: 'fail', text: 'The group id is not valid.' },
  UNKNOWN_MEMBER_ID: { wire: 25, remedy: 'rejoin', text: 'The coordinator does not know this member.' },
  INVALID_SESSION_TIMEOUT: { wire: 26, remedy: 'fail', text: 'The session timeout is outside the allowed range.' },
  REBALANCE_IN_PROGRESS: { wire: 27, remedy: 'rejoin', text: 'The group is rebalancing: rejoin.' },
  INVALID_COMMIT_OFFSET_SIZE: { wire: 28, remedy: 'fail', text: 'The offset commit is too large.' },
  TOPIC_AUTHORIZATION_FAILED: { wire: 29, remedy: 'fail', text: 'Not authorised for the topic.' },
  GROUP_AUTHORIZATION_FAILED: { wire: 30, remedy: 'fail', text: 'Not authorised for the group.' },
  CLUSTER_AUTHORIZATION_FAILED: { wire: 31, remedy: 'fail', text: 'Not authorised for the cluster.' },
  INVALID_TIMESTAMP: { wire: 32, remedy: 'fail', text: "A record's timestamp is outside the allowed range." },
  UNSUPPORTED_SASL_MECHANISM: { wire: 33, remedy: 'fail', text: 'The SASL mechanism is not supported.' },
  ILLEGAL_SASL_STATE: { wire: 34, remedy: 'fail', text: 'The request is not valid in this SASL state.' },
  UNSUPPORTED_VERSION: { wire: 35, remedy: 'fail', text: 'The version of the API is not supported.' },
  TOPIC_ALREADY_EXISTS: { wire: 36, remedy: 'fail', text: 'The topic exists already.' },
  INVALID_PARTITIONS: { wire: 37, remedy: 'fail', text: 'The number of partitions is not valid.' },
  INVALID_REPLICATION_FACTOR: { wire: 38, remedy: 'fail', text: 'The replication factor is not valid.' },
  INVALID_REPLICA_ASSIGNMENT: { wire: 39, remedy: 'fail', text: 'The replica assignment is not valid.' },
  INVALID_CONFIG: { wire: 40, remedy: 'fail', text: 'The configuration is not valid.' },
  NOT_CONTROLLER: { wire: 41, remedy: 'refresh-metadata', text: 'This broker is not the controller.' },
  INVALID_REQUEST: { wire: 42, remedy: 'fail', text: 'The request is malformed or contradicts itself.' },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: {
    wire: 43,
    remedy: 'fail',
    text: 'The message format does not support the request.',
  },
  POLICY_VIOLATION: { wire: 44, remedy: 'fail', text: 'The request violates a policy of the server.' },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    wire: 45,
    remedy: 'fail',
    text: 'A batch of this producer is missing before this one.',
  },
  DUPLICATE_SEQUENCE_NUMBER: { wire: 46, remedy: 'fail', text: 'The batch was written before.' },
  INVALID_PRODUCER_EPOCH: { wire: 47, remedy: 'fence', text: "The producer's epoch is older than the one in use." },
  INVALID_TXN_STATE: { wire: 48, remedy: 'fail', text: 'The request does not fit the state of the transaction.' },
  INVALID_PRODUCER_ID_MAPPING: {
    wire: 49,
    remedy: 'fail',
    text: 'The producer id is not the one of this transactional id.',
  },
  INVALID_TRANSACTION_TIMEOUT: {
    wire: 50,
    remedy: 'fail',
    text: 'The transaction timeout exceeds what the server allows.',
  },
  CONCURRENT_TRANSACTIONS: { wire: 51, remedy: 'retry', text: 'Another transaction of this id is still completing.' },
  TRANSACTION_COORDINATOR_FENCED: {
    wire: 52,
    remedy: 'fail',
    text: 'The transaction coordinator is not the current one.',
  },
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: { wire: 53, remedy: 'fail', text: 'Not authorised for the transactional id.' },
  SECURITY_DISABLED: { wire: 54, remedy: 'fail', text: 'Security features are switched off.' },
  OPERATION_NOT_ATTEMPTED: { wire: 55, remedy: 'fail', text: 'Not tried because another part of the request failed.' },
  KAFKA_STORAGE_ERROR: {
    wire: 56,
    remedy: 'refresh-metadata',
    text: "The partition's files cannot be written or read.",
  },
  LOG_DIR_NOT_FOUND: { wire: 57, remedy: 'fail', text: 'No such log directory.' },
  SASL_AUTHENTICATION_FAILED: { wire: 58, remedy: 'fail', text: 'Authentication failed.' },
  UNKNOWN_PRODUCER_ID: { wire: 59, remedy: 'fail', text: 'The broker has no state for this producer.' },
  REASSIGNMENT_IN_PROGRESS: { wire: 60, remedy: 'fail', text: 'The partition is being reassigned.' },
  DELEGATION_TOKEN_AUTH_DISABLED: { wire: 61, remedy: 'fail', text: 'Delegation tokens are switched off.' },
  DELEGATION_TOKEN_NOT_FOUND: { wire: 62, remedy: 'fail', text: 'No such delegation token.' },
  DELEGATION_TOKEN_OWNER_MISMATCH: { wire: 63, remedy: 'fail', text: 'The token belongs to another principal.' },
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: {
    wire: 64,
    remedy: 'fail',
    text: 'Token requests are not allowed on this connection.',
  },
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: { wire: 65, remedy: 'fail', text: 'Not authorised for the token.' },
  DELEGATION_TOKEN_EXPIRED: { wire: 66, remedy: 'fail', text: 'The token has expired.' },
  INVALID_PRINCIPAL_TYPE: { wire: 67, remedy: 'fail', text: 'The principal type is not supported.' },
  NON_EMPTY_GROUP: { wire: 68, remedy: 'fail', text: 'The group has members.' },
  GROUP_ID_NOT_FOUND: { wire: 69, remedy: 'fail', text: 'No such group.' },
  FETCH_SESSION_ID_NOT_FOUND: { wire: 70, remedy: 'retry', text: 'No such fetch session.' },
  INVALID_FETCH_SESSION_EPOCH: {
    wire: 71,
    remedy: 'retry',
    text: 'The epoch of the fetch session is not the expected one.',
  },
  LISTENER_NOT_FOUND: { wire: 72, remedy: 'refresh-metadata', text: 'The leader has no listener of this name.' },
  TOPIC_DELETION_DISABLED: { wire: 73, remedy: 'fail', text: 'Topic deletion is switched off.' },
  FENCED_LEADER_EPOCH: { wire: 74, remedy: 'refresh-metadata', text: "The leader epoch is older than the server's." },
  UNKNOWN_LEADER_EPOCH: { wire: 75, remedy: 'retry', text: "The leader epoch is newer than the server's." },
  UNSUPPORTED_COMPRESSION_TYPE: {
    wire: 76,
    remedy: 'fail',
    text: 'The codec is not supported by this version of the API.',
  },
  STALE_BROKER_EPOCH: { wire: 77, remedy: 'fail', text: 'The broker epoch is stale.' },
  OFFSET_NOT_AVAILABLE: { wire: 78, remedy: 'retry', text: "The leader's high watermark has not caught up yet." },
  MEMBER_ID_REQUIRED: { wire: 79, remedy: 'rejoin', text: 'Join again with the member id of this answer.' },
  PREFERRED_LEADER_NOT_AVAILABLE: {
    wire: 80,
    remedy: 'refresh-metadata',
    text: 'The preferred leader is not available.',
  },
  GROUP_MAX_SIZE_REACHED: { wire: 81, remedy: 'fail', text: 'The group is full.' },
  FENCED_INSTANCE_ID: { wire: 82, remedy: 'fence', text: 'Another member uses this group.instance.id.' },
  ELIGIBLE_LEADERS_NOT_AVAILABLE: { wire: 83, remedy: 'refresh-metadata', text: 'No eligible leader.' },
  ELECTION_NOT_NEEDED: { wire: 84, remedy: 'refresh-metadata', text: 'No election is needed.' },
  NO_REASSIGNMENT_IN_PROGRESS: { wire: 85, remedy: 'fail', text: 'No reassignment is under way.' },
  GROUP_SUBSCRIBED_TO_TOPIC: { wire: 86, remedy: 'fail', text: 'The group is subscribed to the topic.' },
  INVALID_RECORD: { wire: 87, remedy: 'fail', text: 'A record of the batch is not valid; see the record errors.' },
  UNSTABLE_OFFSET_COMMIT: {
    wire: 88,
    remedy: 'retry',
    text: 'A transaction with offsets of this group is still open.',
  },
  THROTTLING_QUOTA_EXCEEDED: { wire: 89, remedy: 'retry', text: 'The quota is used up.' },
  PRODUCER_FENCED: { wire: 90, remedy: 'fence', text: 'A newer producer uses this transactional id.' },
  RESOURCE_NOT_FOUND: { wire: 91, remedy: 'fail', text: 'No such resource.' },
  DUPLICATE_RESOURCE: { wire: 92, remedy: 'fail', text: 'The resource is named twice.' },
  UNACCEPTABLE_CREDENTIAL: { wire: 93, remedy: 'fail', text: 'The credential does not meet the rules.' },
  INCONSISTENT_VOTER_SET: { wire: 94, remedy: 'fail', text: 'The voters do not match.' },
  INVALID_UPDATE_VERSION: { wire: 95, remedy: 'fail', text: 'The update version is not valid.' },
  FEATURE_UPDATE_FAILED: { wire: 96, remedy: 'fail', text: 'The feature could not be updated.' },
  PRINCIPAL_DESERIALIZATION_FAILURE: { wire: 97, remedy: 'fail', text: 'The forwarded principal is malformed.' },
  SNAPSHOT_NOT_FOUND: { wire: 98, remedy: 'fail', text: 'No such snapshot.' },
  POSITION_OUT_OF_RANGE: { wire: 99, remedy: 'fail', text: 'The position is outside the snapshot.' },
  UNKNOWN_TOPIC_ID: { wire: 100, remedy: 'refresh-metadata', text: 'The server has no topic of this id.' },
  DUPLICATE_BROKER_REGISTRATION: { wire: 101, remedy: 'fail', text: 'The broker id is in use.' },
  BROKER_ID_NOT_REGISTERED: { wire: 102, remedy: 'fail', text: 'The broker id is not registered.' },
  INCONSISTENT_TOPIC_ID: { wire: 103, remedy: 'refresh-metadata', text: "The topic id does not match the log's." },
  INCONSISTENT_CLUSTER_ID: { wire: 104, remedy: 'fail', text: 'The cluster id does not match.' },
  TRANSACTIONAL_ID_NOT_FOUND: { wire: 105, remedy: 'fail', text: 'No such transactional id.' },
  FETCH_SESSION_TOPIC_ID_ERROR: { wire: 106, remedy: 'retry', text: 'The session mixes topic names and ids.' },
  INELIGIBLE_REPLICA: { wire: 107, remedy: 'fail', text: 'The replica is not eligible.' },
  NEW_LEADER_ELECTED: { wire: 108, remedy: 'refresh-metadata', text: 'A new leader was elected.' },
  OFFSET_MOVED_TO_TIERED_STORAGE: { wire: 109, remedy: 'fail', text: 'The offset lies in tiered storage.' },
  FENCED_MEMBER_EPOCH: { wire: 110, remedy: 'rejoin', text: "The member epoch is older than the coordinator's." },
  UNRELEASED_INSTANCE_ID: { wire: 111, remedy: 'fail', text: 'The instance id is still in use.' },
  UNSUPPORTED_ASSIGNOR: { wire: 112, remedy: 'fail', text: 'The assignor is not supported.' },
  STALE_MEMBER_EPOCH: { wire: 113, remedy: 'retry', text: 'The member epoch is stale.' },
  MISMATCHED_ENDPOINT_TYPE: { wire: 114, remedy: 'fail', text: 'The request was sent to the wrong kind of endpoint.' },
  UNSUPPORTED_ENDPOINT_TYPE: { wire: 115, remedy: 'fail', text: 'The kind of endpoint is not supported.' },
  UNKNOWN_CONTROLLER_ID: { wire: 116, remedy: 'fail', text: 'No such controller.' },
  UNKNOWN_SUBSCRIPTION_ID: { wire: 117, remedy: 'fail', text: 'The telemetry subscription is not known.' },
  TELEMETRY_TOO_LARGE: { wire: 118, remedy: 'fail', text: 'The telemetry is too large.' },
  INVALID_REGISTRATION: { wire: 119, remedy: 'fail', text: 'The registration is not valid.' },
  TRANSACTION_ABORTABLE: { wire: 120, remedy: 'fail', text: 'The transaction can only be aborted.' },
  INVALID_REGULAR_EXPRESSION: { wire: 128, remedy: 'fail', text: 'The regular expression is not valid.' },
} as const satisfies Record<string, { wire: number; remedy: Remedy; text: string }>

/** A Kafka error by name. */
export type KafkaErrorCode = keyof typeof errorTable

const codes = Object.keys(errorTable) as KafkaErrorCode[]
const byWire = new Map<number, KafkaErrorCode>(codes.map((code) => [errorTable[code].wire, code]))

/** The name of a wire code; `UNKNOWN_SERVER_ERROR` for a number that is not in the table. */
export function errorCodeOf(wire: number): KafkaErrorCode {
  return byWire.get(wire) ?? 'UNKNOWN_SERVER_ERROR'
}

export function isKafkaErrorCode(code: unknown): code is KafkaErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorTable, code)
}
