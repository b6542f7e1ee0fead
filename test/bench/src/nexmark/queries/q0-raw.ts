import { defineTopology, json, string, topic } from '@millrace/streams'
import { type Bid, bids } from '../bid.ts'

const out = topic('q0-raw-out', { key: string(), value: json<Bid>() })

/** q0 as a program would write it: nobody looks at the value, so its bytes are copied on and never parsed. */
export default defineTopology('nexmark-q0-raw', ({ stream }) => {
  stream(bids).to(out)
})
