import { defineTopology, json, string, topic } from '@millrace/streams'
import { type Bid, bids } from '../bid.ts'

const out = topic('q0-out', { key: string(), value: json<Bid>() })

/** Every bid, parsed and written anew: a value that is another object than came in is not copied on as bytes. */
export default defineTopology('nexmark-q0', ({ stream }) => {
  stream(bids).mapValues(copyOf).to(out)
})

function copyOf({ auction, bidder, price, channel, url, dateTime, extra }: Bid): Bid {
  return { auction, bidder, price, channel, url, dateTime, extra }
}
