import { defineTopology, json, string, topic, tumbling } from '@millrace/streams'
import { type Bid, bids, windowMs } from '../bid.ts'

interface HighestBid {
  readonly windowStart: number
  readonly price: number
  readonly dateTime: number
  readonly auction: number
  readonly bidder: number
}

const highestBid = json<HighestBid>()
const out = topic('q7-out', { key: string(), value: highestBid })

/**
 * The highest bid of each window: first per auction, on the partitions as they come, then over all of them. A source
 * partition is in order, so a short grace is enough.
 */
export default defineTopology('nexmark-q7', ({ stream }) => {
  stream(bids)
    .mapValues(asHighest)
    .groupByKey({ value: highestBid })
    .windowedBy(tumbling({ ms: windowMs }).grace({ seconds: 1 }))
    .reduce(better, { store: 'highest-of-auction' })
    .toStream()
    .map((bid): [string, HighestBid] => [String(bid.windowStart), bid], { key: string(), value: highestBid })
    .groupByKey()
    .reduce(better, { store: 'highest' })
    .toStream()
    .to(out)
})

function asHighest({ price, dateTime, auction, bidder }: Bid): HighestBid {
  return { windowStart: dateTime - (dateTime % windowMs), price, dateTime, auction, bidder }
}

/** The highest price; then the lowest time, auction and bidder. */
function better(a: HighestBid, b: HighestBid): HighestBid {
  if (a.price !== b.price) return a.price > b.price ? a : b
  if (a.dateTime !== b.dateTime) return a.dateTime < b.dateTime ? a : b
  if (a.auction !== b.auction) return a.auction < b.auction ? a : b
  return a.bidder <= b.bidder ? a : b
}
