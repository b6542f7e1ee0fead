import { json, string, topic } from '@millrace/streams'

/** A line of `bid.ndjson`. Prices are cents, times milliseconds since 1970. */
export interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export const windowMs = 10_000

/** Key: the auction's id as text. Timestamp: `dateTime`. */
export const bids = topic('bid', { key: string(), value: json<Bid>() })
