import { logSettings } from './log-settings.ts'
import { securitySettings } from './security-settings.ts'
import { boolean, number, type SettingRow } from './setting-row.ts'

const int32Max = 0x7fff_ffff

/**
 * Every setting of the broker, under Kafka's name. Where a default is not Kafka's, the row says why.
 * Defaults of topics stand in the log's own table.
 */
export const settingsTable = {
  'node.id': number(0, 0, int32Max, 'Id of this broker. Kafka has no default.'),
  'num.partitions': number(1, 1, 10_000, 'Partitions of a topic whose creator does not say.'),
  'auto.create.topics.enable': boolean(true, 'Make a topic that somebody asks for by name and that does not exist.'),
  'delete.topic.enable': boolean(true, 'Allow topics to be deleted.'),
  'fetch.max.bytes': number(57_671_680, 1024, int32Max, 'Most bytes in one answer to a fetch.'),
  'fetch.read.ahead.max.bytes': number(
    33_554_432,
    0,
    int32Max,
    'What is read for readers before they ask for it, of all connections together; 8 MiB of one at most. ' +
      '0: nothing. Not in Kafka, which has the system send from the file.',
  ),
  'max.incremental.fetch.session.cache.slots': number(
    1000,
    0,
    1_000_000,
    'Most fetch sessions kept for readers, which then name only what changes (KIP-227).',
  ),
  'socket.request.max.bytes': number(104_857_600, 1024, int32Max, 'Largest request. A larger one ends its connection.'),
  'max.connections': number(
    10_000,
    1,
    1_000_000,
    'Most connections at a time. Kafka: no bound. One more is closed at once.',
  ),
  'connection.request.queue.max': number(
    64,
    1,
    10_000,
    'Requests of one connection read and not yet answered. Kafka has 1; a pipeline is answered in order all the same.',
  ),
  'connection.queue.max.bytes': number(
    8_388_608,
    1024,
    int32Max,
    'Request bytes of one connection not yet answered, and answer bytes it has not taken: above either ' +
      'we stop reading. Not in Kafka.',
  ),
  'queued.max.request.bytes': number(
    536_870_912,
    1024,
    Number.MAX_SAFE_INTEGER,
    'Request bytes of all connections not yet answered, with those of requests that are not whole. Above it the ' +
      'connection with the most of them is closed. Kafka: no bound; with one it stops reading from all.',
  ),
  'queued.max.response.bytes': number(
    536_870_912,
    1024,
    Number.MAX_SAFE_INTEGER,
    'Batches of all fetch answers that are not sent. Above it a fetch waits; while one does, a connection that has ' +
      'not taken an answer for 15 s is closed. Not in Kafka, which sends from the page cache.',
  ),
  'connections.max.idle.ms': number(
    600_000,
    1000,
    int32Max,
    'A connection that has been silent for so long is closed.',
  ),
  'group.initial.rebalance.delay.ms': number(
    0,
    0,
    int32Max,
    'How long the first members of an empty group are waited for. Kafka: 3000; 0 because a program on ' +
      'its own engine should start at once.',
  ),
  'group.min.session.timeout.ms': number(
    1000,
    1,
    int32Max,
    'Shortest session a member may ask for. Kafka: 6000; shorter because broker and members are on one ' +
      'machine or near.',
  ),
  'group.max.session.timeout.ms': number(1_800_000, 1, int32Max, 'Longest session a member may ask for.'),
  'group.max.size': number(10_000, 1, int32Max, 'Most members of a group. Kafka: no bound.'),
  'group.members.max.bytes': number(
    268_435_456,
    1024,
    Number.MAX_SAFE_INTEGER,
    'Most bytes that members of all groups may have told of themselves and been assigned. Not in Kafka.',
  ),
  'group.offsets.max.bytes': number(
    268_435_456,
    1024,
    Number.MAX_SAFE_INTEGER,
    'Most bytes that the committed offsets of all groups may take, about 150 each and their texts. Not in Kafka.',
  ),
  'groups.max': number(100_000, 1, 10_000_000, 'Most groups known at a time; a new one is told to wait. Not in Kafka.'),
  'offsets.topic.num.partitions': number(
    4,
    1,
    1000,
    'Partitions of __consumer_offsets, fixed when it is made. Kafka: 50; fewer because they all lie on one disk.',
  ),
  'offsets.topic.segment.bytes': number(104_857_600, 1024, int32Max, 'Segment size of __consumer_offsets.'),
  'offset.metadata.max.bytes': number(4096, 0, int32Max, 'Longest text that may be committed with an offset.'),
  'offsets.retention.minutes': number(
    10_080,
    1,
    int32Max,
    'Offsets of a group without members are dropped after this.',
  ),
  'offsets.retention.check.interval.ms': number(600_000, 1, int32Max, 'How often that is looked at.'),
  'transaction.version': number(
    2,
    0,
    2,
    'The feature of that name: with 2 the epoch of a producer rises with each transaction, and partitions join one ' +
      'when they are written to (KIP-890). Kafka: set by `kafka-features.sh`.',
  ),
  'transaction.max.timeout.ms': number(900_000, 1, int32Max, 'Longest transaction timeout a producer may ask for.'),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': number(
    10_000,
    1,
    int32Max,
    'How often transactions that are open for longer than their timeout are looked for, and aborted.',
  ),
  'transactional.id.expiration.ms': number(
    604_800_000,
    1,
    int32Max,
    'A transactional id unused for so long is forgotten.',
  ),
  'transaction.remove.expired.transaction.cleanup.interval.ms': number(
    3_600_000,
    1,
    int32Max,
    'How often that is looked at.',
  ),
  'transaction.state.log.num.partitions': number(
    4,
    1,
    1000,
    'Partitions of __transaction_state, fixed when it is made. Kafka: 50; fewer because they all lie on one disk.',
  ),
  'transaction.state.log.segment.bytes': number(104_857_600, 1024, int32Max, 'Segment size of __transaction_state.'),
  'transaction.open.max': number(
    10_000,
    1,
    1_000_000,
    'Most transactions open at a time; one more is told to wait or to abort. Not in Kafka.',
  ),
  'transactional.ids.max': number(
    100_000,
    1,
    10_000_000,
    'Most transactional ids known at a time; a new one is told to wait. Not in Kafka.',
  ),
  ...logSettings,
  ...securitySettings,
} as const satisfies Record<string, SettingRow>
