import pg from 'pg'

/** CPU seconds by stage, and what the process used in all. */
export interface CpuShare {
  readonly stage: string
  readonly seconds: number
}

export interface Totals {
  readonly flights: number
  readonly airportHours: number
  readonly routeDays: number
  readonly dropped: Readonly<Record<string, number>>
  readonly elapsedMs: number
  readonly firstRowMs: number | undefined
}

const number = new Intl.NumberFormat('en-US')

/** The worst airports by share of late flights, and the worst hours of all, as PostgreSQL now holds them. */
export async function worstTables(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const airports = await client.query({
      rowMode: 'array',
      text: `select origin, coalesce(city, ''), sum(flights)::int,
               round((sum(flights * mean_delay) / sum(flights))::numeric, 1),
               round((100 * sum(flights * share_late) / sum(flights))::numeric, 1)
             from airport_hours group by 1, 2
             having sum(flights) >= least(1000, (select max(n) / 20 from
               (select sum(flights) n from airport_hours group by origin) s))
             order by 5 desc, 1 limit 8`,
    })
    const hours = await client.query({
      rowMode: 'array',
      text: `select origin, to_char(hour at time zone 'UTC', 'YYYY-MM-DD HH24:00'), flights,
               round(mean_delay::numeric, 1), round((100 * share_late)::numeric, 1)
             from airport_hours where flights >= 5 order by mean_delay desc, 1, 2 limit 8`,
    })
    const head = ['airport', '', 'flights', 'mean delay', 'late %']
    return `${table('The worst airports', head, airports.rows)}\n${table('The worst hours', head, hours.rows)}`
  } finally {
    await client.end()
  }
}

/** Rows of the two results. */
export async function resultRows(url: string): Promise<{ readonly airportHours: number; readonly routeDays: number }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const text = 'select (select count(*) from airport_hours)::int, (select count(*) from route_days)::int'
    const { rows } = await client.query({ rowMode: 'array', text })
    const [airportHours, routeDays] = rows[0] ?? []
    return { airportHours: Number(airportHours), routeDays: Number(routeDays) }
  } finally {
    await client.end()
  }
}

export function totalsText(totals: Totals, cpu: readonly CpuShare[], places: readonly string[]): string {
  const dropped = Object.entries({ late: 0, ...totals.dropped }).map(
    ([reason, count]) => `${reason} ${number.format(count)}`,
  )
  const first = totals.firstRowMs === undefined ? '' : `, first row after ${(totals.firstRowMs / 1000).toFixed(1)} s`
  const lines = [
    `${number.format(totals.flights)} flights, ${number.format(totals.airportHours)} airport hours, ` +
      `${number.format(totals.routeDays)} route days in ${(totals.elapsedMs / 1000).toFixed(1)} s${first}`,
    `records dropped: ${dropped.join(', ')}`,
    `CPU seconds: ${cpu.map(({ stage, seconds }) => `${stage} ${seconds.toFixed(1)}`).join(', ')}`,
    ...places,
  ]
  return lines.join('\n')
}

function table(title: string, head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [head, ...rows.map((row) => row.map((cell) => String(cell)))]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const text = cells.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  return `${title}\n${text.map((line) => `  ${line}`).join('\n')}\n`
}
