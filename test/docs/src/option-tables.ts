import { settingsBehind, settingsTable, unusedSettings } from '@millrace/broker'
import type { ConfigSchema, OptionSchema } from '@millrace/connect-api'
import { fileSink, fileSource } from '@millrace/connector-file'
import { postgresSink } from '@millrace/connector-postgres'
import { topicConfigTable } from '@millrace/log/internal'
import { type Options, servedOptions } from './served-options.ts'

/** Every table that a page shows, by the name in its mark. */
export async function optionTables(): Promise<ReadonlyMap<string, string>> {
  const [source = {}, sink = {}] = await servedOptions([fileSource.name, postgresSink.name])
  const ofSource = without(source, fileSource.config.properties)
  const ofSink = without(sink, postgresSink.config.properties)
  const common = Object.fromEntries(Object.entries(ofSource).filter(([name]) => name in ofSink))
  return new Map([
    ['file-source', connectorTable(fileSource.config)],
    ['file-sink', connectorTable(fileSink.config)],
    ['postgres-sink', connectorTable(postgresSink.config)],
    ['every-connector', optionTable(rowsOf(common, []))],
    ['every-source', optionTable(rowsOf(without(ofSource, common), []))],
    ['every-sink', optionTable(rowsOf(without(ofSink, common), ['topics']))],
    ['broker-settings', settingTable()],
    ['topic-configs', topicTable()],
    ['unused-settings', unusedTable()],
  ])
}

/**
 * The page with the tables between `<!-- table: NAME -->` and `<!-- /table -->`.
 *
 * @throws an error naming a table that is not known.
 */
export function withTables(page: string, tables: ReadonlyMap<string, string>): string {
  return page.replace(/(<!-- table: ([\w-]+) -->\n).*?(<!-- \/table -->)/gs, (_, open: string, name: string, close) => {
    const table = tables.get(name)
    if (table === undefined) throw new Error(`no table is called ${name}; known are ${[...tables.keys()].join(', ')}`)
    return `${open}\n${table}\n${close}`
  })
}

function without(options: Options, taken: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(name in taken)))
}

function connectorTable({ properties, required }: ConfigSchema): string {
  return optionTable(rowsOf(properties, required ?? []))
}

type Row = readonly [name: string, values: string, given: string, meaning: string]

/** An option and, indented by its name, what the objects in its list are made of. */
function rowsOf(options: Options, required: readonly string[], prefix = ''): Row[] {
  return Object.entries(options).flatMap(([name, option]): Row[] => {
    const given = option.default === undefined ? (required.includes(name) ? '**required**' : '') : code(option.default)
    const secret = option.writeOnly === true ? ' A secret: never shown again.' : ''
    const row: Row = [`\`${prefix}${name}\``, valuesOf(option), given, `${option.description ?? ''}${secret}`.trim()]
    const { items } = option
    if (items?.properties === undefined) return [row]
    return [row, ...rowsOf(items.properties, items.required ?? [], `${prefix}${name}[].`)]
  })
}

function valuesOf(option: OptionSchema): string {
  if (option.enum !== undefined) return option.enum.map(code).join(', ')
  if (option.anyOf !== undefined) return option.anyOf.map(valuesOf).join(' or ')
  const type = typeof option.type === 'string' ? option.type : (option.type ?? []).join(' or ')
  if (type === 'array')
    return `list of ${option.items?.properties === undefined ? valuesOf(option.items ?? {}) : 'object'}`
  return `${type}${rangeOf(option)}`
}

function rangeOf({ minimum, maximum }: OptionSchema): string {
  if (minimum !== undefined && maximum !== undefined) return `, ${minimum} to ${maximum}`
  if (minimum !== undefined) return `, at least ${minimum}`
  return maximum === undefined ? '' : `, at most ${maximum}`
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function optionTable(rows: readonly Row[]): string {
  return table(['option', 'values', 'default', 'meaning'], rows)
}

function settingTable(): string {
  const rows = Object.entries(settingsTable).map(([name, row]) => {
    const values =
      row.type === 'boolean' ? '`true`, `false`' : row.type === 'string' ? 'text' : `${row.min} to ${row.max}`
    return [`\`${name}\``, values, row.default === '' ? '' : code(row.default), row.doc]
  })
  return table(['setting', 'values', 'default', 'meaning'], rows)
}

function topicTable(): string {
  const rows = topicConfigTable.map((config) => {
    const values = config.type === 'boolean' ? '`true`, `false`' : config.oneOf?.map(code).join(', ')
    const ofServer = settingsBehind(config).map(code).join(', ')
    return [
      code(config.name),
      ofServer,
      values ?? `${config.type}${topicRange(config)}`,
      code(config.default),
      config.doc,
    ]
  })
  return table(['topic config', 'setting for all topics', 'values', 'default', 'meaning'], rows)
}

/** One row for all that have the same verdict and reason. */
function unusedTable(): string {
  const rows = new Map<string, { readonly names: string[]; readonly verdict: string; readonly doc: string }>()
  for (const { name, verdict, doc } of unusedSettings) {
    const key = `${verdict} ${doc}`
    const row = rows.get(key) ?? { names: [], verdict, doc }
    row.names.push(code(name.endsWith('.') ? `${name}…` : name))
    rows.set(key, row)
  }
  const cells = [...rows.values()].map(({ names, verdict, doc }) => [names.join(', '), verdict, doc])
  return table(["Kafka's setting", 'here', 'why'], cells)
}

function topicRange({ min, max }: { readonly min?: number; readonly max?: number }): string {
  return rangeOf({ ...(min !== undefined && { minimum: min }), ...(max !== undefined && { maximum: max }) })
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => '---'), ...rows]
  return `${lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n')}\n`
}

/** A bar would end the cell, an angle bracket would begin a tag. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
