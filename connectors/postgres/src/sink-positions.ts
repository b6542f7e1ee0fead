import type { SinkPosition } from '@millrace/connect-api'
import { MillraceError } from '@millrace/kernel'
import type pg from 'pg'

/**
 * Where each partition stands, in the database that the rows are in. The topic's id tells a topic that was deleted and
 * made again from the one that was written.
 */
export const createPositions = `CREATE TABLE IF NOT EXISTS millrace_sink_positions (
  connector text, topic text, partition integer, topic_id text NOT NULL, next_offset bigint NOT NULL,
  PRIMARY KEY (connector, topic, partition))`

export const readPositions =
  'SELECT topic, topic_id, partition, next_offset FROM millrace_sink_positions WHERE connector = $1'

/** The next offset of what is about to be written, and where that ends. */
export interface Move extends SinkPosition {
  readonly from: number
}

/** A row moves only from where this task believes it to stand: what another has written is not repeated. */
const advanceOne = `INSERT INTO millrace_sink_positions AS kept (connector, topic, partition, topic_id, next_offset)
VALUES ($1, $2, $3, $4, $6)
ON CONFLICT (connector, topic, partition) DO UPDATE SET topic_id = excluded.topic_id, next_offset = excluded.next_offset
WHERE kept.topic_id <> excluded.topic_id OR kept.next_offset <= $5`

/** @throws STATE when another task has written one of the partitions further. */
export async function advance(client: pg.Client, connector: string, moves: readonly Move[]): Promise<void> {
  const advanced = await Promise.all(
    moves.map(({ topic, partition, topicId, from, offset }) =>
      client.query(advanceOne, [connector, topic, partition, topicId, from, offset]),
    ),
  )
  const behind = moves.find((_, i) => advanced[i]?.rowCount !== 1)
  if (behind === undefined) return
  const place = `${behind.topic}-${behind.partition}@${behind.from}`
  throw new MillraceError('STATE', 'another task has written these records', {
    place,
    fix: 'Nothing is lost or twice: this task starts again from where the other one stands.',
  })
}
