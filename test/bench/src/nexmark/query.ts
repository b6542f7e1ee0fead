/** A query: its topology, and how its result is read. */
export interface Query {
  readonly name: string
  readonly module: URL
  readonly inputs: readonly string[]
  readonly output: string
  /** Of a stream every record counts; of a table the last value of each key, and null removes the key. */
  readonly result: 'stream' | 'table'
  /** The canonical line of an output value. */
  readonly line: (value: Readonly<Record<string, unknown>>) => string
  /** Whose expected result it is. */
  readonly oracle: string
}

function query(name: string, module: URL, result: Query['result'], line: Query['line'], oracle = name): Query {
  return { name, module, inputs: ['bid'], output: `${name}-out`, result, line, oracle }
}

const bidFields = ['auction', 'bidder', 'price', 'channel', 'url', 'dateTime', 'extra']
const wholeBid: Query['line'] = (bid) => bidFields.map((field) => String(bid[field])).join('|')

export const queries: readonly Query[] = [
  query('q0', new URL('./queries/q0.js', import.meta.url), 'stream', wholeBid),
  query('q0-raw', new URL('./queries/q0-raw.js', import.meta.url), 'stream', wholeBid, 'q0'),
  query('q1', new URL('./queries/q1.js', import.meta.url), 'stream', (bid) => {
    const thousandths = Math.round(Number(bid['price']) * 1000)
    return `${bid['auction']}|${bid['bidder']}|${thousandths}|${bid['dateTime']}|${bid['extra']}`
  }),
  query('q2', new URL('./queries/q2.js', import.meta.url), 'stream', (bid) => `${bid['auction']}|${bid['price']}`),
  query(
    'q7',
    new URL('./queries/q7.js', import.meta.url),
    'table',
    (row) => `${row['windowStart']}|${row['price']}|${row['dateTime']}|${row['auction']}|${row['bidder']}`,
  ),
  query(
    'q12',
    new URL('./queries/q12.js', import.meta.url),
    'table',
    (row) => `${row['bidder']}|${row['start']}|${row['count']}`,
  ),
]

/** @throws RangeError for a name that is none. */
export function queryNamed(name: string): Query {
  const found = queries.find((one) => one.name === name)
  if (found !== undefined) return found
  throw new RangeError(`there is no query ${name}; there are ${queries.map((one) => one.name).join(', ')}`)
}
