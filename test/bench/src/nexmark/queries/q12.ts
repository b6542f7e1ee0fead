import { Buffer } from 'node:buffer'
import { bytes, defineTopology, json, string, topic, tumbling } from '@millrace/streams'
import { bids, windowMs } from '../bid.ts'

interface BidderCount {
  readonly bidder: number
  readonly start: number
  readonly end: number
  readonly count: number
}

const empty = Buffer.alloc(0)
const out = topic('q12-out', { key: string(), value: json<BidderCount>() })

/** Bids per bidder and window. Partitions of a repartition topic run apart: the grace covers the whole input. */
export default defineTopology('nexmark-q12', ({ stream }) => {
  stream(bids)
    .map(({ bidder }): [string, Buffer] => [String(bidder), empty], { key: string(), value: bytes() })
    .groupByKey()
    .windowedBy(tumbling({ ms: windowMs }).grace({ hours: 24 }))
    .count({ store: 'bids-of-bidder' })
    .toStream()
    .map(
      (count, window): [string, BidderCount] => {
        if (window === null) throw new Error('a count without a key')
        const { key, start, end } = window
        return [`${key}|${start}`, { bidder: Number(key), start, end, count }]
      },
      { key: string(), value: json<BidderCount>() },
    )
    .to(out)
})
