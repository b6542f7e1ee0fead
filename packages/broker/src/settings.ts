import { configError, nearest } from '@millrace/kernel'
import { topicConfigTable } from '@millrace/log/internal'
import { listenerSettings } from './security-settings.ts'
import type { SettingRow } from './setting-row.ts'
import { settingsTable } from './settings-table.ts'
import {
  type GivenTopicDefault,
  isTopicDefault,
  readTopicDefault,
  settingsBehind,
  type TopicDefaultSetting,
} from './topic-default-settings.ts'
import { type UnusedSetting, unusedSetting, unusedSettings } from './unused-settings.ts'

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
  /** Defaults of topics that were given, by the names of topic configs. */
  readonly topicDefaults: ReadonlyMap<string, string>
  /** The settings that said so, by those names: the one that counts first. */
  readonly topicDefaultsGiven: ReadonlyMap<string, readonly GivenTopicDefault[]>
  /** Settings of Apache Kafka that were given and have no effect. */
  readonly ignored: readonly UnusedSetting[]
}

/**
 * Settings as a user gives them: by Kafka's name, as a value or as the text of a properties file. Defaults of topics
 * stand among them, as in Kafka's `server.properties`. A listener's own begin with `listener.name.`, then its name.
 */
export type GivenSettings = {
  readonly [K in SettingName | TopicDefaultSetting | `listener.name.${string}`]?: Given
}
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
  const ignored: UnusedSetting[] = []
  for (const [name, value] of Object.entries(given)) {
    if (isSettingName(name) || isTopicDefault(name)) continue
    const own = ownOfListener(name)
    if (own === undefined) {
      const unused = unusedSetting(name)
      if (unused === undefined) throw configError(name, 'is not a setting of the broker', name, whatIsMeant(name))
      if (value !== undefined && isIgnored(name, unused, value)) ignored.push({ ...unused, name })
      continue
    }
    if (value === undefined) continue
    const known = ofListener.get(own.listener) ?? {}
    known[own.setting] = readValue(name, settingsTable[own.setting], value)
    ofListener.set(own.listener, known)
  }
  const entries = Object.entries(settingsTable).map(([name, row]) => {
    const value: unknown = isSettingName(name) ? given[name] : undefined
    return [name, value === undefined ? row.default : readValue(name, row, value)]
  })
  const rest = { ofListener, ignored, ...topicDefaultsOf(given) }
  const settings = Object.freeze({ ...Object.fromEntries(entries), ...rest }) as Settings
  const shortest = settings['group.min.session.timeout.ms']
  if (shortest > settings['group.max.session.timeout.ms']) {
    throw configError('group.min.session.timeout.ms', 'is above group.max.session.timeout.ms', shortest)
  }
  return settings
}

function topicDefaultsOf(given: GivenSettings): Pick<Settings, 'topicDefaults' | 'topicDefaultsGiven'> {
  const topicDefaults = new Map<string, string>()
  const topicDefaultsGiven = new Map<string, GivenTopicDefault[]>()
  for (const row of topicConfigTable) {
    for (const name of settingsBehind(row)) {
      if (!isTopicDefault(name) || given[name] === undefined) continue
      const { text, value } = readTopicDefault(name, given[name])
      if (!topicDefaults.has(row.name)) topicDefaults.set(row.name, value)
      topicDefaultsGiven.set(row.name, [...(topicDefaultsGiven.get(row.name) ?? []), { name, value: text }])
    }
  }
  return { topicDefaults, topicDefaultsGiven }
}

/** @throws CONFIG unless it makes no difference. Its value is not told: it may be a secret. */
function isIgnored(name: string, { verdict, doc }: UnusedSetting, value: Given): boolean {
  if (verdict === 'refused') throw configError(name, 'cannot be set here', name, doc)
  if (verdict === 'ignored') return true
  const text = String(value).trim()
  if (text !== '1' && text !== '-1') throw configError(name, 'must be 1', value, doc)
  return false
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

function whatIsMeant(name: string): string | undefined {
  if (name.startsWith('listener.name.')) return `A listener may have its own: ${listenerSettings.join(', ')}.`
  const ofTopics = topicConfigTable.flatMap(settingsBehind)
  const unused = unusedSettings.flatMap((row) => (row.name.endsWith('.') ? [] : [row.name]))
  const near = nearest(name, [...Object.keys(settingsTable), ...ofTopics, ...unused])
  return near === undefined ? undefined : `Did you mean "${near}"?`
}

const wholeForm = /^-?\d+$/
const doubleForm = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

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
  const form = row.isDouble === true ? doubleForm : wholeForm
  const read = typeof value === 'string' && form.test(value) ? Number(value) : value
  const isWhole = row.isDouble === true || Number.isInteger(read)
  if (typeof read === 'number' && isWhole && read >= row.min && read <= row.max) return read
  const kind = row.isDouble === true ? 'number' : 'whole number'
  throw configError(name, `must be a ${kind} from ${row.min} to ${row.max}`, value)
}
