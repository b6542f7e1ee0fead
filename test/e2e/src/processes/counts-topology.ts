import { defineTopology, json, string, topic } from '@millrace/streams'

const events = topic('events', { key: string(), value: json<object>() })
const counts = topic('counts', { key: string(), value: json<number>() })

/** How often each key came. */
export default defineTopology('counts', ({ stream }) => {
  stream(events)
    .groupByKey()
    .count({ store: 'counts' })
    .toStream()
    .mapValues((count) => count, json<number>())
    .to(counts)
})
