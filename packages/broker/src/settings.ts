import { configError, nearest } from '@millrace/kernel'
import { topicConfigTable } from '@millrace/log/internal'
import { type SettingRow, settingsTable } from './settings-table.ts'

type Table = typeof settingsTable
export type SettingName = keyof Table

/** Every setting with its value. */
export type Settings = { readonly [K in SettingName]: Table[K]['default'] extends boolean ? boolean : number }

/** Settings as a user gives them: by Kafka's name, as a value or as the text of a properties file. */
export type GivenSettings = { readonly [K in SettingName]?: boolean | number | string | undefined }

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsTable, name)
}

/**
 * The given settings, checked, and the defaults of all others.
 *
 * @throws CONFIG for an unknown name (with the nearest known one), a value of another type or out of its range.
 */
export function readSettings(given: GivenSettings = {}): Settings {
  for (const name of Object.keys(given)) {
    if (isSettingName(name)) continue
    throw configError(name, 'is not a setting of the broker', name, whatIsMeant(name))
  }
  const entries = Object.entries(settingsTable).map(([name, row]) => {
    const value: unknown = isSettingName(name) ? given[name] : undefined
    return [name, value === undefined ? row.default : readValue(name, row, value)]
  })
  const settings = Object.freeze(Object.fromEntries(entries)) as Settings
  const shortest = settings['group.min.session.timeout.ms']
  if (shortest > settings['group.max.session.timeout.ms']) {
    throw configError('group.min.session.timeout.ms', 'is above group.max.session.timeout.ms', shortest)
  }
  return settings
}

/** Kafka has the defaults of topics among the broker's settings; here they are the log's. */
function whatIsMeant(name: string): string | undefined {
  const ofTopics = topicConfigTable.find(({ serverName }) => serverName === name)
  if (ofTopics !== undefined)
    return `It is a default of topics: give the log "${ofTopics.name}" among its topicDefaults.`
  const near = nearest(name, Object.keys(settingsTable))
  return near === undefined ? undefined : `Did you mean "${near}"?`
}

function readValue(name: string, row: SettingRow, value: unknown): boolean | number {
  if (row.type === 'boolean') {
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    throw configError(name, 'must be true or false', value)
  }
  const read = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
  if (typeof read === 'number' && Number.isInteger(read) && read >= row.min && read <= row.max) return read
  throw configError(name, `must be a whole number from ${row.min} to ${row.max}`, value)
}
