import { configError, nearest } from '@millrace/kernel'
import { topicConfigTable } from '@millrace/log/internal'
import { listenerSettings } from './security-settings.ts'
import type { SettingRow } from './setting-row.ts'
import { settingsTable } from './settings-table.ts'

type Table = typeof settingsTable
export type SettingName = keyof Table
type ValueOf<K extends SettingName> = Table[K]['default'] extends boolean
  ? boolean
  : Table[K]['default'] extends string
    ? string
    : number

/** Of which a listener may have its own value. */
export type ListenerSettingName = (typeof listenerSettings)[number]
export type ListenerSettings = { readonly [K in ListenerSettingName]: ValueOf<K> }

/** Every setting with its value. */
export type Settings = { readonly [K in SettingName]: ValueOf<K> } & {
  /** What a listener has of its own, by its name in lower case. */
  readonly ofListener: ReadonlyMap<string, Partial<ListenerSettings>>
}

/**
 * Settings as a user gives them: by Kafka's name, as a value or as the text of a properties file. A listener's own
 * begin with `listener.name.`, then its name.
 */
export type GivenSettings = { readonly [K in SettingName | `listener.name.${string}`]?: Given }
type Given = boolean | number | string | undefined

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsTable, name)
}

/**
 * The given settings, checked, and the defaults of all others.
 *
 * @throws CONFIG for an unknown name (with the nearest known one), a value of another type or out of its range.
 */
export function readSettings(given: GivenSettings = {}): Settings {
  const ofListener = new Map<string, Record<string, boolean | number | string>>()
  for (const [name, value] of Object.entries(given)) {
    if (isSettingName(name)) continue
    const own = ownOfListener(name)
    if (own === undefined) throw configError(name, 'is not a setting of the broker', name, whatIsMeant(name))
    if (value === undefined) continue
    const known = ofListener.get(own.listener) ?? {}
    known[own.setting] = readValue(name, settingsTable[own.setting], value)
    ofListener.set(own.listener, known)
  }
  const entries = Object.entries(settingsTable).map(([name, row]) => {
    const value: unknown = isSettingName(name) ? given[name] : undefined
    return [name, value === undefined ? row.default : readValue(name, row, value)]
  })
  const settings = Object.freeze({ ...Object.fromEntries(entries), ofListener }) as Settings
  const shortest = settings['group.min.session.timeout.ms']
  if (shortest > settings['group.max.session.timeout.ms']) {
    throw configError('group.min.session.timeout.ms', 'is above group.max.session.timeout.ms', shortest)
  }
  return settings
}

/** `listener.name.outside.ssl.client.auth` taken apart. */
function ownOfListener(name: string): { listener: string; setting: ListenerSettingName } | undefined {
  for (const setting of listenerSettings) {
    const listener = name.slice('listener.name.'.length, -setting.length - 1)
    if (listener !== '' && name === `listener.name.${listener}.${setting}`) {
      return { listener: listener.toLowerCase(), setting }
    }
  }
  return undefined
}

/** Kafka has the defaults of topics among the broker's settings; here they are the log's. */
function whatIsMeant(name: string): string | undefined {
  const ofTopics = topicConfigTable.find(({ serverName }) => serverName === name)
  if (ofTopics !== undefined)
    return `It is a default of topics: give the log "${ofTopics.name}" among its topicDefaults.`
  if (name.startsWith('listener.name.')) return `A listener may have its own: ${listenerSettings.join(', ')}.`
  const near = nearest(name, Object.keys(settingsTable))
  return near === undefined ? undefined : `Did you mean "${near}"?`
}

function readValue(name: string, row: SettingRow, value: unknown): boolean | number | string {
  if (row.type === 'boolean') {
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    throw configError(name, 'must be true or false', value)
  }
  if (row.type === 'string') {
    if (typeof value === 'string') return value.trim()
    throw configError(name, 'must be a text', row.isSecret ? typeof value : value)
  }
  const read = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
  if (typeof read === 'number' && Number.isInteger(read) && read >= row.min && read <= row.max) return read
  throw configError(name, `must be a whole number from ${row.min} to ${row.max}`, value)
}
