import { defineTopology, json, string, topic } from '@millrace/streams'
import { type Bid, bids } from '../bid.ts'

interface ConvertedBid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly extra: string
}

const out = topic('q1-out', { key: string(), value: json<ConvertedBid>() })

/** Currency conversion. */
export default defineTopology('nexmark-q1', ({ stream }) => {
  stream(bids).mapValues(converted).to(out)
})

function converted({ auction, bidder, price, dateTime, extra }: Bid): ConvertedBid {
  return { auction, bidder, price: price * 0.908, dateTime, extra }
}
