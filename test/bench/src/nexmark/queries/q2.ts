import { defineTopology, json, string, topic } from '@millrace/streams'
import { bids } from '../bid.ts'

interface AuctionPrice {
  readonly auction: number
  readonly price: number
}

const out = topic('q2-out', { key: string(), value: json<AuctionPrice>() })

/** Selection: the bids on some auctions. */
export default defineTopology('nexmark-q2', ({ stream }) => {
  stream(bids)
    .filter(({ auction }) => auction % 123 === 0)
    .mapValues(({ auction, price }): AuctionPrice => ({ auction, price }))
    .to(out)
})
