import { defineTopology, number, string, topic } from '@millrace/streams'

export const lines = topic('lines', { key: string(), value: string() })
export const counts = topic('counts', { key: string(), value: number() })

/** How often each word has been said, over all lines. The key of a count is the word. */
export default defineTopology('word-count', ({ stream }) => {
  stream(lines)
    .flatMapValues((line) => line.toLowerCase().match(/\p{L}+/gu) ?? [])
    .groupBy((word) => word, { key: string() })
    .count({ store: 'words' })
    .toStream()
    .to(counts)
})
